"""The ledger of late events: what stands in it, and that a batch full of them is read in one pass."""

import asyncio
from types import SimpleNamespace

import numpy as np
from aiokafka import ConsumerRecord

from agents.runtime.contracts import Contracts
from agents.runtime.intake import Intake, Taken
from agents.runtime.telemetry import Meter
from agents.runtime.worker import CODED_AT_ONCE, Worker
from topics.catalogue import DRIVER_PINGS, LATE_EVENTS
from topics.schemas import schema_of

AT_MS = 1_790_000_000_000


class Pings:
    """Columns of rows whose driver has the number of the row."""

    def __init__(self, rows):
        self.source_row, self.calls = np.arange(rows), 0

    def ints(self, _name):
        """Event times."""
        return AT_MS + self.source_row

    def texts(self, _name, rows):
        """Drivers' ids."""
        self.calls += 1
        return [f"driver-{row}" for row in rows]


class Records(list):
    """Counts how many were looked at, each for one late event."""

    looked_at = 0

    def __getitem__(self, which):
        """One of them."""
        self.looked_at += 1
        return super().__getitem__(which)


def intake():
    worker = SimpleNamespace(
        service="supply", meter=Meter(service="supply", worker="w"), partitions={DRIVER_PINGS.name: 1}
    )
    return Intake(DRIVER_PINGS, None, None, worker)


def taken(rows, columns, *, replayed=0):
    records = Records(
        ConsumerRecord(DRIVER_PINGS.name, 0, 100 + n, AT_MS + 60_000, 1, b"k", b"v", None, 0, 0, ())
        for n in range(columns.source_row.size)
    )
    return Taken(SimpleNamespace(records=records, replayed=replayed), columns, rows, np.full(rows.size, AT_MS), ())


def test_each_late_event_stands_in_the_ledger_under_its_own_id():
    """Of eight pings, the one at 2 unusable and those up to 1 replayed, every other one is late."""
    rows, columns = np.array([0, 1, 3, 4, 5, 6, 7]), Pings(8)
    batch = taken(rows, columns, replayed=2)
    entries = [one.record for one in intake().late(batch, rows % 2 == 1, "driver_id")]
    assert [(entry.id, entry.offset, entry.at_ms - AT_MS) for entry in entries] == [
        (f"driver-{row}", 100 + row, row) for row in (3, 5, 7)
    ]
    assert columns.calls == 1
    assert not [*intake().late(batch, np.zeros(rows.size, bool), "driver_id")]


async def test_other_tasks_run_while_a_batch_of_late_events_is_made_and_encoded():
    """All come out, in order, and no more than a few are made between two turns of another task."""
    many, turns = 1000, [0]
    contracts = Contracts({LATE_EVENTS.subject: 1}, {1: schema_of(LATE_EVENTS)})
    worker = Worker(
        service="supply",
        name="supply-0",
        partitions={},
        contracts=contracts,
        schema_ids=None,
        meter=Meter(service="supply", worker="supply-0"),
        bootstrap="",
        security={},
    )
    batch = taken(np.arange(many), Pings(many))

    async def beat():
        while batch.batch.records.looked_at < many:
            turns.append(batch.batch.records.looked_at)
            await asyncio.sleep(0)

    beating = asyncio.create_task(beat())
    records = await worker.coded(intake().late(batch, np.ones(many, bool), "driver_id"))
    await beating
    assert [contracts.decode(LATE_EVENTS, record.value).offset for record in records] == [100 + n for n in range(many)]
    assert max(np.diff([*turns, many])) <= CODED_AT_ONCE
