"""Windows of a zone equal the sum of their panes, whatever was read before."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.zones.windows_of_zone import WindowsOfZone, view_of
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.counts_log import (
    CELL,
    CELLS,
    START_MS,
    ZONE,
    ZONES,
    asked,
    demand,
    demand_logs,
    idle_mean,
    joined,
    known_from_ms,
    supply,
    supply_logs,
)
from topics.counts import CountKind
from windows.panes import PANE_MS, WINDOWS_MS, pane_start, window_panes

COMPLETE = CountKind.SNAPSHOT_COMPLETE
PRODUCTS = ("premium", "standard", "xl")
STEP_MS = st.sampled_from([500, 12_000, 120_000])
NINES = st.integers(0, 40 * 60_000)


def row_of(cell, zone=ZONE):
    """The cell's row in its zone's layout."""
    return layout_of(zone).cells.tolist().index(cell)


def requests_in(log, zone, cell, product, now_ms, window_ms):
    """Riders in a window: its panes by fraction, those known in full."""
    known = known_from_ms(log, "complete_from_ms")
    panes = [] if known is None else [one for one in window_panes(now_ms, window_ms) if one[0] >= known]
    return sum(fraction * asked(log, zone, pane)[cell, product] for pane, fraction in panes)


STEPPED_BACK = [
    *(supply(COMPLETE, source=source, now_ms=START_MS - 60_000) for source in (0, 1)),
    supply(COMPLETE, epoch=2, now_ms=START_MS + 4_000),
    supply(epoch=2, offset=1, now_ms=START_MS + 1_000, idle={CELLS[ZONE][0]: 3}),
]


@settings(max_examples=40, deadline=None)
@given(STEP_MS.flatmap(lambda step: supply_logs(longest_step_ms=step)), NINES)
@example(STEPPED_BACK, 20_000)
def test_idle_means_equal_the_slow_definition(log, later_ms):
    """Mean idle cars of every window at any instant are car-milliseconds per covered millisecond, each stay counted."""
    now_ms = max(record.now_ms for record in log) + later_ms
    state = joined(log, [])
    for zone in ZONES:
        windows = WindowsOfZone(state.zone(zone), PRODUCTS).read(state, now_ms)
        for cell in CELLS[zone]:
            slow = [idle_mean(log, zone, cell, now_ms, window_ms) for window_ms in WINDOWS_MS]
            np.testing.assert_allclose(windows.idle_mean()[row_of(cell, zone)], slow, rtol=1e-12)


@settings(max_examples=40, deadline=None)
@given(STEP_MS.flatmap(lambda step: demand_logs(longest_step_ms=step)), NINES)
def test_requests_equal_the_slow_definition(log, later_ms):
    """Riders of every window at any instant are the sum of its panes, the open one whole, the oldest by fraction."""
    now_ms = max(record.now_ms for record in log) + later_ms
    state = joined([], log)
    for zone in ZONES:
        windows = WindowsOfZone(state.zone(zone), PRODUCTS).read(state, now_ms)
        for cell in CELLS[zone]:
            for product in ("standard", "xl"):
                slow = [requests_in(log, zone, cell, product, now_ms, window_ms) for window_ms in WINDOWS_MS]
                found = windows.requests[row_of(cell, zone), PRODUCTS.index(product)]
                np.testing.assert_allclose(found, slow, rtol=1e-12)


@settings(max_examples=30, deadline=None)
@given(
    supply_logs(longest_step_ms=60_000), demand_logs(longest_step_ms=60_000), st.lists(st.integers(-600_000, 3_000_000))
)
def test_what_was_read_before_does_not_matter(supply_log, demand_log, instants_ms):
    """A reader that followed the log and jumped about in time reads the same as one that begins now."""
    state = PartitionState(0)
    reader = WindowsOfZone(state.zone(ZONE), PRODUCTS)
    for offset in range(max(len(supply_log), len(demand_log))):
        for log, rule in ((supply_log, apply_supply), (demand_log, apply_demand)):
            if offset < len(log):
                rule(state, log[offset], offset)
                reader.read(state, log[offset].now_ms)
    for later_ms in [*instants_ms, 0]:
        reader.read(state, START_MS + later_ms)
        now_ms = START_MS + later_ms + 70_000
        fresh_state = joined(supply_log, demand_log)
        fresh = WindowsOfZone(fresh_state.zone(ZONE), PRODUCTS).read(fresh_state, now_ms)
        followed = reader.read(state, now_ms)
        np.testing.assert_array_equal(followed.idle_mean(), fresh.idle_mean())
        for name in ("requests", "idle", "idle_by_product", "demand_covered_ms"):
            np.testing.assert_array_equal(getattr(followed, name), getattr(fresh, name), err_msg=name)


#   now = 65 s           5 ┊ 10        60 ┊ 65    a minute reaches back to 5 s
@pytest.mark.parametrize(
    ("asked_at_s", "in_a_minute"),
    [(60, 8.0), (10, 8.0), (0, 4.0), (-10, 0.0), (70, 0.0)],
)
def test_the_oldest_pane_counts_by_its_fraction(asked_at_s, in_a_minute):
    """Eight riders in the open pane, a whole pane, the half-covered one, one before it, and one that has not begun."""
    log = [demand(COMPLETE, source=source, complete_from_ms=START_MS - 3_600_000) for source in (0, 1)]
    log.append(demand(pane=START_MS + asked_at_s * 1_000, asked={CELL: 8}))
    state = joined([], log)
    windows = WindowsOfZone(state.zone(ZONE), PRODUCTS).read(state, START_MS + 65_000)
    assert windows.requests[row_of(CELL), PRODUCTS.index("standard"), 0] == in_a_minute


def test_cars_and_riders_by_product():
    """Columns go by the product's name: another order in the record, and a product nobody serves, do not shift them."""
    now_ms = START_MS + PANE_MS
    log = [demand(COMPLETE, source=source) for source in (0, 1)] + [demand(asked={CELL: 6})]
    state = joined([supply(COMPLETE, source=0), supply(source=0, idle={CELL: 4})], log)
    windows = WindowsOfZone(state.zone(ZONE), PRODUCTS).read(state, now_ms)
    row = row_of(CELL)
    assert windows.idle_by_product[row].tolist() == [0, 4, 2]
    assert (windows.idle[row], windows.busy[row], windows.soon_free[row]) == (4, 4, 3)
    assert windows.requests[row, :, 0].tolist() == [0, 6, 3]
    only_xl = WindowsOfZone(state.zone(ZONE), ("xl",)).read(state, now_ms)
    assert (only_xl.idle_by_product[row].tolist(), only_xl.requests[row, :, 0].tolist()) == ([2], [3])


#   known from      0 s ┊────────────────── now
@pytest.mark.parametrize(("now_s", "covered_s"), [(0, [0] * 6), (45, [45] * 6), (90, [60] + [90] * 5)])
def test_a_young_zone_says_how_much_of_each_window_it_knows(now_s, covered_s):
    """Each window is covered from the first pane every source knew in full, at most its own length."""
    log = [demand(COMPLETE, source=source, complete_from_ms=START_MS - 60_000 * (1 - source)) for source in (0, 1)]
    state = joined([], log)
    windows = WindowsOfZone(state.zone(ZONE), PRODUCTS).read(state, START_MS + now_s * 1_000)
    assert windows.demand_covered_ms.tolist() == [seconds * 1_000 for seconds in covered_s]


def test_the_view_of_the_rules():
    """The view carries the windows, completeness and age of both topics, and the long memory given."""
    both = [{"source": source, "now_ms": START_MS} for source in (0, 1)]
    moved = supply(CountKind.ALIVE, source=0, offset=1, now_ms=START_MS)
    state = joined([*(supply(COMPLETE, **one) for one in both), moved], [demand(COMPLETE, **one) for one in both[:1]])
    windows = WindowsOfZone(state.zone(ZONE), PRODUCTS).read(state, START_MS + 1_000)
    memory = np.ones((layout_of(ZONE).cells.size, 2))
    view = view_of(windows, state, memory_observed=memory, memory_expected=memory * 2)
    assert (view.supply_complete, view.demand_complete) == (True, False)
    assert view.data_age_ms == START_MS + 1_000
    assert view.requests.shape == (layout_of(ZONE).cells.size, 3, 6)
    assert view.memory_expected[0, 0] == 2


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**7))
@example(PANE_MS * 256)
def test_a_pane_does_not_return_after_the_ring_went_round(later_ms):
    """A pane that left the longest window counts no more, also when its slot comes round again."""
    log = [demand(COMPLETE, source=source, complete_from_ms=0) for source in (0, 1)] + [demand(asked={CELL: 2})]
    state = joined([], log)
    reader = WindowsOfZone(state.zone(ZONE), PRODUCTS)
    assert reader.read(state, START_MS + 1).requests.sum() == (2 + 1) * 6
    now_ms = START_MS + later_ms
    inside = [
        fraction
        for length in WINDOWS_MS
        for pane, fraction in window_panes(now_ms, length)
        if pane == pane_start(START_MS)
    ]
    assert reader.read(state, now_ms).requests.sum() == pytest.approx(3 * sum(inside))
