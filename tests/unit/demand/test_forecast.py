"""The closed-form forecast: monotone, free of the city's scale, and the same for a cell in any company."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand.base import SLOT_MS, DemandBase, flat_base, slot_of
from demand.forecast import Observed, PriorStrengths, forecast, live_level, shrunk_ratio
from demand.long_memory import HOUR_MS, blank_memory, remember
from demand.measured_base import measured_base
from windows.panes import WINDOWS_MS

NEW_YORK = "America/New_York"
NOON_MS = 1_397_059_200_000
MINUTES = np.array(WINDOWS_MS) / 60_000
BASE = DemandBase(
    time_zone=NEW_YORK,
    city_per_min=1.0 + np.sin(np.arange(672) / 15.0) ** 2,
    cells=np.array([10, 20, 30], np.int64),
    share=np.array([0.2, 0.05, 0.01]),
    share_elsewhere=1e-4,
)
COUNTS = st.integers(0, 200).map(float)


def seen(per_cell, city=40.0, cells=(10, 20, 30), observed=None, expected=None):
    """Requests in the longest window per cell, the shorter windows in proportion."""
    share = MINUTES / MINUTES[-1]
    zeros = np.zeros((len(cells), 3))
    return Observed(
        now_ms=NOON_MS,
        cells=np.array(cells, np.int64),
        requests=np.outer(per_cell, share),
        covered_ms=np.array(WINDOWS_MS, np.int64),
        city_requests=city * share,
        city_covered_ms=np.array(WINDOWS_MS, np.int64),
        memory_observed=zeros if observed is None else observed,
        memory_expected=zeros if expected is None else expected,
    )


def expected_of(observed):
    level = live_level(BASE, observed, PriorStrengths())
    return forecast(BASE, level, now_ms=NOON_MS, horizon_ms=300_000)


@given(st.lists(COUNTS, min_size=3, max_size=3), st.integers(0, 2), COUNTS, COUNTS)
def test_more_requests_never_lower_a_forecast(per_cell, cell, more, city):
    """A request more in a cell leaves its forecast or raises it; a busier city raises all."""
    raised = list(per_cell)
    raised[cell] += more
    assert expected_of(seen(raised, city))[cell] >= expected_of(seen(per_cell, city))[cell]
    assert (expected_of(seen(per_cell, city + more)) >= expected_of(seen(per_cell, city)) * (1 - 1e-12)).all()


@given(st.lists(st.tuples(st.sampled_from([10, 20, 30, 99]), COUNTS), min_size=1, max_size=40))
def test_a_forecast_has_the_same_bits_alone_and_among_others(rows):
    """Halo rows and home rows are forecast alike, whatever else the view holds."""
    cells, counts = zip(*rows, strict=True)
    together = expected_of(seen(counts, cells=cells))
    alone = [expected_of(seen([count], cells=(cell,)))[0] for cell, count in rows]
    assert together.tolist() == alone


def test_a_city_twenty_times_busier_is_forecast_twenty_times_higher():
    """The prior does not hold a steady city down: within a few per cent of twenty times the usual week."""
    usual = BASE.city_expected(NOON_MS - WINDOWS_MS[-1], NOON_MS)
    busy = seen(20 * usual * BASE.share, city=20 * usual)
    horizon = BASE.city_expected(NOON_MS, NOON_MS + 300_000) * BASE.share
    assert expected_of(busy) / horizon == pytest.approx(20.0, rel=0.05)


@given(COUNTS, st.integers(1, 200), st.integers(0, 100))
def test_a_ratio_lies_between_one_and_what_was_seen(observed, expected, strength):
    """Shrinkage pulls towards 1 and never past it."""
    ratio = shrunk_ratio(np.array([observed]), np.array([float(expected)]), float(strength))[0]
    low, high = sorted((1.0, observed / expected))
    assert low - 1e-12 <= ratio <= high + 1e-12


def test_nothing_covered_changes_nothing():
    """Windows no one has seen leave every ratio at 1."""
    blank = replace(seen([0, 0, 0], 0.0), covered_ms=np.zeros(6, np.int64), city_covered_ms=np.zeros(6, np.int64))
    level = live_level(BASE, blank, PriorStrengths())
    assert [level.city, *level.cell.tolist()] == pytest.approx([1.0] * 4)


def test_the_usual_week_adds_up_over_any_cut():
    """Expectation of an hour is that of its pieces, slots crossed or not."""
    cuts = [NOON_MS - 3_700_000, NOON_MS - 1_234_567, NOON_MS - 899_999, NOON_MS]
    pieces = sum(BASE.city_expected(a, b) for a, b in pairwise(cuts))
    assert BASE.city_expected(cuts[0], cuts[-1]) == pytest.approx(pieces)


def test_slots_follow_the_local_clock_through_a_change_of_time():
    """On the night of 2 November 2014 local 01:30 happens twice, and both are the same slot of the week."""
    first = datetime(2014, 11, 2, 1, 30, tzinfo=ZoneInfo(NEW_YORK)).timestamp() * 1000 // SLOT_MS
    assert slot_of(NEW_YORK, int(first)) == slot_of(NEW_YORK, int(first) + 4) == 6 * 96 + 6


def test_a_flat_week_is_flat():
    """An unmeasured market expects the same of every cell."""
    base = flat_base(NEW_YORK, per_min=2.0, share=0.01)
    assert base.city_expected(0, 600_000) == 20.0
    assert base.shares_of(np.array([1, 2], np.int64)).tolist() == [0.01, 0.01]


def test_a_measured_week_gives_back_its_pickups():
    """Shares add up to at most one, and the rate over the span returns the number of pickups."""
    week = 7 * 86_400_000
    rng = np.random.default_rng(5)
    at_ms = np.sort(rng.integers(0, 4 * week, 4_000)) // 60_000 * 60_000
    cells = rng.choice([0x882A100D67FFFFF, 0x882A100D65FFFFF], 4_000)
    base = measured_base(at_ms, cells, [(0, 4 * week)], "UTC")
    assert base.city_expected(0, 4 * week) == pytest.approx(4_000, rel=0.01)
    assert 0.9 < base.share.sum() <= 1.0 + 1e-9


def test_no_pickups_make_no_week():
    """A base of nothing is refused by name."""
    nothing = np.empty(0, np.int64)
    with pytest.raises(ValueError, match="at least one pickup"):
        measured_base(nothing, nothing, [(0, 1)], "UTC")


def test_memory_fades_by_its_half_life_and_keeps_its_ratio():
    """After one half-life half is left of both sums."""
    memory = remember(blank_memory(1, 0), 4 * HOUR_MS, np.array([8.0]), np.array([4.0]))
    faded = remember(memory, 8 * HOUR_MS, np.zeros(1), np.zeros(1))
    assert faded.observed[0, 2] == 4.0
    assert (faded.observed / faded.expected == 2.0).all()


def test_memory_never_runs_backwards():
    """A pane older than the memory is refused by name."""
    with pytest.raises(ValueError, match="through_ms must be at least"):
        remember(blank_memory(1, 100), 99, np.zeros(1), np.zeros(1))
