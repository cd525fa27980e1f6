"""From a request to its one answer, and whether an acceptance of it stands."""
