"""SUPPLY tells of everything again and again, for readers who begin in the middle of the log."""

import numpy as np

from agents.runtime.counting import Source
from agents.runtime.telemetry import Meter
from agents.supply import EVERYTHING_EVERY_MS, SupplyPartition
from pricing.zones.zone_join import PartitionState, apply_supply
from topics.counts import CountKind
from windows.epochs import Epoch
from windows.hexagons import cells_of

START_MS = 1_790_000_000_000
LAT, LON = np.array([40.75, 40.71, 40.79]), np.array([-73.98, -74.01, -73.95])


def a_partition(has_read_all=lambda _topic: True):
    """One with three idle cars in several zones, who go on saying so."""
    source = Source(partition=0, epoch=Epoch(1, START_MS), stamp_ms=None, has_read_all=has_read_all)
    partition = SupplyPartition(
        source, source_partitions=1, zone_partitions=1, intake=None, meter=Meter(service="s", worker="w")
    )
    partition._mask(["standard"])
    return partition


def ping(partition, at_ms):
    """All cars say that they are idle where they were."""
    count = LAT.size
    partition._fleet.observe(
        driver=np.arange(1, count + 1),
        at_ms=np.full(count, at_ms),
        cell=cells_of(LAT, LON),
        status=np.ones(count, np.int8),
        products=np.ones(count, np.uint64),
        free_at_ms=np.full(count, -1),
    )


def told(partition, now_ms):
    """What is published at that instant, as the service's loop would have it."""
    return [one.record for one in [*partition.changes(now_ms), *partition.alive(now_ms)]]


def cars(records):
    """What a reader of these records counts, by zone; None while it knows of no complete snapshot."""
    state = PartitionState(0)
    for offset, record in enumerate(records):
        apply_supply(state, record, offset)
    if not state.supply.is_complete(records[-1].now_ms):
        return None
    return {zone.zone: sum(int(c.idle.sum()) for c in zone.cars.values()) for zone in state.zones.values()}


def test_a_reader_who_begins_later_knows_as_much_within_ten_minutes():
    """Cars that never move are told of once and then only every ten minutes; no reader waits longer for them."""
    partition = a_partition()
    ping(partition, START_MS)
    begun = [
        *(one.record for one in partition.changes(START_MS)),
        *(o.record for o in partition.snapshot_complete(START_MS)),
    ]
    log = [*begun]
    for now_ms in range(START_MS + 1_000, START_MS + EVERYTHING_EVERY_MS + 1, 10_000):
        ping(partition, now_ms)
        log += told(partition, now_ms)
    late = log[len(begun) :]
    assert {record.kind for record in late} == {CountKind.ALIVE}
    assert cars(late) is None
    ping(partition, START_MS + EVERYTHING_EVERY_MS)
    again = told(partition, START_MS + EVERYTHING_EVERY_MS)
    assert cars([*late, *again]) == cars([*log, *again])
    assert sum(cars(again).values()) > 0
    named = [record.zone for record in again if record.kind is CountKind.CELLS]
    assert len(named) == len(set(named))
    assert [record.kind for record in told(partition, START_MS + EVERYTHING_EVERY_MS + 1_000)] == [CountKind.ALIVE]
    set_back = [record.kind for record in told(partition, START_MS)]
    assert CountKind.SNAPSHOT_COMPLETE in set_back


def test_one_that_became_empty_meanwhile_is_told_of_too():
    """A car that goes in the very flush in which all is told again is not left standing for anybody."""
    partition = a_partition()
    ping(partition, START_MS)
    begun = [
        *(one.record for one in partition.changes(START_MS)),
        *(o.record for o in partition.snapshot_complete(START_MS)),
    ]
    gone = told(partition, START_MS + EVERYTHING_EVERY_MS)
    assert not any(cars([*begun, *gone]).values())
