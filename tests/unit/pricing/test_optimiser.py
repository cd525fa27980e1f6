"""The best multiplier: equal to a plain search, and monotone in demand and supply."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.catchment import CATCHMENT_KM2
from pricing.conversion import AT_REST, ELASTICITY, USUAL_WAIT_S, WAIT_COST_PER_MIN
from pricing.eta import eta_s
from pricing.optimiser import CONGESTION, COST, REACHED_CARS, SPARE_CARS, TAKEN_IS_SCARCE, best_multipliers

COUNTS = st.integers(0, 400).map(lambda count: count / 4)
SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 3))


def best(requests, cars, *, idle=None, wait_target_s=300, floor=100, cap=300):
    requests, cars = np.atleast_2d(requests).astype(float), np.atleast_2d(cars).astype(float)
    idle = cars if idle is None else np.atleast_2d(idle).astype(float)
    return best_multipliers(requests, cars, idle, wait_target_s=wait_target_s, floor=floor, cap=cap).hundredths


def searched(requests, cars, *, wait_target_s, floor, cap):
    """The same by trying every multiplier, one by one, in plain numbers."""
    wait = float(eta_s(np.array([(cars + SPARE_CARS) / CATCHMENT_KM2]))[0])
    accepted = requests * min(1.0, AT_REST * math.exp(-ELASTICITY * WAIT_COST_PER_MIN * (wait - USUAL_WAIT_S) / 60))

    def pays(hundredths):
        """Whether the price covers the ride and what it takes from others, and the wait is kept."""
        taken = accepted * math.exp(-ELASTICITY * (hundredths / 100 - 1))
        left = cars + REACHED_CARS - taken
        if left <= 0:
            return False
        step = 1e-4
        slower, quicker = (
            float(eta_s(np.array([(left + by) / CATCHMENT_KM2]))[0]) for by in (-step * left, step * left)
        )
        crowding = taken / 300 * (slower - quicker) / (2 * step * left)
        covered = crowding < 1 and hundredths / 100 >= COST + CONGESTION * crowding / (1 - crowding)
        near = float(eta_s(np.array([left / CATCHMENT_KM2]))[0])
        return covered and (near <= wait_target_s or taken <= TAKEN_IS_SCARCE * (cars + REACHED_CARS))

    return next((m for m in range(floor, cap + 1) if pays(m)), cap)


@given(COUNTS, COUNTS, st.sampled_from([120, 180, 300, 600]), st.sampled_from([80, 100]), st.sampled_from([100, 250]))
def test_equals_a_search_of_every_multiplier(requests, cars, wait_target_s, floor, cap):
    """The first grid point that pays for its crowding and keeps the wait, slopes taken by difference, to one step."""
    found = int(best(requests, cars, wait_target_s=wait_target_s, floor=floor, cap=cap)[0, 0])
    assert abs(found - searched(requests, cars, wait_target_s=wait_target_s, floor=floor, cap=cap)) <= 1


@given(COUNTS, COUNTS, COUNTS)
def test_more_demand_never_lowers_a_price(requests, more, cars):
    """Adding requests leaves the best multiplier or raises it."""
    assert best(requests + more, cars)[0, 0] >= best(requests, cars)[0, 0]


@given(COUNTS, COUNTS, COUNTS)
def test_more_supply_never_raises_a_price(requests, more, cars):
    """Adding cars leaves the best multiplier or lowers it."""
    assert best(requests, cars + more)[0, 0] <= best(requests, cars)[0, 0]


@given(st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=49))
def test_a_cell_is_priced_alike_alone_and_among_others(cells):
    """A row's multiplier has the same bits at batch 1 and at batch n."""
    requests, cars = np.array(cells).T
    together = best(requests[:, None], cars[:, None])[:, 0]
    alone = [int(best(r, c)[0, 0]) for r, c in cells]
    assert together.tolist() == alone


def test_an_empty_suburb_is_not_scarcity():
    """No cars and next to no riders is no reason to surge."""
    assert best(0.05, 0.0)[0, 0] == 100


def test_riders_without_cars_surge_to_the_cap():
    """Zero cars and many riders is the most scarce there is, not a ratio of zero."""
    assert best(60.0, 0.0)[0, 0] == 300


def test_bounds_the_wrong_way_round_are_refused_by_name():
    """A floor above the cap is an error of the caller."""
    with pytest.raises(ValueError, match="floor must be at most cap"):
        best(1.0, 1.0, floor=200, cap=100)
