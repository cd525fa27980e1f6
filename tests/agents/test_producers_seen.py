"""Whose records a worker looks at for the rule that placed them."""

from types import SimpleNamespace

import pytest
from aiokafka import ConsumerRecord

from agents.runtime.intake import LOOKED_AT, Intake
from agents.runtime.telemetry import Meter
from topics.catalogue import DRIVER_PINGS


class Looked(list):
    """Records that count how many of them are taken out."""

    times = 0

    def __getitem__(self, place):
        """The record there."""
        Looked.times += 1
        return super().__getitem__(place)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 16])
def test_one_of_four_records_is_looked_at_whatever_batches_they_come_in(monkeypatch, size):
    """A batch of one costs a fourth of a look."""
    monkeypatch.setattr(Looked, "times", 0)
    worker = SimpleNamespace(
        service="supply", meter=Meter(service="supply", worker="w"), partitions={DRIVER_PINGS.name: 1}
    )
    intake = Intake(DRIVER_PINGS, None, None, worker)
    pings = [ConsumerRecord(DRIVER_PINGS.name, 0, n, 0, 1, b"driver-1", b"", None, 0, 0, ()) for n in range(336)]
    for first in range(0, len(pings), size):
        intake.look_at_producers(Looked(pings[first : first + size]), 0)
    assert Looked.times == len(pings) // LOOKED_AT
