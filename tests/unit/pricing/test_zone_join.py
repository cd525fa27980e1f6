"""Cars and riders of a zone are a function of the two logs, however they are delivered."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.zones.sources import TopicProgress
from pricing.zones.windows_of_zone import WindowsOfZone
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_rows import dirty_rows
from pricing.zones.zone_state import SETTLE_MS
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.counts_log import (
    CELL,
    CELLS,
    OTHER_ZONE,
    SOURCES,
    START_MS,
    ZONE,
    ZONES,
    asked,
    cars_standing,
    demand,
    demand_logs,
    joined,
    supply,
    supply_logs,
)
from topics.counts import CountKind
from windows.hexagons import disk, zone_of
from windows.panes import PANE_MS, pane_start

HALO = next(int(cell) for cell in layout_of(ZONE).cells[49:])
COMPLETE, ALIVE = CountKind.SNAPSHOT_COMPLETE, CountKind.ALIVE


def idle(state, zone, cell):
    """Idle cars that stand in a cell, all sources."""
    row = layout_of(zone).cells.tolist().index(cell)
    return sum(int(cars.idle[cars.at == row].sum()) for cars in state.zone(zone).cars.values())


def requests(state, zone, pane):
    """Riders per (cell, product) of a pane, all sources, without zeros."""
    cells, found = layout_of(zone).cells, {}
    for counts in state.zone(zone).demand.standing.get(pane, {}).values():
        for row, of_cell in zip(counts.at.tolist(), counts.requests.tolist(), strict=True):
            for product, count in zip(counts.products, of_cell, strict=True):
                place = int(cells[row]), product
                found[place] = found.get(place, 0) + count
    return {place: count for place, count in found.items() if count}


def test_the_worked_log():
    """The worked log of the design: values replace, e1 stands until e2 completes, zombies are ignored."""
    state = PartitionState(0)
    log = [
        (supply(COMPLETE, source=0, epoch=1), (0, 0)),
        (supply(COMPLETE, source=1, epoch=1), (0, 0)),
        (supply(source=0, epoch=1, offset=90, idle={CELL: 4, HALO: 1}), (4, 1)),
        (supply(source=1, epoch=1, offset=70, idle={CELL: 2}), (6, 1)),
        (supply(source=0, epoch=1, offset=95, idle={CELL: 3, HALO: 1}), (5, 1)),
        (supply(source=0, epoch=2, offset=95, idle={CELL: 3}), (5, 1)),
        (supply(COMPLETE, source=0, epoch=2), (5, 0)),
        (supply(source=0, epoch=1, offset=99, idle={CELL: 9, HALO: 9}), (5, 0)),
    ]
    for offset, (record, seen) in enumerate(log):
        apply_supply(state, record, offset)
        assert (idle(state, ZONE, CELL), idle(state, ZONE, HALO)) == seen, f"after record {offset}"


#   complete from        20 ┊                panes 10, 20, 30, 40 after "e2 complete", source 0
#   e1          1   1   1   1                e2 says
@pytest.mark.parametrize(
    ("e2_says", "after"),
    [
        ({}, [1, 0, 0, 0]),  # nothing named: gone from 20 on, 10 keeps e1
        ({20: 7, 40: 7}, [1, 7, 0, 7]),
        ({10: 7, 30: 7}, [1, 0, 7, 0]),  # what e2 says of 10 is partial
    ],
)
def test_a_new_epoch_of_demand_takes_over_from_its_first_full_pane(e2_says, after):
    """Panes from `complete_from_ms` on are the new epoch's, absent means gone; older ones stay the old epoch's."""
    panes = [START_MS + start * 1_000 for start in (10, 20, 30, 40)]
    log = [demand(COMPLETE, epoch=1)]
    log += [demand(epoch=1, pane=pane, asked={CELL: 1}) for pane in panes]
    log += [demand(epoch=2, pane=START_MS + start * 1_000, asked={CELL: count}) for start, count in e2_says.items()]
    before = joined([], log)
    assert [requests(before, ZONE, pane) for pane in panes] == [{(CELL, "standard"): 1}] * 4
    state = joined([], [*log, demand(COMPLETE, epoch=2, complete_from_ms=panes[1])])
    assert [requests(state, ZONE, pane).get((CELL, "standard"), 0) for pane in panes] == after


def test_counts_of_a_partial_pane_never_stand():
    """After its snapshot an epoch is still not believed about panes before the first it knew in full."""
    first, second = START_MS, START_MS + PANE_MS
    log = [demand(COMPLETE, complete_from_ms=second)]
    log += [demand(pane=pane, asked={CELL: 2}) for pane in (first, second)]
    state = joined([], log)
    assert (requests(state, ZONE, first), requests(state, ZONE, second)) == (
        {},
        {(CELL, "standard"): 2, (CELL, "xl"): 1},
    )


def test_the_first_epoch_waits_for_its_snapshot_too():
    """Nothing is believed of a source before it has said everything it knows."""
    log = [supply(idle={CELL: 4})]
    assert idle(joined(log, []), ZONE, CELL) == 0
    assert idle(joined([*log, supply(COMPLETE)], []), ZONE, CELL) == 4


def test_an_epoch_that_died_before_its_snapshot_leaves_nothing():
    """What e2 held is dropped when e3 completes, although e3 did not name the zone."""
    log = [supply(COMPLETE), supply(idle={CELL: 4}), supply(epoch=2, idle={CELL: 8}), supply(COMPLETE, epoch=3)]
    state = joined(log, [])
    assert idle(state, ZONE, CELL) == 0
    assert not state.zone(ZONE).held_cars


def test_an_older_value_of_the_same_epoch_does_not_come_back():
    """A record that a producer's retry wrote a second time, after a newer one, changes nothing."""
    log = [
        supply(COMPLETE),
        supply(offset=5, idle={CELL: 4}),
        supply(offset=9, idle={CELL: 2}),
        supply(offset=5, idle={CELL: 4}),
    ]
    assert idle(joined(log, []), ZONE, CELL) == 2


def test_applying_says_which_zones_changed():
    """The caller prices what changed: a zone for its counts, all of the source for a snapshot, none for a zombie."""
    state = PartitionState(0)
    near = CELLS[OTHER_ZONE][0]
    log = [
        (supply(idle={CELL: 1}), [ZONE]),
        (supply(zone=OTHER_ZONE, idle={near: 1}), [OTHER_ZONE]),
        (supply(COMPLETE), [ZONE, OTHER_ZONE]),
        (supply(ALIVE), []),
        (supply(epoch=0, idle={CELL: 2}), []),
    ]
    assert [apply_supply(state, record, offset) for offset, (record, _) in enumerate(log)] == [
        zones for _, zones in log
    ]
    assert apply_supply(state, supply(idle={CELL: 7}), 2) == []


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_delivery_does_not_matter(data):
    """Both logs in any interleaving, delivered again from any earlier offset, mean what the slow definition says."""
    logs = data.draw(supply_logs()), data.draw(demand_logs())
    rules, read, state = (apply_supply, apply_demand), [0, 0], PartitionState(0)
    while any(read[topic] < len(logs[topic]) for topic in (0, 1)):
        topic = data.draw(st.sampled_from([it for it in (0, 1) if read[it] < len(logs[it])]))
        for _ in range(data.draw(st.integers(1, 8))):
            if read[topic] < len(logs[topic]):
                rules[topic](state, logs[topic][read[topic]], read[topic])
                read[topic] += 1
        back = data.draw(st.sampled_from([0, 0, 0, 3]))
        for offset in range(max(0, read[topic] - back), read[topic]):
            rules[topic](state, logs[topic][offset], offset)
    for zone in ZONES:
        stood = [cars_standing(logs[0], source, zone) for source in range(SOURCES)]
        for cell in CELLS[zone]:
            assert idle(state, zone, cell) == sum(steps[-1][1].get(cell, 0) for steps in stood if steps)
        for pane in {record.pane_start_ms for record in logs[1]}:
            assert requests(state, zone, pane) == dict(+asked(logs[1], zone, pane))


@settings(max_examples=60, deadline=None)
@given(supply_logs(), demand_logs(), st.integers(0, 90_000))
def test_the_order_of_sources_does_not_matter(supply_log, demand_log, later_ms):
    """Records of sources may overtake each other: the same windows with each source's records in one block."""
    blocks = [sorted(log, key=lambda record: record.source_partition) for log in (supply_log, demand_log)]
    now_ms = max(record.now_ms for record in supply_log + demand_log) + later_ms
    for zone in ZONES:
        states = joined(supply_log, demand_log), joined(*blocks)
        read = [WindowsOfZone(state.zone(zone), ("standard", "xl")).read(state, now_ms) for state in states]
        for name in ("requests", "idle", "idle_by_product", "busy", "soon_free"):
            np.testing.assert_array_equal(getattr(read[0], name), getattr(read[1], name), err_msg=name)


def test_a_silent_source_is_settled_behind_the_others():
    """What source 1 parked at 0 s is in the panes up to 30 s before source 0's last word, though it was silent."""
    log = [supply(COMPLETE, source=0), supply(COMPLETE, source=1), supply(source=1, idle={CELL: 1})]
    log += [supply(source=0, now_ms=START_MS + 65_000, idle={})]
    state = joined(log, []).zone(ZONE)
    end_ms = pane_start(START_MS + 65_000 - SETTLE_MS)
    assert state.since_ms[1] == end_ms
    assert sorted(state.idle_car_ms) == list(range(pane_start(START_MS), end_ms, PANE_MS))


def test_cells_beyond_the_halo_are_left_out():
    """A count of a cell no ring of this zone reaches is not the zone's business."""
    far = next(cell for cell in disk(CELL, 20)[::-1] if zone_of(cell) != ZONE and cell not in layout_of(ZONE).cells)
    state = joined([supply(COMPLETE), supply(idle={CELL: 1, far: 9})], [])
    assert sum(cars.idle.sum() for cars in state.zone(ZONE).cars.values()) == 1


def test_lengths_that_contradict_each_other_are_refused():
    """A record whose counts do not fit its cells and products is refused, with both numbers."""
    broken = supply(idle={CELL: 1})
    broken.idle_by_product.pop()
    with pytest.raises(ValueError, match="counts must be 1 x 2 values, got 1"):
        joined([broken], [])


#          source 0     source 1       complete at 10 s, and how old
@pytest.mark.parametrize(
    ("spoke_0", "spoke_1", "complete", "age_ms"),
    [
        (10_000, 10_000, True, 0),
        (7_000, 10_000, True, 3_000),
        (6_999, 10_000, False, 3_001),
        (11_000, 11_000, True, 0),  # a clock ahead of ours is not older than now
        (10_000, None, False, 10_000),  # never completed: as old as time
    ],
)
def test_every_source_partition_must_be_alive(spoke_0, spoke_1, complete, age_ms):
    """Supply is complete if every source partition completed a snapshot and spoke at most 3 s ago."""
    state = PartitionState(0)
    apply_supply(state, supply(COMPLETE, source=0, now_ms=0), 0)
    apply_supply(state, supply(ALIVE, source=0, now_ms=spoke_0), 1)
    if spoke_1 is not None:
        apply_supply(state, supply(COMPLETE, source=1, now_ms=spoke_1), 2)
    assert (state.supply.is_complete(10_000), state.supply.data_age_ms(10_000)) == (complete, age_ms)
    assert not state.is_complete(10_000), "demand was never heard"


def test_a_held_epoch_does_not_keep_a_source_alive():
    """While e2 is held its writer does not refresh what stands, so the source goes stale until e2 completes."""
    state = PartitionState(0)
    log = [supply(COMPLETE, sources=1, now_ms=0), supply(ALIVE, sources=1, epoch=2, now_ms=9_000)]
    for offset, record in enumerate(log):
        apply_supply(state, record, offset)
    assert state.supply.data_age_ms(10_000) == 10_000
    apply_supply(state, supply(COMPLETE, sources=1, epoch=2, now_ms=9_500), 2)
    assert state.supply.data_age_ms(10_000) == 500


def test_nothing_heard_is_not_complete():
    """Before the first record the number of sources is unknown: incomplete, and as old as time."""
    assert not TopicProgress().is_complete(5)
    assert TopicProgress().data_age_ms(5) == 5
    assert dirty_rows(PartitionState(0), START_MS) == []


def test_cars_alone_leave_no_pane_to_read_anew():
    """Cars that stood change what a pane has of them, not who asked in it."""
    log = [supply(COMPLETE), supply(idle={CELL: 4}), supply(offset=1, now_ms=START_MS + 15_000, idle={CELL: 2})]
    state = joined(log, [demand(COMPLETE), demand(pane=START_MS + PANE_MS, asked={CELL: 1})])
    assert state.zone(ZONE).changed_panes >= {START_MS, START_MS + PANE_MS}
    assert state.zone(ZONE).unread_panes == {START_MS + PANE_MS}
