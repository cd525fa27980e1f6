"""The rules between the best multiplier and the published one."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pricing.rules.reasons import Reason
from pricing.rules.rounding import draws
from pricing.surge import guardrails
from pricing.surge.guarded import guard
from pricing.surge.priced_zone import priced_zone
from tests.unit.pricing import plain_guard
from tests.unit.pricing.worlds import MARKET, NOON_MS, TIMES_SQUARE, ZONE, policy
from topics.control import CellOverride, JurisdictionCap

MULTIPLIERS = arrays(np.int64, (6, 2), elements=st.integers(80, 400))
NOT = st.just(False)
NYC = MARKET.jurisdiction_of[TIMES_SQUARE]


@given(st.integers(1, 200), st.lists(st.integers(1, 9_000), min_size=1, max_size=60), st.integers(0, 10**12))
def test_strides_add_up_to_the_limit_whatever_the_ticks(rate, gaps, start_ms):
    """No fraction of a rate limit is lost or won by ticking often: the strides telescope."""
    times = np.cumsum([start_ms, *gaps]).tolist()
    moved = sum(guardrails.stride(rate, then, now) for then, now in pairwise(times))
    assert moved == rate * times[-1] // 60_000 - rate * start_ms // 60_000


def test_a_long_pause_is_worth_a_minute_upwards_only():
    """After an hour's outage a price rises by one minute's limit at most, and may fall all the way."""
    assert guardrails.rise_stride(30, 0, 3_600_000) == 30
    assert guardrails.stride(30, 0, 3_600_000) == 1_800


@given(MULTIPLIERS, MULTIPLIERS)
def test_unsure_data_never_raises(wanted, previous):
    """Neither missing nor stale data leaves any multiplier above the previous one."""
    assert (plain_guard.never_raised(wanted, previous) <= previous).all()
    assert (plain_guard.stepped_down(previous, 7) <= previous).all()


@given(MULTIPLIERS, MULTIPLIERS, st.integers(0, 50), st.integers(0, 50))
def test_the_rate_limit_bounds_both_ways(wanted, previous, rise, fall):
    """A multiplier moves towards the wanted one, and by no more than the limit."""
    moved = plain_guard.rate_limited(wanted, previous, rise=rise, fall=fall)
    assert ((moved - previous <= rise) & (previous - moved <= fall)).all()
    assert (np.abs(wanted - moved) <= np.abs(wanted - previous)).all()


@given(
    arrays(np.int64, (49, 2), elements=st.integers(100, 400)), st.integers(0, 100), arrays(np.bool_, (49, 2), fill=NOT)
)
def test_neighbours_differ_by_at_most_the_step(wanted, step, by_hand):
    """No multiplier ends more than the step above a neighbour's unless a hand has set one of them; none is raised."""
    adjacent = priced_zone(ZONE, MARKET, policy()).adjacent
    stepped = plain_guard.stepped_in_space(wanted, adjacent, by_hand, step)
    around = np.concatenate([np.where(by_hand, 10**6, stepped), np.full((1, 2), 10**6)])[adjacent]
    assert (by_hand[:, None] | (stepped[:, None] <= around + step)).all()
    assert (stepped[by_hand] == wanted[by_hand]).all()
    assert (stepped <= wanted).all()


def test_small_changes_wait_but_the_way_home_is_free():
    """A change below the hysteresis is not made, except to 1.00."""
    steadied = plain_guard.steadied(np.array([103, 100, 110]), np.array([101, 102, 101]), 5)
    assert steadied.tolist() == [101, 100, 110]


@given(arrays(np.int64, 30, elements=st.integers(50, 150)), st.integers(0, 20))
def test_more_wanted_is_never_steadied_to_less(previous, hysteresis):
    """Around 1.00 too, where a price may pass from a surcharge to a discount."""
    steadied = [plain_guard.steadied(np.full(30, wanted), previous, hysteresis) for wanted in range(45, 156)]
    assert (np.diff(steadied, axis=0) >= 0).all()


#   hysteresis 3        97  98  99 100 101 102 103
@pytest.mark.parametrize(
    ("previous", "made"),
    [
        (99, [99, 99, 99, 100, 100, 102, 103]),
        (100, [97, 100, 100, 100, 100, 100, 103]),
        (102, [97, 98, 99, 100, 102, 102, 102]),
        (101, [97, 98, 100, 100, 101, 101, 101]),
    ],
)
def test_a_small_change_across_one_ends_at_one(previous, made):
    """Where the wanted multiplier stands beyond 1.00, the small change is made up to there."""
    wanted = np.arange(97, 104)
    assert plain_guard.steadied(wanted, np.full(7, previous), 3).tolist() == made


@given(arrays(np.int64, 30, elements=st.integers(100, 150)), arrays(np.int64, 30, elements=st.integers(100, 150)))
def test_from_one_upwards_only_one_itself_is_reached_by_a_small_change(wanted, previous):
    """Where the floor is 1.00 nothing stands on its other side."""
    small = (np.abs(wanted - previous) < 5) & (wanted != 100)
    assert plain_guard.steadied(wanted, previous, 5).tolist() == np.where(small, previous, wanted).tolist()


def test_a_trail_notes_only_what_moved_in_order():
    """Reasons come by position and within it in the order of the rules."""
    trail = guardrails.Trail(np.array([[100, 100]]))
    trail.take(Reason.DEMAND_AND_SUPPLY, np.array([[150, 100]]))
    trail.take(Reason.RATE_LIMIT, np.array([[110, 90]]))
    assert trail.by_position().tolist() == [[0, 0, 1], [1, 6, 6], [100, 150, 100], [150, 110, 90]]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32),
    st.fixed_dictionaries(
        {"hysteresis_hundredths": st.integers(0, 30), "max_step_between_neighbours_hundredths": st.integers(0, 60)},
        optional={
            "emergency_cap_hundredths": st.integers(60, 250),
            "freeze": st.booleans(),
            "caps": st.just([JurisdictionCap(jurisdiction=NYC, floor_hundredths=90, cap_hundredths=180)]),
            "overrides": st.just([CellOverride(cell=TIMES_SQUARE, product="", multiplier_hundredths=170)]),
        },
    ),
    st.lists(st.sampled_from([Reason.MISSING_DATA, Reason.WARMING_UP, Reason.STALE_DATA]), unique=True).map(sorted),
    st.integers(-30_000, 90_000),
)
def test_all_rules_in_one_pass_are_the_rules_one_after_the_other(seed, ruled, unsure, age_ms):
    """Values, chances and what every rule changed, whatever is in force and however old the tick before is."""
    zone, random = priced_zone(ZONE, MARKET, policy(**ruled)), np.random.default_rng(seed)
    wanted, previous, shown = random.integers(60, 400, (3, zone.cells.size, len(MARKET.products)))
    trail, plain = guardrails.Trail(wanted), guardrails.Trail(wanted)
    between = {"then_ms": NOON_MS, "now_ms": NOON_MS + age_ms}
    found = guard(trail, zone, previous=previous, shown=shown, unsure=unsure, **between)
    smooth, chance = plain_guard.plain_guard(plain, zone, previous=previous, shown=shown, unsure=unsure, **between)
    assert (found.smooth == smooth).all()
    assert (found.chance == chance).all()
    assert (trail.value == plain.value).all()
    assert trail.by_position().tolist() == plain.by_position().tolist()


@given(arrays(np.int64, (20, 2), elements=st.integers(50, 500)))
def test_rounding_keeps_the_mean(hundredths):
    """Over all ten draws the rounded multipliers average to the multiplier, and the chance says how often each came."""
    outcomes = [plain_guard.rounded_to_tenths(hundredths, np.full_like(hundredths, draw)) for draw in range(10)]
    assert (sum(rounded for rounded, _ in outcomes) == 10 * hundredths).all()
    for rounded, chance in outcomes:
        assert (sum((other == rounded).astype(int) for other, _ in outcomes) * 10 == chance).all()


def test_draws_hold_for_five_minutes_and_then_change():
    """All riders of a bucket see the same side; another bucket, salt or product draws anew."""
    cells = np.arange(10_000, dtype=np.int64)
    first = draws("salt", cells, ("standard", "xl"), 600_000)
    assert (first == draws("salt", cells, ("standard", "xl"), 899_999)).all()
    for other in (
        draws("salt", cells, ("standard", "xl"), 900_000),
        draws("pepper", cells, ("standard", "xl"), 600_000),
    ):
        assert 0.05 < (other == first).mean() < 0.15
    assert np.bincount(first[:, 0], minlength=10).min() > 850


def test_a_draw_is_the_same_for_ever():
    """Golden: a draw published today can be recounted tomorrow."""
    drawn = draws("nyc-2014", np.array([613229524185776127]), ("standard", "xl"), 1_400_000_000_000)
    assert drawn.tolist() == [[7, 3]]


@pytest.mark.parametrize("rate", [0, -5])
def test_a_rate_of_nothing_moves_nothing(rate):
    """A limit of zero or less freezes a multiplier instead of letting it jump."""
    assert guardrails.stride(rate, 0, 60_000) == 0
