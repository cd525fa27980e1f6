"""The fleet against the slow definition: the last ping of every driver, counted one by one."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supply.fleet import Fleet, rewind_start
from tests.strategies import NEAR_CELLS, Ping, compiling, pings
from windows.hexagons import disk

IDLE, BUSY, OFFLINE = 1, 2, 3
HERE, THERE = NEAR_CELLS[0], NEAR_CELLS[30]
COLUMNS = {
    "driver": np.int64,
    "at_ms": np.int64,
    "cell": np.int64,
    "status": np.int8,
    "products": np.uint64,
    "free_at_ms": np.int64,
}


def observe(fleet, some):
    fleet.observe(**{name: np.array([getattr(p, name) for p in some], kind) for name, kind in COLUMNS.items()})


def fleet_of(*batches):
    fleet = Fleet()
    for batch in batches:
        observe(fleet, batch)
    return fleet


def rows(counts):
    """Counts as {cell: (idle, busy, soon free, (idle by product, without trailing zeros))}."""
    columns = zip(counts.idle, counts.busy, counts.soon_free, counts.idle_by_product, strict=True)
    return {
        cell: (int(idle), int(busy), int(soon), tuple(np.trim_zeros(by_product.tolist(), "b")))
        for cell, (idle, busy, soon, by_product) in zip(counts.cells.tolist(), columns, strict=True)
    }


def slow_rows(log, now_ms):
    """The definition, one driver at a time."""
    last = {}
    for ping in log:
        if ping.driver not in last or ping.at_ms >= last[ping.driver].at_ms:
            last[ping.driver] = ping
    alive = [ping for ping in last.values() if now_ms - ping.at_ms <= 30_000]
    idle = Counter(p.cell for p in alive if p.status == IDLE)
    busy = Counter(p.cell for p in alive if p.status == BUSY)
    soon = Counter(p.cell for p in alive if p.status == BUSY and 0 <= p.free_at_ms <= now_ms + 300_000)
    serves = Counter((p.cell, bit) for p in alive if p.status == IDLE for bit in range(3) if p.products >> bit & 1)
    return {
        cell: (idle[cell], busy[cell], soon[cell], tuple(np.trim_zeros([serves[cell, b] for b in range(3)], "b")))
        for cell in idle.keys() | busy.keys()
    }


@compiling
@given(pings(), st.integers(0, 150_000), st.integers(1, 20))
def test_counts_equal_the_slow_definition(log, now_ms, size):
    """However the log is cut into batches, the counts are those of the last ping of each driver alive."""
    fleet = fleet_of(*(log[start : start + size] for start in range(0, len(log), size)))
    counts = fleet.counts(now_ms)
    assert rows(counts) == slow_rows(log, now_ms)
    assert counts.cells.tolist() == sorted(counts.cells.tolist())
    assert {counts.idle.dtype, counts.busy.dtype, counts.soon_free.dtype, counts.idle_by_product.dtype} == {
        np.dtype(np.int32)
    }


@compiling
@given(pings().flatmap(lambda log: st.tuples(st.just(log), st.permutations(log))), st.integers(0, 150_000))
def test_order_of_arrival_does_not_matter(logs, now_ms):
    """Pings of different instants may arrive in any order and any number of times."""
    log, shuffled = logs
    unique = {(ping.driver, ping.at_ms): ping for ping in log}
    shuffled = [ping for ping in shuffled if unique[ping.driver, ping.at_ms] is ping]
    once = fleet_of(list(unique.values()))
    assert rows(fleet_of(shuffled, shuffled[::2]).counts(now_ms)) == rows(once.counts(now_ms))


@compiling
@given(st.lists(pings(drivers=30), max_size=6), st.data())
def test_counts_of_partitions_add_up(logs, data):
    """Cars counted per source partition add up to those of the whole, since each driver lives in one."""
    log, now_ms = [ping for part in logs for ping in part], data.draw(st.integers(0, 150_000))
    total = Counter()
    for partition in range(3):
        part = fleet_of([ping for ping in log if ping.driver % 3 == partition]).counts(now_ms)
        total.update({cell: idle + busy for cell, (idle, busy, _, _) in rows(part).items()})
    assert total == {cell: idle + busy for cell, (idle, busy, _, _) in slow_rows(log, now_ms).items()}


@pytest.mark.parametrize(
    ("timeline", "cell"),
    [
        # (event time s, cell) in the order of arrival ─> where the car is
        ([(1, HERE), (2, THERE)], THERE),
        ([(2, THERE), (1, HERE)], THERE),
        ([(2, HERE), (2, THERE)], THERE),
        ([(2, HERE), (1, THERE), (2, THERE), (1, HERE)], THERE),
    ],
)
@pytest.mark.parametrize("one_batch", [True, False])
def test_the_latest_event_time_wins_and_ties_go_to_the_later_record(timeline, cell, one_batch):
    """Last write by event time, whether the pings come in one batch or in several."""
    log = [Ping(7, at_s * 1_000, where, IDLE, 1, -1) for at_s, where in timeline]
    fleet = fleet_of(log) if one_batch else fleet_of(*([ping] for ping in log))
    assert fleet.counts(5_000).cells.tolist() == [cell]


@pytest.mark.parametrize(("now_ms", "alive"), [(31_000, 1), (31_001, 0), (0, 1)])
def test_a_silent_driver_expires_after_thirty_seconds(now_ms, alive):
    """A driver counts until 30 s after the last ping, the last instant included."""
    counts = fleet_of([Ping(7, 1_000, HERE, IDLE, 1, -1)]).counts(now_ms)
    assert counts.idle.sum() == alive


@pytest.mark.parametrize(
    ("free_at_ms", "soon"), [(-1, 0), (301_000, 1), (301_001, 0), (500, 1)], ids=["unknown", "last", "after", "overdue"]
)
def test_soon_free_means_within_five_minutes(free_at_ms, soon):
    """A busy car is soon free if it says so for within five minutes of now, or should be free already."""
    counts = fleet_of([Ping(7, 1_000, HERE, BUSY, 1, free_at_ms)]).counts(1_000)
    assert (counts.busy.tolist(), counts.soon_free.tolist()) == ([1], [soon])


def test_a_car_counts_once_in_total_and_once_per_product():
    """A car that serves products 0 and 2 is one idle car, and one under each of the two."""
    counts = fleet_of([Ping(7, 1_000, HERE, IDLE, 0b101, -1)]).counts(1_000)
    assert (counts.idle.tolist(), counts.idle_by_product.tolist()) == ([1], [[1, 0, 1]])


def test_a_car_offline_or_unknown_names_no_cell():
    """Neither status counts as idle or busy."""
    counts = fleet_of([Ping(7, 1_000, HERE, OFFLINE, 1, -1), Ping(8, 1_000, HERE, 0, 1, -1)]).counts(1_000)
    assert counts.cells.size == 0


def test_a_whole_city_of_cells_is_counted():
    """Hundreds of cells with two cars each, the second after all the first, are each named once."""
    city = disk(HERE, 10)
    log = [Ping(driver, 1_000, cell, IDLE, 1, -1) for driver, cell in enumerate(city + city)]
    counts = fleet_of(log).counts(1_000)
    assert counts.cells.tolist() == sorted(city)
    assert set(counts.idle.tolist()) == {2}


def test_memory_is_bounded_by_the_drivers_alive():
    """Thousands of new drivers every expiry for an hour leave no more rows than twice those alive."""
    fleet = Fleet()
    cells = np.resize(np.array(NEAR_CELLS), 3_000)
    for step in range(120):
        now_ms = step * 31_000
        fleet.observe(
            driver=np.arange(3_000) + step * 3_000,
            at_ms=np.full(3_000, now_ms),
            cell=cells,
            status=np.ones(3_000, np.int8),
            products=np.ones(3_000, np.uint64),
            free_at_ms=np.full(3_000, -1),
        )
        assert fleet.counts(now_ms).idle.sum() == 3_000
        assert len(fleet) <= 6_000


@compiling
@given(pings(), st.integers(90_000, 120_000))
def test_rewinding_one_horizon_loses_no_car(log, stamp_ms):
    """Reading again from one expiry and one grace before the commit gives the counts of the whole log."""
    earliest_appended_ms = {ping: ping.at_ms - 5_000 for ping in log}  # earlier ones come from the future
    again = [ping for ping in log if earliest_appended_ms[ping] >= rewind_start(stamp_ms)]
    assert rows(fleet_of(again).counts(stamp_ms)) == rows(fleet_of(log).counts(stamp_ms))


def test_columns_of_different_lengths_are_refused():
    """A column that is too short is refused by name."""
    columns = {name: np.zeros(2, kind) for name, kind in COLUMNS.items()}
    with pytest.raises(ValueError, match="status must be as long as driver, 2, got 1"):
        Fleet().observe(**columns | {"status": np.zeros(1, np.int8)})
