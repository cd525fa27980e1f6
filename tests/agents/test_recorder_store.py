"""What the recorder's store drops and passes over by the clock, with a database in memory."""

import re
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta

import pytest

from agents import recorder_store
from agents.recorder_rows import RIDE_EVENTS_TABLE, Row
from agents.recorder_store import HOUSE_EVERY_MS, RecordStore
from infra.clients.database import Database
from infra.migrations.partitions import TABLES, Partition
from infra.migrations.versions import known_migrations

DAY_MS = 86_400_000
TODAY = date(2026, 3, 10)
NOON_MS = int(datetime(2026, 3, 10, 12, tzinfo=UTC).timestamp() * 1000)
KEEP_DAYS = 3


class Tables:
    """A connection that knows its partitions and takes every row for new."""

    def __init__(self, days):
        self.parts = {Partition(table, day).name for day in days for table in TABLES}
        self.copied = 0

    @property
    def days(self):
        """Days with a partition of any table."""
        return sorted({Partition.named(name).day for name in self.parts})

    async def fetchval(self, _question):
        return len(known_migrations())

    async def fetch(self, _question, *_arguments):
        return [{"relname": name} for name in self.parts]

    async def execute(self, statement, *_arguments):
        made = re.match(r"CREATE TABLE (\w+)", statement)
        dropped = re.match(r"DROP TABLE IF EXISTS (\w+)", statement)
        self.parts |= {made[1]} if made else set()
        self.parts -= {dropped[1]} if dropped else set()
        return f"INSERT 0 {self.copied}"

    async def copy_records_to_table(self, _name, *, records, columns):
        self.copied = len(records)

    @asynccontextmanager
    async def transaction(self):
        yield


@pytest.fixture
def tables(monkeypatch):
    """Partitions of the last five days; whoever connects is given them."""
    there = Tables([TODAY - timedelta(days=back) for back in range(5)])

    async def connect(_database):
        return there

    monkeypatch.setattr(recorder_store, "connect_database", connect)
    return there


def rows(*days):
    """One row of each day."""
    return {RIDE_EVENTS_TABLE: [Row(day, (), unreadable=False) for day in days]}


def store():
    return RecordStore(Database(url="postgresql://here/rides", keep_days=KEEP_DAYS))


async def test_before_a_row_was_read_nothing_is_dropped(tables):
    """Whatever the clock says: days ahead of it are made, and that is all."""
    before = tables.days
    await store().keep_house(NOON_MS + 400 * DAY_MS)
    assert tables.days == [*before, *(TODAY + timedelta(days=ahead) for ahead in (400, 401, 402))]


async def test_what_is_older_than_kept_is_dropped_once_a_row_was_read(tables):
    """At the next look, not an hour later; rows of such days are passed over."""
    here = store()
    await here.keep_house(NOON_MS)
    assert await here.write(rows(TODAY, TODAY - timedelta(days=KEEP_DAYS)), NOON_MS) == (1, 0, 1)
    await here.keep_house(NOON_MS)
    assert tables.days == [TODAY + timedelta(days=ahead) for ahead in range(1 - KEEP_DAYS, 3)]


async def test_a_clock_that_is_ahead_drops_and_passes_over_nothing_that_is_kept(tables, capsys):
    """Append times judge: one day beyond them at most is believed, and the log says that they differ."""
    here, ahead_ms = store(), NOON_MS + 400 * DAY_MS
    assert await here.write(rows(TODAY, TODAY - timedelta(days=1)), ahead_ms) == (2, 0, 0)
    await here.keep_house(ahead_ms)
    assert [TODAY - timedelta(days=1), TODAY] == [day for day in tables.days if day <= TODAY]
    assert "its clock is off" in capsys.readouterr().out


async def test_a_clock_that_was_set_right_keeps_house_again(tables):
    """What an hour is does not depend on which way the clock went."""
    here = store()
    await here.write(rows(TODAY), NOON_MS)
    await here.keep_house(NOON_MS + 400 * DAY_MS)
    await here.write(rows(TODAY + timedelta(days=2)), NOON_MS + 2 * DAY_MS)
    await here.keep_house(NOON_MS + 2 * DAY_MS + HOUSE_EVERY_MS)
    assert min(tables.days) == TODAY
