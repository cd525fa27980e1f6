"""A fleet that falls silent at once has not left: SUPPLY says nothing then, and PRICING takes supply for missing."""

import numpy as np
import pytest

from supply.fleet import PING_EXPIRY_MS
from supply.silence import FLEET, SILENT_AFTER_MS
from tests.agents.test_supply_repeats import START_MS, a_partition, told
from topics.counts import CountKind
from windows.hexagons import cells_of


def ping(partition, at_ms, status, *, cars):
    """So many cars in the middle of the city say how they are."""
    partition._appended_ms = at_ms
    partition._fleet.observe(
        driver=np.arange(1, cars + 1),
        at_ms=np.full(cars, at_ms),
        cell=cells_of(np.full(cars, 40.75), np.full(cars, -73.98)),
        status=np.full(cars, status, np.int8),
        products=np.ones(cars, np.uint64),
        free_at_ms=np.full(cars, -1),
    )


def a_fleet(cars, *, leaving=False):
    """So many cars, seen at the start; `leaving` has all of them sign off."""
    partition = a_partition()
    ping(partition, START_MS, 1, cars=cars)
    assert sum(record.idle[0] for record in told(partition, START_MS) if record.kind is CountKind.CELLS) > 0
    if leaving:
        ping(partition, START_MS + 1_000, 3, cars=cars)
        told(partition, START_MS + 1_000)
    return partition


def test_a_silent_fleet_is_neither_alive_nor_gone():
    """Not a word, though the drivers' pings expire; with the next pings all goes on."""
    partition = a_fleet(FLEET)
    assert told(partition, START_MS + SILENT_AFTER_MS) != []
    for after_ms in (SILENT_AFTER_MS + 1, PING_EXPIRY_MS + 1, 700_000):
        assert told(partition, START_MS + after_ms) == []
    ping(partition, START_MS + 700_000, 1, cars=FLEET)
    again = told(partition, START_MS + 700_100)
    assert CountKind.ALIVE in {record.kind for record in again}
    assert all(sum(record.idle) > 0 for record in again if record.kind is CountKind.CELLS)


def test_the_first_of_a_fleet_to_come_back_are_not_told_as_all_of_it():
    """Three of a hundred cars after a silence: not a word until most are there, and then of all that are."""
    partition = a_fleet(100)
    assert told(partition, START_MS + 40_000) == []
    for after_ms, cars in ((40_100, 3), (45_000, 40), (50_000, 79)):
        ping(partition, START_MS + after_ms, 1, cars=cars)
        assert told(partition, START_MS + after_ms) == []
    ping(partition, START_MS + 52_000, 1, cars=80)
    again = told(partition, START_MS + 52_000)
    assert {sum(record.idle) for record in again if record.kind is CountKind.CELLS} == {80}
    assert CountKind.ALIVE in {record.kind for record in again}


def test_a_fleet_that_does_not_come_back_is_told_after_one_expiry():
    """Who sends nothing for so long, while others do, has gone; from then on they are the fleet."""
    partition = a_fleet(100)
    assert told(partition, START_MS + 40_000) == []
    first_ms = START_MS + 60_000
    for at_ms in range(first_ms, first_ms + PING_EXPIRY_MS, 5_000):
        ping(partition, at_ms, 1, cars=3)
        assert told(partition, at_ms) == []
    ping(partition, first_ms + PING_EXPIRY_MS, 1, cars=3)
    again = told(partition, first_ms + PING_EXPIRY_MS)
    assert {sum(record.idle) for record in again if record.kind is CountKind.CELLS} == {3}
    assert told(partition, first_ms + 2 * PING_EXPIRY_MS) != []


@pytest.mark.parametrize(("cars", "leaving"), [(FLEET - 1, False), (FLEET, True), (40, True)])
def test_a_few_cars_or_a_fleet_that_signed_off_may_go(cars, leaving):
    """Silence of a few is no sign, and nobody waits for cars that said they are offline."""
    partition = a_fleet(cars, leaving=leaving)
    gone = told(partition, START_MS + PING_EXPIRY_MS + 1_001)
    assert CountKind.ALIVE in {record.kind for record in gone}


@pytest.mark.parametrize("cars", [1, FLEET])
def test_an_epoch_that_begins_far_behind_knows_nothing_yet(cars):
    """Ten minutes of pings are to be read: no word of an empty city, until the newest ones are among them."""
    partition = a_partition(has_read_all=lambda _topic: False)
    for behind_ms in (600_000, PING_EXPIRY_MS + 1, SILENT_AFTER_MS + 1):
        ping(partition, START_MS - behind_ms, 1, cars=cars)
        assert told(partition, START_MS) == []
        assert list(partition.snapshot_complete(START_MS)) == []
    ping(partition, START_MS - SILENT_AFTER_MS, 1, cars=cars)
    assert [record.kind for record in told(partition, START_MS)][-1] is CountKind.ALIVE
    assert list(partition.snapshot_complete(START_MS)) != []


@pytest.mark.parametrize(("status", "says"), [(1, False), (3, True)])
def test_an_epoch_that_begins_in_a_silence_keeps_it(status, says):
    """Restarted while no pings come, it reads the last ones again: of cars on the road, or of cars that signed off."""
    partition = a_partition()
    ping(partition, START_MS - 600_000, status, cars=FLEET)
    assert bool(told(partition, START_MS)) is says
    assert bool(list(partition.snapshot_complete(START_MS))) is says
    ping(partition, START_MS, 1, cars=FLEET)
    assert [record.kind for record in told(partition, START_MS + 100)][-1] is CountKind.ALIVE


def test_a_city_without_a_ping_left_to_read_is_empty():
    """All was read, and the last of it is old: these few cars went."""
    partition = a_partition()
    ping(partition, START_MS - 600_000, 1, cars=FLEET - 1)
    assert {record.kind for record in told(partition, START_MS)} == {CountKind.ALIVE, CountKind.SNAPSHOT_COMPLETE}
    assert not any(partition._fleet.counts(START_MS).idle)
