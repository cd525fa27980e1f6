"""What schema ids on records mean, asked once each.

A record names the schema it was written with by id. An id that exists never changes its meaning, so it is kept for
good. An id that does not exist is remembered for a short while only: a registry with several nodes may learn of it a
moment after the first record, yet a stream of records with a wrong id must not become a stream of questions.
"""

import time
from collections.abc import Callable
from typing import Protocol

from topics.schemas import Schema, parse

MISSING_FOR_S = 30.0
MOST_MISSING = 1024


class SchemaSource(Protocol):
    """Where schemas come from: `Registry`, or a dictionary in a test."""

    async def schema(self, schema_id: int) -> str | None:
        """The schema of that id, None if there is none; raises RegistryUnavailable."""


class SchemaIds:
    """Schemas by id, and which ids do not exist."""

    def __init__(self, source: SchemaSource, *, clock_s: Callable[[], float] = time.monotonic) -> None:
        """Ask `source`; `clock_s` gives seconds that never run backwards."""
        self._source, self._clock_s = source, clock_s
        self._schemas: dict[int, Schema] = {}
        self._missing: dict[int, float] = {}

    def known(self, schema_id: int) -> bool:
        """Whether the schema of that id has been looked up and exists."""
        return schema_id in self._schemas

    def schema(self, schema_id: int) -> Schema:
        """The schema of a known id, the same object every time. Raises KeyError if it is not known."""
        return self._schemas[schema_id]

    async def lookup(self, schema_id: int) -> None:
        """Find out about an id: `known` says afterwards whether it exists. Unreadable as Avro counts as not existing.

        Raises RegistryUnavailable if the registry cannot say; nothing is remembered then.
        """
        if schema_id in self._schemas or self._clock_s() < self._missing.get(schema_id, 0.0):
            return
        text = await self._source.schema(schema_id)
        try:
            if text is not None:
                self._schemas[schema_id] = parse(text)
                return
        except ValueError:
            pass  # another format, such as Protobuf: no record of ours can be read by it
        self._remember_missing(schema_id)

    def _remember_missing(self, schema_id: int) -> None:
        self._missing.pop(schema_id, None)
        if len(self._missing) >= MOST_MISSING:
            self._missing.pop(next(iter(self._missing)))
        self._missing[schema_id] = self._clock_s() + MISSING_FOR_S
