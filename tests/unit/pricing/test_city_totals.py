"""Totals of the city follow the same rules of epochs as zones, and are a function of the records up to an offset."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.zones.city_totals import CityTotals
from pricing.zones.zone_state import KEPT_MS
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
from windows.panes import PANE_MS, WINDOWS_MS, pane_start

COMPLETE = CountKind.SNAPSHOT_COMPLETE
SUBSETS = st.sets(st.sampled_from(ZONES)).map(frozenset)


def totals_of(log):
    """Totals after the log, read once, in order."""
    totals = CityTotals()
    for offset, record in enumerate(log):
        totals.apply(record, offset)
    return totals


def slow(log, zones, pane):
    """Riders who asked in these zones in the pane, by the one record of each source that says so."""
    counted = [zip(record.zones, record.requests, strict=True) for record in riders(log, ZONE, pane)]
    return sum(asked for of_source in counted for zone, asked in of_source if zone in zones)


@settings(max_examples=60, deadline=None)
@given(demand_logs(), SUBSETS, st.integers(0, 40 * 60_000), st.data())
def test_panes_equal_the_slow_definition(demand_log, zones, later_ms, data):
    """In any delivery, with reads in between, totals of any set of zones are those of the panes of the log."""
    log = [city(record) for record in demand_log]
    totals = CityTotals()
    for offset, record in enumerate(log):
        totals.apply(record, offset)
        totals.requests_since(record.now_ms, 0, zones)
        for again in range(data.draw(st.integers(0, offset)), offset, 5):
            assert not totals.apply(log[again], again)
    now_ms = max(record.now_ms for record in log) + later_ms
    known_ms = known_from_ms(log, "complete_from_ms")
    assert totals.progress.known_from_ms() == known_ms
    if known_ms is not None:
        starts, asked = totals.requests_since(now_ms, known_ms, zones)
        first_ms = max(known_ms, pane_start(now_ms) - WINDOWS_MS[-1])
        assert starts.tolist() == [*range(first_ms, now_ms + 1, PANE_MS)]
        assert asked.tolist() == [slow(log, zones, pane) for pane in starts.tolist()]


@pytest.mark.parametrize(("zones", "requests"), [(ZONES, 9), ((ZONE,), 6), ((), 0)])
def test_only_the_zones_asked_for_count(zones, requests):
    """A market's total is that of its own zones."""
    log = [demand(COMPLETE, source=source) for source in (0, 1)]
    log += [demand(asked={CELL: 4}), demand(source=1, zone=OTHER_ZONE, asked={CELL: 2})]
    totals = totals_of([city(record) for record in log])
    assert totals.requests_since(START_MS + 1, 0, frozenset(zones))[1].sum() == requests


def test_nothing_is_known_before_every_source_completed():
    """While one source partition has not said all it knows, the total is unknown, not small."""
    log = [city(demand(COMPLETE, source=0)), city(demand(asked={CELL: 4}))]
    assert totals_of(log).progress.known_from_ms() is None


def test_forgotten_panes_were_out_of_every_window():
    """Forgetting at an instant changes nothing that is asked from that instant on."""
    log = [city(demand(COMPLETE, source=source)) for source in (0, 1)]
    log += [city(demand(pane=START_MS - back_ms, asked={CELL: 4})) for back_ms in (0, 10_000, KEPT_MS - 20_000)]
    totals = totals_of(log)
    _, before = totals.requests_since(START_MS, 0, frozenset(ZONES))
    totals.forget(START_MS)
    assert totals.requests_since(START_MS, 0, frozenset(ZONES))[1].tolist() == before.tolist()
    totals.forget(START_MS + 2 * KEPT_MS)
    assert not totals.panes.standing


def test_who_begins_in_the_middle_learns_what_the_others_know():
    """The word that counts are complete is said again, so a reader of the last half hour has the same panes."""
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
    (_, ours), (_, theirs) = (one.requests_since(now_ms, 0, frozenset(ZONES)) for one in (late, whole))
    assert ours.tolist() == theirs.tolist()
    assert ours.sum() > 0
    assert late.progress.known_from_ms() == whole.progress.known_from_ms() == START_MS
