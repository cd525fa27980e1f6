"""Totals of the city follow the same rules of epochs as zones, and are a function of the records up to an offset."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.city_totals import CityTotals
from pricing.zone_state import KEPT_MS
from tests.unit.pricing.counts_log import (
    CELL,
    OTHER_ZONE,
    START_MS,
    ZONE,
    ZONES,
    city,
    demand,
    demand_logs,
    known_from_ms,
    riders,
)
from topics.counts import CountKind
from windows.panes import WINDOWS_MS, window_panes

COMPLETE = CountKind.SNAPSHOT_COMPLETE
SUBSETS = st.sets(st.sampled_from(ZONES)).map(frozenset)


def totals_of(log):
    """Totals after the log, read once, in order."""
    totals = CityTotals()
    for offset, record in enumerate(log):
        totals.apply(record, offset)
    return totals


def slow(log, zones, now_ms, window_ms):
    """Requests and bookings of a window: its panes by fraction, those known in full."""
    known, sums = known_from_ms(log, "complete_from_ms"), [0.0, 0.0]
    for pane, fraction in window_panes(now_ms, window_ms):
        for record in riders(log, ZONE, pane) if known is not None and pane >= known else []:
            for zone, *counts in zip(record.zones, record.requests, record.bookings, strict=True):
                if zone in zones:
                    sums = [total + fraction * count for total, count in zip(sums, counts, strict=True)]
    return sums


@settings(max_examples=60, deadline=None)
@given(demand_logs(), SUBSETS, st.integers(0, 40 * 60_000), st.data())
def test_windows_equal_the_slow_definition(demand_log, zones, later_ms, data):
    """In any delivery, with reads in between, totals of any set of zones are the sums of the panes of the log."""
    log = [city(record) for record in demand_log]
    totals = CityTotals()
    for offset, record in enumerate(log):
        totals.apply(record, offset)
        totals.windows(record.now_ms, zones)
        for again in range(data.draw(st.integers(0, offset)), offset, 5):
            assert not totals.apply(log[again], again)
    now_ms = max(record.now_ms for record in log) + later_ms
    windows = totals.windows(now_ms, zones)
    expected = np.array([slow(log, zones, now_ms, window_ms) for window_ms in WINDOWS_MS]).T
    np.testing.assert_allclose([windows.requests, windows.bookings], expected, rtol=1e-12)


@pytest.mark.parametrize(("zones", "requests"), [(ZONES, 9), ((ZONE,), 6), ((), 0)])
def test_only_the_zones_asked_for_count(zones, requests):
    """A market's total is that of its own zones."""
    log = [demand(COMPLETE, source=source) for source in (0, 1)]
    log += [demand(asked={CELL: 4}), demand(source=1, zone=OTHER_ZONE, asked={CELL: 2})]
    windows = totals_of([city(record) for record in log]).windows(START_MS + 1, frozenset(zones))
    assert windows.requests.tolist() == [requests] * 6


def test_nothing_is_covered_before_every_source_completed():
    """While one source partition has not said all it knows, the total is unknown, not small."""
    log = [city(demand(COMPLETE, source=0)), city(demand(asked={CELL: 4}))]
    windows = totals_of(log).windows(START_MS + 1, frozenset(ZONES))
    assert windows.covered_ms.tolist() == windows.requests.tolist() == [0] * 6


def test_forgotten_panes_were_out_of_every_window():
    """Forgetting at an instant changes no window from that instant on."""
    log = [city(demand(COMPLETE, source=source)) for source in (0, 1)]
    log += [city(demand(pane=START_MS - back_ms, asked={CELL: 4})) for back_ms in (0, 10_000, KEPT_MS - 20_000)]
    totals = totals_of(log)
    before = totals.windows(START_MS, frozenset(ZONES))
    totals.forget(START_MS)
    assert totals.windows(START_MS, frozenset(ZONES)).requests.tolist() == before.requests.tolist()
    totals.forget(START_MS + 2 * KEPT_MS)
    assert not totals.panes.standing


def test_who_begins_in_the_middle_learns_what_the_others_know():
    """The word that counts are complete is said again, so a reader of the last half hour has the same windows."""
    log = [city(demand(COMPLETE, sources=1, complete_from_ms=START_MS))]
    for minute in range(120):
        now_ms = START_MS + minute * 60_000
        log.append(city(demand(sources=1, pane=now_ms, now_ms=now_ms, asked={CELL: minute})))
        if minute % 10 == 9:
            log.append(city(demand(COMPLETE, sources=1, now_ms=now_ms, complete_from_ms=START_MS)))
    whole, late = totals_of(log), CityTotals()
    for offset, record in enumerate(log):
        if record.now_ms >= now_ms - KEPT_MS - 60_000:
            late.apply(record, offset)
    ours, theirs = late.windows(now_ms, frozenset(ZONES)), whole.windows(now_ms, frozenset(ZONES))
    assert ours.requests.tolist() == theirs.requests.tolist() != [0] * 6
    assert ours.covered_ms.tolist() == theirs.covered_ms.tolist() == list(WINDOWS_MS)
