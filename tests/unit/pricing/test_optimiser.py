"""The best multiplier: equal to a plain search, and monotone in demand and supply."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricing.models.conversion import AT_REST, ELASTICITY, WAIT_COST_PER_MIN
from pricing.models.eta import ASSUMED, MATCH_S, USUAL_KM_PER_H, eta_s
from pricing.surge import optimiser as rule
from pricing.surge.catchment import CATCHMENT_KM2
from pricing.surge.optimiser import best_multipliers

COUNTS = st.integers(0, 400).map(lambda count: count / 4)
# Cars by what they serve: everything there is of one, two or three products.
KINDS = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]], float)
FLEETS = st.lists(st.integers(0, 60), min_size=len(KINDS), max_size=len(KINDS)).map(lambda counts: np.array(counts) / 2)
DEMANDS = st.lists(COUNTS, min_size=3, max_size=3).map(np.array)
FARES = np.array([0.8, 1.3, 2.0])


def best(requests, cars, *, idle=None, fleet=None, fares=None, wait_target_s=300, floor=100, cap=300, **how):
    requests, cars = np.atleast_2d(requests).astype(float), np.atleast_2d(cars).astype(float)
    return best_multipliers(
        requests,
        cars,
        cars if idle is None else np.atleast_2d(idle).astype(float),
        fleet=cars.max(axis=1) if fleet is None else np.atleast_1d(fleet).astype(float),
        fares=np.ones(cars.shape[1]) if fares is None else fares,
        wait_target_s=wait_target_s,
        floor=floor,
        cap=cap,
        **how,
    ).hundredths


def best_of(demand, kinds, **how):
    """One cell of three products and a fleet of kinds of cars, all idle."""
    cars = kinds @ KINDS
    return best(demand[None], cars[None], fleet=kinds.sum(), fares=FARES, **how)[0]


def way_s(density):
    return float(eta_s(np.array([density]))[0])


def unbounded_s(density):
    """The wait without its bound of half an hour, whose slope would be none."""
    return MATCH_S + ASSUMED.s_per_root / math.sqrt(density)


def searched(demand, cars, fleet, product, *, wait_target_s, floor, cap):
    """The same by trying every multiplier, one by one, in plain numbers, slopes taken by difference."""
    accepted = [AT_REST * each for each in demand]

    def pays(hundredths):
        """Whether the price covers the ride and what it takes from others, and the wait is kept."""
        price = hundredths / 100
        taken = [each * math.exp(-ELASTICITY * (price - 1)) for each in accepted]
        everyone, harm, crowding = fleet + rule.REACHED_CARS, 0.0, 0.0
        for other in range(3):
            pool = cars[other] + rule.REACHED_CARS
            left = pool - taken[other] - min((sum(taken) - taken[other]) / everyone, rule.SHARED) * pool
            g = math.inf
            if left > 0:
                step = 1e-4 * left
                slope = (unbounded_s((left - step) / CATCHMENT_KM2) - unbounded_s((left + step) / CATCHMENT_KM2)) / (
                    2 * step
                )
                g = taken[other] / 300 * slope
            if other == product:
                if left <= 0:
                    return False
                near, few = way_s(left / CATCHMENT_KM2), taken[other] <= rule.TAKEN_IS_SCARCE * pool
            else:
                g = min(g * pool / everyone, rule.LENT)
            crowding, harm = crowding + g, harm + g * FARES[other]
        if crowding >= 1 or (near > wait_target_s and not few):
            return False
        second = WAIT_COST_PER_MIN / 60 / (1 - crowding)
        toll = second * harm / FARES[product] * (near + rule.RIDE_KM / USUAL_KM_PER_H * 3600)
        drawn = rule.DRAWN * ((toll + second * (near - MATCH_S) / 2) / price - rule.DRIVER_SHARE)
        return price >= rule.COST / FARES[product] + toll + drawn

    return next((m for m in range(floor, cap + 1) if pays(m)), cap)


def test_a_thin_product_is_not_priced_for_riders_who_pay_a_price_of_their_own():
    """Of many who want the common product its own price keeps some away, so a thin one need not choke them, too."""
    cars = np.array([[30.0, 9.0, 6.0]])
    crowd = best(np.array([[120.0, 3.0, 2.0]]), cars, fleet=30.0, fares=FARES)[0]
    assert crowd[0] > 200
    assert crowd[1] < 150


@given(DEMANDS, FLEETS, st.integers(0, 2), st.sampled_from([180, 300, 600]), st.sampled_from([80, 100]))
def test_equals_a_search_of_every_multiplier(demand, kinds, product, wait_target_s, floor):
    """The first grid point that pays for its crowding and keeps the wait, to one step."""
    cars = kinds @ KINDS
    bounds = {"wait_target_s": wait_target_s, "floor": floor, "cap": 250}
    found = best(demand[None], cars[None], fleet=kinds.sum(), fares=FARES, **bounds)[0, product]
    assert abs(found - searched(demand.tolist(), cars.tolist(), kinds.sum(), product, **bounds)) <= 1


@given(DEMANDS, FLEETS, COUNTS, st.integers(0, 2))
def test_more_demand_never_lowers_a_price(demand, kinds, more, product):
    """More requests for a product leave every product's multiplier or raise it."""
    added = demand.copy()
    added[product] += more
    assert (best_of(added, kinds) >= best_of(demand, kinds)).all()


@pytest.mark.parametrize(("requests", "idle", "others"), [(178.6, 0.0, 96.3), (75.5, 0.0, 51.1), (194.0, 3.0, 84.3)])
def test_an_idle_car_more_never_raises_a_price(requests, idle, others):
    """Not by shortening the wait, either, which would bring riders: beside cars free soon and in place of one."""
    before = best(requests, idle + others, idle=idle)
    assert best(requests, idle + others + 1.0, idle=idle + 1.0) <= before
    assert best(requests, idle + others, idle=idle + 1.0) <= before


@given(DEMANDS, FLEETS, st.integers(0, len(KINDS) - 1))
@example(np.array([20.0, 4.0, 0.0]), np.array([0.0, 0.5, 0, 8.0, 0, 0, 0]), 1)
def test_more_supply_never_raises_a_price(demand, kinds, kind):
    """One more car of any kind leaves every product's multiplier or lowers it."""
    added = kinds.copy()
    added[kind] += 1.0
    assert (best_of(demand, added) <= best_of(demand, kinds)).all()


@given(DEMANDS, FLEETS, st.floats(5.0, 40.0), st.floats(1.0, 20.0))
def test_faster_streets_never_raise_a_price(demand, kinds, km_per_h, faster):
    """Cars reach riders sooner and are free sooner."""
    slow, fast = (best_of(demand, kinds, km_per_h=speed) for speed in (km_per_h, km_per_h + faster))
    assert (fast <= slow).all()


def test_slow_streets_make_cars_scarce():
    """The same riders and cars at the end of an afternoon and at night."""
    demand, kinds = np.array([30.0, 5.0, 2.0]), np.array([6.0, 0, 0, 0, 0, 0, 4.0])
    assert best_of(demand, kinds, km_per_h=16.0)[0] > best_of(demand, kinds, km_per_h=27.0)[0] > 100


@given(st.lists(st.tuples(DEMANDS, FLEETS), min_size=1, max_size=20))
def test_a_cell_is_priced_alike_alone_and_among_others(cells):
    """A row's multipliers have the same bits at batch 1 and at batch n."""
    demand, fleets = np.array([d for d, _ in cells]), np.array([kinds for _, kinds in cells])
    together = best(demand, fleets @ KINDS, fleet=fleets.sum(axis=1), fares=FARES)
    alone = [best(d[None], (kinds @ KINDS)[None], fleet=kinds.sum(), fares=FARES)[0].tolist() for d, kinds in cells]
    assert together.tolist() == alone


def test_a_ride_pays_for_the_cars_it_takes_from_another_product():
    """Riders of a thin product raise the price of those who take its cars, and are few enough not to close it."""
    alone, beside = (best_of(np.array([40.0, thin, 0.0]), np.array([50.0, 0, 0, 9.0, 0, 0, 0]) / 2) for thin in (0, 9))
    assert beside[0] > alone[0]
    assert beside[1] > alone[0]


def test_a_dearer_product_pays_less_of_its_fare_for_the_same_car():
    """The toll for a second of a car is money; of a doubled fare it is half."""
    cheap, dear = (
        best([[30.0, 30.0]], [[30.0, 30.0]], fleet=[30.0], fares=np.array(fares))[0, 1]
        for fares in ([1.0, 1.0], [1.0, 2.0])
    )
    assert dear < cheap


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
