"""A fleet that falls silent at once has not left: SUPPLY says nothing then, and PRICING takes supply for missing."""

import numpy as np
import pytest

from agents.supply import FLEET, SILENT_AFTER_MS
from supply.fleet import PING_EXPIRY_MS
from tests.agents.test_supply_repeats import START_MS, a_partition, told
from topics.counts import CountKind
from windows.hexagons import cells_of


def a_fleet(cars, *, leaving=False):
    """So many cars in the middle of the city, seen at the start; `leaving` has all of them sign off."""
    partition = a_partition()

    def ping(at_ms, status):
        partition._appended_ms = at_ms
        partition._fleet.observe(
            driver=np.arange(1, cars + 1),
            at_ms=np.full(cars, at_ms),
            cell=cells_of(np.full(cars, 40.75), np.full(cars, -73.98)),
            status=np.full(cars, status, np.int8),
            products=np.ones(cars, np.uint64),
            free_at_ms=np.full(cars, -1),
        )

    ping(START_MS, 1)
    assert sum(record.idle[0] for record in told(partition, START_MS) if record.kind is CountKind.CELLS) > 0
    if leaving:
        ping(START_MS + 1_000, 3)
        told(partition, START_MS + 1_000)
    return partition, ping


def test_a_silent_fleet_is_neither_alive_nor_gone():
    """Not a word, though the drivers' pings expire; with the next pings all goes on."""
    partition, ping = a_fleet(FLEET)
    assert told(partition, START_MS + SILENT_AFTER_MS) != []
    for after_ms in (SILENT_AFTER_MS + 1, PING_EXPIRY_MS + 1, 700_000):
        assert told(partition, START_MS + after_ms) == []
    ping(START_MS + 700_000, 1)
    again = told(partition, START_MS + 700_100)
    assert CountKind.ALIVE in {record.kind for record in again}
    assert all(sum(record.idle) > 0 for record in again if record.kind is CountKind.CELLS)


@pytest.mark.parametrize(("cars", "leaving"), [(FLEET - 1, False), (FLEET, True), (40, True)])
def test_a_few_cars_or_a_fleet_that_signed_off_may_go(cars, leaving):
    """Silence of a few is no sign, and nobody waits for cars that said they are offline."""
    partition, _ = a_fleet(cars, leaving=leaving)
    gone = told(partition, START_MS + PING_EXPIRY_MS + 1_001)
    assert CountKind.ALIVE in {record.kind for record in gone}
