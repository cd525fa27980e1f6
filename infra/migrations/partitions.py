"""One partition per table and day of append time (UTC): made before the day comes, dropped when nobody keeps it.

    dropped │ kept: keep_days, today included │ made ahead
    ────────┼─────────────────────────────────┼─────────────
            first_kept                   today  +1  +2

Partitions are attached rather than created in place and dropped with a bounded wait, so that neither stops whoever
reads the table.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import asyncpg

from infra.migrations.versions import LOCK

TABLES = ("quotes", "ticks", "booking_decisions", "ride_events", "dead_letters")
DAYS_AHEAD = 2
DROP_WAITS_MS = 2_000
_NAME = re.compile(r"(?P<table>[a-z_]+)_(?P<day>\d{8})")


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The part of `table` that holds one day."""

    table: str
    day: date

    @property
    def name(self) -> str:
        """Name of the part.

        >>> Partition("quotes", date(2026, 3, 1)).name
        'quotes_20260301'
        """
        return f"{self.table}_{self.day:%Y%m%d}"

    @classmethod
    def named(cls, name: str) -> "Partition | None":
        """The part of that name; None if it is none of ours, which is then left alone.

        >>> Partition.named("quotes_20260301").day
        datetime.date(2026, 3, 1)
        """
        match = _NAME.fullmatch(name)
        if match is None or match["table"] not in TABLES:
            return None
        try:
            return cls(match["table"], datetime.strptime(f"{match['day']}+0000", "%Y%m%d%z").date())
        except ValueError:
            return None


def days_ahead(today: date) -> list[date]:
    """Days for which there must be partitions: today and the next ones.

    >>> [day.day for day in days_ahead(date(2026, 2, 27))]
    [27, 28, 1]
    """
    return [today + timedelta(days=ahead) for ahead in range(DAYS_AHEAD + 1)]


def first_kept(today: date, keep_days: int) -> date:
    """The oldest day that is kept when `keep_days` are, today included.

    Raises ValueError if `keep_days` is not positive.

    >>> first_kept(date(2026, 3, 2), 3)
    datetime.date(2026, 2, 28)
    """
    if keep_days < 1:
        raise ValueError(f"keep_days must be positive, got {keep_days}")
    return today - timedelta(days=keep_days - 1)


def bounded_today(local: date, newest: date) -> date:
    """The day by which is judged what is old: this machine's, but not beyond the day after the newest append time.

    A clock that is ahead would drop every day there is; the days are of the brokers' time, which judges them.

    >>> bounded_today(date(2027, 3, 1), date(2026, 3, 1))
    datetime.date(2026, 3, 2)
    """
    return min(local, newest + timedelta(days=1))


def expired(partitions: Iterable[Partition], oldest: date) -> list[Partition]:
    """Those before the oldest day kept, oldest first."""
    return sorted((part for part in partitions if part.day < oldest), key=lambda part: part.day)


async def existing(connection: Any) -> list[Partition]:  # noqa: ANN401  asyncpg ships no types
    """The partitions the database has."""
    names = await connection.fetch(
        "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid "
        "WHERE inhparent IN (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)",
        TABLES,
    )
    return sorted(part for row in names if (part := Partition.named(row["relname"])) is not None)


async def make(connection: Any, days: Iterable[date]) -> list[Partition]:  # noqa: ANN401  as above
    """Make the missing partitions of these days and return them; other processes may do the same meanwhile."""
    wanted = {Partition(table, day) for day in days for table in TABLES}
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        missing = sorted(wanted - {*await existing(connection)})
        for part in missing:
            # names and dates come from here, not from outside
            await connection.execute(
                f"CREATE TABLE {part.name} (LIKE {part.table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS); "
                f"ALTER TABLE {part.table} ATTACH PARTITION {part.name} "
                f"FOR VALUES FROM ('{part.day}') TO ('{part.day + timedelta(days=1)}')"
            )
    return missing


async def drop_before(connection: Any, oldest: date) -> list[Partition]:  # noqa: ANN401  as above
    """Drop the partitions before `oldest` and return them; one that somebody reads stays until the next time."""
    dropped = []
    for part in expired(await existing(connection), oldest):
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {DROP_WAITS_MS}")
                await connection.execute(f"DROP TABLE IF EXISTS {part.name}")
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            continue
        dropped.append(part)
    return dropped
