"""The dashboard: a server that reads topics and telemetry, and the page that shows them live.

Folds (`flows`, `city`, `answers`, `losses`) turn records into keyed values; boards find what changed; the hub sends it
to whoever watches. Nothing here writes to a topic or asks a service anything.
"""
