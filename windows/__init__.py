"""Where and when things are counted: hexagons, panes, grace and the order of writers. Pure."""
