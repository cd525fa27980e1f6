"""Recorded topics run again through the rules of the services: what came out, to the byte; what a change would do."""
