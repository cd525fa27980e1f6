"""Quotes and ticks that the recorder keeps in PostgreSQL, as records again, after the topics forgot them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from infra.clients.database import Database, find_database, open_database
from infra.clients.errors import ClientError
from infra.migrations.versions import version_of
from infra.settings import Settings
from topics.catalogue import QUOTES, SURGE, Topic
from topics.codec import record_of

_QUOTE = """
SELECT partition, record_offset, appended_at, record::text AS record FROM binding_quotes
WHERE quote_id = $1 AND record IS NOT NULL LIMIT 1"""
_QUOTE_AT = """
SELECT partition, record_offset, appended_at, record::text AS record FROM quotes
WHERE topic = $1 AND partition = $2 AND record_offset = $3 AND record IS NOT NULL ORDER BY day DESC LIMIT 1"""
_TICK = """
SELECT partition, record_offset, appended_at, record::text AS record FROM ticks
WHERE topic = $1 AND partition = $2 AND record_offset = $3 AND record IS NOT NULL AND day BETWEEN $4 AND $5 LIMIT 1"""

_TICKS_UNTIL = """
SELECT DISTINCT ON (zone) partition, record_offset, appended_at, record::text AS record FROM ticks
WHERE record IS NOT NULL AND day BETWEEN $3 AND $4 AND appended_at > $1 AND appended_at <= $2
ORDER BY zone, appended_at DESC"""
_QUOTES_UNTIL = """
SELECT partition, record_offset, appended_at, record::text AS record FROM quotes
WHERE record IS NOT NULL AND day BETWEEN $3 AND $4 AND appended_at > $1 AND appended_at <= $2
ORDER BY appended_at DESC LIMIT 100"""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """A record of a topic as the database has it, and where it stood there."""

    partition: int
    offset: int
    appended_ms: int
    record: Any


@dataclass(frozen=True, slots=True)
class Kept:
    """The recorder's tables; one connection a question."""

    database: Database

    async def quote(self, quote_id: str) -> KeptRecord | None:
        """The binding quote of that id. Raises ClientError, UnreachableError."""
        return await self._one(QUOTES, _QUOTE, quote_id)

    async def quote_at(self, partition: int, offset: int) -> KeptRecord | None:
        """The quote that stood at that place of quotes.v1, the newest one if the topic was ever made anew."""
        return await self._one(QUOTES, _QUOTE_AT, QUOTES.name, partition, offset)

    async def tick(self, partition: int, offset: int, *, near_ms: int) -> KeptRecord | None:
        """The tick at that place of surge.v1, appended on the day of `near_ms` or one beside it."""
        day = datetime.fromtimestamp(near_ms / 1000, UTC).date()
        one = timedelta(days=1)
        return await self._one(SURGE, _TICK, SURGE.name, partition, offset, day - one, day + one)

    async def ticks_until(self, at_ms: int, *, back_ms: int) -> list[KeptRecord]:
        """The newest tick of each zone appended in the `back_ms` up to `at_ms`."""
        return await self._until(SURGE, _TICKS_UNTIL, at_ms, back_ms)

    async def quotes_until(self, at_ms: int, *, back_ms: int) -> list[KeptRecord]:
        """The newest hundred quotes appended in the `back_ms` up to `at_ms`, oldest first."""
        return (await self._until(QUOTES, _QUOTES_UNTIL, at_ms, back_ms))[::-1]

    async def _until(self, topic: Topic, question: str, at_ms: int, back_ms: int) -> list[KeptRecord]:
        since, until = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (at_ms - back_ms, at_ms))
        return await self._all(topic, question, since, until, since.date(), until.date())

    async def _one(self, topic: Topic, question: str, *asked: object) -> KeptRecord | None:
        return next(iter(await self._all(topic, question, *asked)), None)

    async def _all(self, topic: Topic, question: str, *asked: object) -> list[KeptRecord]:
        async with open_database(self.database) as connection:
            if not await version_of(connection):
                raise ClientError(f"the database at {self.database.place} has no tables: run `faretide db migrate`")
            rows = await connection.fetch(question, *asked)
        try:
            return [_kept(topic, row) for row in rows]
        except ValueError as error:
            raise ClientError(f"a row of {topic.name} at {self.database.place} cannot be read: {error}") from error


def _kept(topic: Topic, row: Mapping[str, Any]) -> KeptRecord:
    """The record of a row. Raises ValueError if it does not have the topic's fields."""
    return KeptRecord(
        partition=row["partition"],
        offset=row["record_offset"],
        appended_ms=round(row["appended_at"].timestamp() * 1000),
        record=record_of(topic, orjson.loads(row["record"])),
    )


def kept_of(settings: Settings) -> Kept | None:
    """The recorder's tables of these settings; None where no database is configured."""
    try:
        return Kept(find_database(settings))
    except ClientError:
        return None
