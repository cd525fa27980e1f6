"""Rows into PostgreSQL: copied into a staging table, inserted from there, in one transaction.

    COPY staging ──> INSERT … SELECT … ON CONFLICT DO NOTHING ──> commit

A row that is there already stays as it is. How old a day is tells this machine's clock, bounded by the append time of
the newest row: before a row was read nothing is dropped, and a clock that is ahead drops nothing that is kept.
Everything here either happened whole or raises ClientError, after which the next call begins with a new connection.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import structlog

from agents.recorder_rows import TABLES, RecordTable, Row
from infra.clients.database import Database, connect_database, database_errors
from infra.clients.errors import ClientError
from infra.migrations import partitions
from infra.migrations.versions import known_migrations, pending, version_of

_log = structlog.get_logger(__name__)
HOUSE_EVERY_MS = 3_600_000


class Written(NamedTuple):
    """What became of rows: new ones, those that were there already, those older than what is kept."""

    new: int
    repeated: int
    expired: int


class Store(Protocol):
    """Where rows go."""

    async def keep_house(self, now_ms: int) -> None:
        """Make and drop partitions where it is time to. Raises ClientError, DatabaseNewerError."""

    async def write(self, rows: Mapping[RecordTable, Sequence[Row]], now_ms: int) -> Written:
        """Write rows; they are safe when this returns. Raises ClientError, DatabaseNewerError."""


class RecordStore:
    """One connection to the recorder's tables, made again whenever it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Any = None
        self._days: set[date] = set()
        self._house_kept_ms = 0
        self._newest: date | None = None

    async def keep_house(self, now_ms: int) -> None:
        """Make partitions ahead and, once a row was read, drop those nobody keeps; on a new connection, and hourly."""
        if self._connection is not None and abs(now_ms - self._house_kept_ms) < HOUSE_EVERY_MS:
            return
        async with self._connected("making and dropping partitions"):
            await self._keep_house(now_ms)

    async def write(self, rows: Mapping[RecordTable, Sequence[Row]], now_ms: int) -> Written:
        """Insert those rows that are not there yet, all of them or none."""
        days = [row.day for some in rows.values() for row in some]
        self._newest = max(days if self._newest is None else [*days, self._newest], default=None)
        oldest = partitions.first_kept(self._today(now_ms), self._database.keep_days)
        kept = {table: [row for row in some if row.day >= oldest] for table, some in rows.items()}
        expired = sum(map(len, rows.values())) - sum(map(len, kept.values()))
        async with self._connected("recording"):
            new = await self._write(kept)
        return Written(new, sum(map(len, kept.values())) - new, expired)

    @asynccontextmanager
    async def _connected(self, doing: str) -> AsyncIterator[None]:
        """There is a good connection inside; any failure, a cancellation too, costs it."""
        try:
            if self._connection is None:
                await self._connect()
            with database_errors(self._database, doing):
                yield
        except BaseException:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.terminate()  # what was underway is undone by the server
            raise

    async def _connect(self) -> None:
        self._connection = connection = await connect_database(self._database)
        with database_errors(self._database, "looking at its tables"):
            missing = pending(await version_of(connection), known_migrations())
            if missing:
                raise ClientError(
                    f"the database at {self._database.place} lacks {len(missing)} migrations: run `faretide db migrate`"
                )
            for table in TABLES:
                await connection.execute(
                    f"CREATE TEMPORARY TABLE {_staging(table)} (LIKE {table.name} INCLUDING DEFAULTS) "
                    "ON COMMIT DELETE ROWS"
                )
            self._days = _whole_days(await partitions.existing(connection))

    def _today(self, now_ms: int) -> date:
        return _day(now_ms) if self._newest is None else partitions.bounded_today(_day(now_ms), self._newest)

    async def _keep_house(self, now_ms: int) -> None:
        today = self._today(now_ms)
        await self._have(partitions.days_ahead(today))
        if self._newest is None:
            return
        if abs(_day(now_ms) - self._newest) > timedelta(days=1):
            _log.warning(
                "this machine's day is not that of the newest record: its clock is off, or the recorder is days behind",
                day=str(_day(now_ms)),
                newest=str(self._newest),
            )
        oldest = partitions.first_kept(today, self._database.keep_days)
        dropped = await partitions.drop_before(self._connection, oldest)
        self._days = {day for day in self._days if day >= oldest}
        self._house_kept_ms = now_ms
        if dropped:
            _log.info("old records dropped", partitions=[part.name for part in dropped], oldest_kept=str(oldest))

    async def _write(self, rows: Mapping[RecordTable, Sequence[Row]]) -> int:
        await self._have({row.day for some in rows.values() for row in some})
        new = 0
        async with self._connection.transaction():
            for table, some in rows.items():
                if some:
                    new += await self._insert(table, some)
        return new

    async def _insert(self, table: RecordTable, rows: Sequence[Row]) -> int:
        """Rows of one table; returns how many were new."""
        columns, staging = table.columns, _staging(table)
        await self._connection.copy_records_to_table(staging, records=[row.values for row in rows], columns=columns)
        named = ", ".join(columns)
        done = await self._connection.execute(
            f"INSERT INTO {table.name} ({named}) SELECT {named} FROM {staging} ON CONFLICT DO NOTHING"  # noqa: S608  our names
        )
        return int(done.rpartition(" ")[2])

    async def _have(self, days: Iterable[date]) -> None:
        """Make the partitions of those days that are not known to exist."""
        unknown = {*days} - self._days
        if unknown:
            await partitions.make(self._connection, unknown)
            self._days |= unknown


def _staging(table: RecordTable) -> str:
    return f"staging_{table.name}"


def _day(now_ms: int) -> date:
    return datetime.fromtimestamp(now_ms / 1000, UTC).date()


def _whole_days(found: Iterable[partitions.Partition]) -> set[date]:
    """Days for which every table has its partition."""
    parts = set(found)
    return {
        part.day for part in parts if all(partitions.Partition(table, part.day) in parts for table in partitions.TABLES)
    }
