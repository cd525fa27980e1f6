"""Riders go as far as stated, ask for what is stated, and choose by price and wait."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.choices import accepted_share
from simulation.plan import CityPlan
from simulation.riders import intents_in_minute
from simulation.staffing import MEAN_TRIP_M
from tests.unit.simulation.cities import history, minute_of, recorded

PLAN = CityPlan()


def test_trips_have_the_stated_mean_and_the_least_length() -> None:
    """Over the hours of a weekday the mean straight trip is the one staffing counts on, and none is under the least."""
    ways = []
    for hour in range(0, 24, 2):
        riders = intents_in_minute(recorded(), PLAN, minute_of(f"2026-11-17T{hour:02d}:20"))
        ways.append(np.hypot(riders.to_x - riders.x, riders.to_y - riders.y))
    way = np.concatenate(ways)
    assert way.min() >= PLAN.least_trip_m
    assert way.mean() == pytest.approx(MEAN_TRIP_M, rel=0.1)


def test_a_rider_with_nowhere_to_go_goes_one_kernel_length() -> None:
    """Where every recorded pickup is too near to be a dropoff, the trip is one kernel length in some direction."""
    lonely = history({"2014-05-14T08:30": 1})
    riders = intents_in_minute(lonely, CityPlan(scale=1.0), minute_of("2026-11-17T13:30"))
    assert np.hypot(riders.to_x - riders.x, riders.to_y - riders.y).tolist() == pytest.approx([PLAN.kernel_m])


def test_products_are_asked_for_in_their_shares() -> None:
    """Over some minutes each product's share is within three points of the plan."""
    drawn = [intents_in_minute(recorded(), PLAN, minute_of("2026-11-17T20:00") + k).product for k in range(10)]
    seen = np.bincount(np.concatenate(drawn), minlength=3) / np.concatenate(drawn).size
    assert seen == pytest.approx([share.share for share in PLAN.product_shares], abs=0.03)


@given(low=st.floats(0.5, 5.0), high=st.floats(0.5, 5.0), soon=st.integers(0, 1_800), late=st.integers(0, 1_800))
def test_dearer_and_later_is_never_taken_more(low: float, high: float, soon: int, late: int) -> None:
    """The accepted share falls in the multiplier and in the wait, between 0 and 1."""
    (low, high), (soon, late) = sorted((low, high)), sorted((soon, late))
    best = accepted_share(PLAN, multiplier=low, eta_s=soon)
    worst = accepted_share(PLAN, multiplier=high, eta_s=late)
    assert 0 < worst <= best < 1


def test_the_elasticity_at_the_usual_offer_is_the_stated_one() -> None:
    """One per cent on the price loses half a per cent of the takers."""
    usual = accepted_share(PLAN, multiplier=1.0, eta_s=PLAN.usual_wait_s)
    dearer = accepted_share(PLAN, multiplier=1.01, eta_s=PLAN.usual_wait_s)
    assert usual == pytest.approx(PLAN.accepted_share)
    assert (dearer / usual - 1) / 0.01 == pytest.approx(-PLAN.price_elasticity, rel=0.02)
