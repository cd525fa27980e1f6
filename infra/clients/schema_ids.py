"""What schema ids on records mean, asked once each.

A record names the schema it was written with by id. An id that exists never changes its meaning, so it is kept for
good. An id that does not exist is remembered for a short while only: a registry with several nodes may learn of it a
moment after the first record, yet a stream of records with a wrong id must not become a stream of questions. Who
reads for many remembers for a moment also that the registry could not tell: its others wait meanwhile.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from infra.clients.errors import ClientError, RegistryUnavailable
from topics.schemas import Schema, parse

MISSING_FOR_S = 30.0
MOST_MISSING = 1024
AT_ONCE = 8


class SchemaSource(Protocol):
    """Where schemas come from: `Registry`, or a dictionary in a test."""

    async def schema(self, schema_id: int) -> str | None:
        """The schema of that id, None if there is none; raises RegistryUnavailable."""


class SchemaIds:
    """Schemas by id, which ids do not exist, and why the registry could not tell of others."""

    def __init__(
        self,
        source: SchemaSource,
        *,
        unanswered_for_s: float = 0.0,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Ask `source`, for an id without an answer again after so long; `clock_s` never runs backwards."""
        self._source, self._unanswered_for_s, self._clock_s = source, unanswered_for_s, clock_s
        self._schemas: dict[int, Schema] = {}
        self._missing: dict[int, tuple[float, str]] = {}  # until when, and why there was no answer

    def known(self, schema_id: int) -> bool:
        """Whether the schema of that id has been looked up and exists."""
        return schema_id in self._schemas

    def schema(self, schema_id: int) -> Schema:
        """The schema of a known id, the same object every time. Raises KeyError if it is not known."""
        return self._schemas[schema_id]

    async def lookup(self, schema_id: int) -> None:
        """Find out about an id: `known` says afterwards whether it exists. Unreadable as Avro counts as not existing.

        Raises RegistryUnavailable if the registry cannot say, or could not a moment ago.
        """
        if schema_id in self._schemas:
            return
        until_s, why = self._missing.get(schema_id, (0.0, ""))
        if self._clock_s() < until_s:
            if why:
                raise RegistryUnavailable(why)
            return
        try:
            text = await self._source.schema(schema_id)
        except RegistryUnavailable as error:
            self._remember_missing(schema_id, self._unanswered_for_s, str(error))
            raise
        try:
            if text is not None:
                self._schemas[schema_id] = parse(text)
                return
        except ValueError:
            pass  # another format, such as Protobuf: no record of ours can be read by it
        self._remember_missing(schema_id, MISSING_FOR_S)

    async def lookup_all(self, schema_ids: Iterable[int]) -> None:
        """Find out about several ids, a few at once; what went wrong `lookup` tells."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def in_turn(schema_id: int) -> None:
            async with turn:
                with contextlib.suppress(ClientError):
                    await self.lookup(schema_id)

        await asyncio.gather(*(in_turn(schema_id) for schema_id in schema_ids))

    def _remember_missing(self, schema_id: int, for_s: float, why: str = "") -> None:
        self._missing.pop(schema_id, None)
        if len(self._missing) >= MOST_MISSING:
            self._missing.pop(next(iter(self._missing)))
        self._missing[schema_id] = self._clock_s() + for_s, why
