"""Recorded topics run again through the rules of the services: what was published, to the byte, and what a change would do."""
