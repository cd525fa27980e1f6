"""The audit of redrives in PostgreSQL: a row per letter before its record is published, completed afterwards."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import asyncpg

from infra.cli.dead_letters.checking import Checked
from infra.clients.errors import ClientError
from infra.migrations.versions import known_migrations, pending, version_of

_ROUNDS = """
SELECT dlq_topic, dlq_partition, dlq_offset, refused_ms, max(round) AS round FROM redrives
WHERE dlq_topic = ANY($1) AND (problem IS NULL) GROUP BY 1, 2, 3, 4"""
_INTEND = """
INSERT INTO redrives (dlq_topic, dlq_partition, dlq_offset, refused_ms, round, redrive_id, author, reason, source_topic,
    source_partition, source_offset, error_class, rule, attempt, edited, record_key, value_before, value_after)
VALUES ($1, $2, $3, $4,
    (SELECT coalesce(max(round), 0) + 1 FROM redrives
     WHERE (dlq_topic, dlq_partition, dlq_offset, refused_ms) = ($1, $2, $3, $4)),
    $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"""
_PUBLISHED = """
UPDATE redrives SET published_partition = $6, published_offset = $7, published_at = $8, problem = $9
WHERE redrive_id = $5 AND (dlq_topic, dlq_partition, dlq_offset, refused_ms) = ($1, $2, $3, $4)"""
_HISTORY = """
SELECT * FROM redrives WHERE ($1 = '' OR redrive_id = $1) AND ($2 = '' OR source_topic = $2)
AND ($3::bytea IS NULL OR record_key = $3) ORDER BY decided_at, redrive_id, dlq_topic, dlq_partition, dlq_offset"""

At = tuple[str, int, int, int]
"""Topic, partition and offset of a letter, and when it was refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """What became of one record: where it was published, or why it was not; neither where no broker said."""

    letter: At
    partition: int | None = None
    offset: int | None = None
    at_ms: int = 0
    problem: str | None = None

    @property
    def trouble(self) -> str:
        """Why it cannot be called published; empty if it can."""
        if self.problem is not None:
            return f"was not published: {self.problem}"
        return "" if self.offset is not None else "may be published or not: no broker acknowledged it"


def at_of(one: Checked) -> At:
    """The letter's identity."""
    letter = one.letter
    return letter.dlq.name, letter.partition, letter.offset, letter.letter.now_ms


@dataclass(frozen=True, slots=True)
class Audit:
    """The table, over one connection."""

    connection: Any

    async def check_version(self) -> None:
        """Raises ClientError if the table is not there yet."""
        missing = pending(await version_of(self.connection), known_migrations())
        if missing:
            raise ClientError(f"the database lacks {len(missing)} migrations: run `faretide db migrate`")

    async def rounds(self, topics: Sequence[str]) -> dict[At, int]:
        """How often each letter of those dead-letter topics was redriven."""
        rows = await self.connection.fetch(_ROUNDS, list(topics))
        return {(r["dlq_topic"], r["dlq_partition"], r["dlq_offset"], r["refused_ms"]): r["round"] for r in rows}

    async def intend(self, redrive_id: str, author: str, reason: str, ready: Sequence[Checked]) -> None:
        """Write the rows, all or none.

        Raises ClientError if somebody else redrives one of the letters at this instant.
        """
        rows = [_row(redrive_id, author, reason, one) for one in ready]
        try:
            async with self.connection.transaction():
                await self.connection.executemany(_INTEND, rows)
        except asyncpg.UniqueViolationError:
            raise ClientError(
                "somebody redrives one of these letters right now: look at `faretide dlq history`"
            ) from None

    async def completed(self, redrive_id: str, put: Sequence[Put]) -> None:
        """Note what became of each; one of which nothing is known stays a row without a place."""
        rows = [
            (
                *one.letter,
                redrive_id,
                one.partition,
                one.offset,
                datetime.fromtimestamp(one.at_ms / 1000, UTC) if one.at_ms else None,
                one.problem,
            )
            for one in put
            if one.offset is not None or one.problem is not None
        ]
        async with self.connection.transaction():
            await self.connection.executemany(_PUBLISHED, rows)

    async def history(self, *, redrive_id: str = "", topic: str = "", key: str = "") -> list[dict[str, Any]]:
        """Rows in the order of deciding; empty arguments mean any."""
        return [dict(row) for row in await self.connection.fetch(_HISTORY, redrive_id, topic, key.encode() or None)]


def _row(redrive_id: str, author: str, reason: str, one: Checked) -> tuple[Any, ...]:
    told = one.letter.letter
    return (
        *at_of(one),
        redrive_id,
        author,
        reason,
        told.topic,
        told.partition,
        told.offset,
        told.error_class,
        told.rule,
        told.attempt + 1,
        one.edited,
        one.key,
        told.value,
        one.value,
    )
