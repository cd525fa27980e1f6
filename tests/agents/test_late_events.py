"""The ledger of late events: what stands in it, and that a batch full of them is read in one pass."""

from types import SimpleNamespace

import numpy as np
from aiokafka import ConsumerRecord

from agents.runtime.intake import Intake, Taken
from agents.runtime.telemetry import Meter
from topics.catalogue import DRIVER_PINGS

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


def test_each_late_event_stands_in_the_ledger_under_its_own_id():
    """Of eight pings, the one at 2 unusable and those up to 1 replayed, every other one is late."""
    worker = SimpleNamespace(
        service="supply", meter=Meter(service="supply", worker="w"), partitions={DRIVER_PINGS.name: 1}
    )
    records = [
        ConsumerRecord(DRIVER_PINGS.name, 0, 100 + n, AT_MS + 60_000, 1, b"k", b"v", None, 0, 0, ()) for n in range(8)
    ]
    rows, columns = np.array([0, 1, 3, 4, 5, 6, 7]), Pings(8)
    taken = Taken(SimpleNamespace(records=records, replayed=2), columns, rows, np.full(rows.size, AT_MS + 60_000), [])
    intake = Intake(DRIVER_PINGS, None, None, worker)
    entries = [one.record for one in intake.late(taken, rows % 2 == 1, "driver_id")]
    assert [(entry.id, entry.offset, entry.at_ms - AT_MS) for entry in entries] == [
        (f"driver-{row}", 100 + row, row) for row in (3, 5, 7)
    ]
    assert columns.calls == 1
    assert intake.late(taken, np.zeros(rows.size, bool), "driver_id") == []
