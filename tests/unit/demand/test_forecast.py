"""The live forecast: monotone, free of the city's scale, and the same for a cell in any company."""

from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand.base import SLOT_MS, DemandBase, flat_base, slot_of
from demand.forecast import UNFITTED, Observed, forecast, live_level
from demand.long_memory import Spans, aged, blank_memory, remember
from demand.ratio_walk import INPUTS
from demand.ratios import HALF_LIVES_MS, Sums, faded_sums

NEW_YORK = "America/New_York"
NOON_MS = 1_397_059_200_000
WEIGHT = np.array(HALF_LIVES_MS) / HALF_LIVES_MS[0]
BASE = DemandBase(
    time_zone=NEW_YORK,
    city_per_min=1.0 + np.sin(np.arange(672) / 15.0) ** 2,
    cells=np.array([10, 20, 30], np.int64),
    share=np.array([0.2, 0.05, 0.01])[:, None, None] * np.ones((2, 96)),
    share_elsewhere=1e-4,
)
COEFFICIENTS = np.where([name.startswith(("cell", "city")) for name in INPUTS], 0.12, 0.0)
COUNTS = st.integers(0, 200).map(float)


def seen(per_cell, city=40.0, cells=(10, 20, 30)):
    """So many requests per cell in the shortest memory, in proportion in the longer ones; 25 expected in the city."""
    shares = BASE.shares_of(np.array(cells, np.int64), 0)
    return Observed(
        now_ms=NOON_MS,
        cells=np.array(cells, np.int64),
        sums=Sums(observed=np.outer(per_cell, WEIGHT), expected=25.0 * np.outer(shares, WEIGHT)),
        city=Sums(observed=city * WEIGHT, expected=25.0 * WEIGHT),
    )


def expected_of(observed):
    return forecast(BASE, observed, live_level(observed), COEFFICIENTS, horizon_ms=300_000)


@given(st.lists(COUNTS, min_size=3, max_size=3), st.integers(0, 2), COUNTS, COUNTS)
def test_more_requests_never_lower_a_forecast(per_cell, cell, more, city):
    """A request more in a cell leaves its forecast or raises it."""
    raised = list(per_cell)
    raised[cell] += more
    assert expected_of(seen(raised, city))[cell] >= expected_of(seen(per_cell, city))[cell]


@given(st.lists(st.tuples(st.sampled_from([10, 20, 30, 99]), COUNTS), min_size=1, max_size=40))
def test_a_forecast_has_the_same_bits_alone_and_among_others(rows):
    """Halo rows and home rows are forecast alike, whatever else the view holds."""
    cells, counts = zip(*rows, strict=True)
    together = expected_of(seen(counts, cells=cells))
    alone = [expected_of(seen([count], cells=(cell,)))[0] for cell, count in rows]
    assert together.tolist() == alone


def test_a_city_twenty_times_busier_is_forecast_twenty_times_higher():
    """The prior does not hold a steady city down: within a few per cent of twenty times the usual week."""
    usual = BASE.expected(np.array([10, 20, 30], np.int64), NOON_MS, NOON_MS + 300_000)
    busy = seen(20 * 25.0 * np.array([0.2, 0.05, 0.01]), city=20 * 25.0)
    assert expected_of(busy) / usual == pytest.approx(20.0, rel=0.06)


def test_an_unmeasured_cell_is_what_was_seen_of_it():
    """On a base that knows no cell a busy one is forecast near what it brings, not near the base's share."""
    flat = flat_base(NEW_YORK, per_min=1.0, share=1e-3)
    hour = np.array(HALF_LIVES_MS) / 60_000 / np.log(2)
    observed = Observed(
        now_ms=NOON_MS,
        cells=np.array([7], np.int64),
        sums=Sums(observed=0.5 * hour[None], expected=1e-3 * hour[None]),
        city=Sums(observed=3.0 * hour, expected=hour),
    )
    found = forecast(flat, observed, live_level(observed, yielding=True), UNFITTED, horizon_ms=60_000)
    assert found[0] == pytest.approx(0.5, rel=0.1)


def test_the_usual_week_adds_up_over_any_cut():
    """Expectation of an hour is that of its pieces, slots crossed or not, in the city and in a cell."""
    cuts = [NOON_MS - 3_700_000, NOON_MS - 1_234_567, NOON_MS - 899_999, NOON_MS]
    cells = np.array([10, 99], np.int64)
    (whole,), (whole_city,) = BASE.expected_along(cells, (cuts[0], cuts[-1]))
    pieces, city = BASE.expected_along(cells, cuts)
    assert whole == pytest.approx(pieces.sum(axis=0))
    assert whole_city == pytest.approx(city.sum())
    assert pieces.tolist() == [BASE.expected(cells, a, b).tolist() for a, b in pairwise(cuts)]


def test_slots_follow_the_local_clock_through_a_change_of_time():
    """On the night of 2 November 2014 local 01:30 happens twice, and both are the same slot of the week."""
    first = datetime(2014, 11, 2, 1, 30, tzinfo=ZoneInfo(NEW_YORK)).timestamp() * 1000 // SLOT_MS
    assert slot_of(NEW_YORK, int(first)) == slot_of(NEW_YORK, int(first) + 4) == 6 * 96 + 6


def test_shares_follow_the_kind_of_day():
    """A cell of the weekend is one only there."""
    share = np.zeros((1, 2, 96))
    share[0, 1] = 0.5
    base = replace(BASE, cells=np.array([10], np.int64), share=share)
    assert [base.shares_of(np.array([10], np.int64), 96 * day)[0] for day in (0, 4, 5, 6)] == [0.0, 0.0, 0.5, 0.5]


def test_a_flat_week_is_flat():
    """An unmeasured market expects the same of every cell."""
    base = flat_base(NEW_YORK, per_min=2.0, share=0.01)
    assert base.expected_along(np.array([1], np.int64), (0, 600_000))[1].tolist() == [20.0]
    assert base.shares_of(np.array([1, 2], np.int64), 5).tolist() == [0.01, 0.01]


def spans(starts, ends, cells, city):
    """Spans as the memory takes them."""
    return Spans(
        start_ms=np.array(starts, np.int64),
        end_ms=np.array(ends, np.int64),
        cells=np.array(cells, float).reshape(len(starts), -1),
        city=np.array(city, float),
    )


@given(st.lists(st.integers(0, 9), min_size=2, max_size=30), st.integers(1, 29))
def test_memory_taken_up_in_between_is_that_of_one_go(counts, cut):
    """A record in between changes nothing: sums equal those of all panes at once, and the batch form."""
    cut = min(cut, len(counts) - 1)
    starts = [10_000 * k for k in range(len(counts))]
    ends = [start + 10_000 for start in starts]
    one = remember(blank_memory(1, 0), ends[-1], whole := spans(starts, ends, counts, counts), whole)
    memory = blank_memory(1, 0)
    first = spans(starts[:cut], ends[:cut], counts[:cut], counts[:cut])
    rest = spans(starts[cut:], ends[cut:], counts[cut:], counts[cut:])
    memory = remember(remember(memory, ends[cut - 1], first, first), ends[-1], rest, rest)
    assert memory.cells.observed == pytest.approx(one.cells.observed)
    assert one.cells.observed == pytest.approx(faded_sums(np.array([counts], float), 10_000))
    assert memory.city.expected == pytest.approx(one.city.expected)


def test_memory_never_runs_backwards():
    """A span older than the memory is refused by name."""
    with pytest.raises(ValueError, match="through_ms must be at least"):
        aged(blank_memory(1, 100), 99)
