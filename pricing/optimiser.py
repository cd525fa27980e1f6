"""The multiplier that keeps enough cars idle for pickups to stay short.

A ride takes a car for the way to the rider and the way to the goal. The first is as long as idle cars are sparse:
eta(I) falls with the idle cars I of a catchment. So whoever takes a car makes everybody's pickup longer, and the cars'
time spent on pickups is lost to rides, the wild goose chase of Castillo, Knoepfle and Weyl (2017). With x rides begun a
second, the cars' time one more ride costs the others is measured by

    crowding g = x |eta'(I)|            one more idle car shortens all pickups by g car-seconds a second

At g = 1 a further rider completes no further ride. With L = I + x (eta + T) cars, T the time of a ride, w the worth of
a rider's minute in fares, the welfare of all, riders' worth less their waiting, is greatest where the marginal rider
pays for the ride and for what they take from the others (the derivation stands in docs/pricing.md):

    m = COST + CONGESTION x g / (1 - g)                     CONGESTION = w (eta + T)

The multiplier wanted is the smallest on the grid at which m covers the right side, with the requests and cars expected:
a higher m leaves fewer requests x(m) and more idle cars I(m), so g falls as m rises, the smallest is the only solution,
and more demand never lowers a price, more supply never raises one. Products are weighed each on its own, against all
cars that could serve it.

The wait target is a bound beside it: m also rises until the idle cars left keep the wait within the target, or until
riders take so few of the cars that a higher price could not shorten the wait.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.behaviour import ASSUMED, Behaviour, grid_of
from pricing.catchment import CATCHMENT_KM2
from pricing.conversion import WAIT_COST_PER_MIN
from pricing.eta import cars_per_km2_for, crowding_of, eta_s

HORIZON_S = 300.0
# Assumption: what driving a ride costs, as a part of its fare at 1.00 (fuel and wear, not the driver's time).
COST = 0.2
# Assumption: a ride of 13 minutes and a pickup of 4 take a car 17 minutes.
CONGESTION = WAIT_COST_PER_MIN * 17.0
# Assumption: cars beyond the rings that are within reach, so that an empty suburb is not scarcity …
REACHED_CARS = 3.0
# … of which a wait is told as if there were this many.
SPARE_CARS = 1.0
# Above this part of cars taken, demand is what makes riders wait.
TAKEN_IS_SCARCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """`hundredths` int64[n, P] best multipliers on the grid; `eta_s` float64[n, P] waits they were weighed with."""

    hundredths: NDArray[np.int64]
    eta_s: NDArray[np.float64]


def best_multipliers(
    requests: NDArray[np.float64],
    cars: NDArray[np.float64],
    idle: NDArray[np.float64],
    *,
    wait_target_s: int,
    floor: int,
    cap: int,
    behaviour: Behaviour = ASSUMED,
) -> Optimum:
    """Best multiplier of each cell and product on the grid from floor to cap, hundredths.

    `requests`, `cars`, `idle` float64[n, P] are catchment sums: requests and cars of the next five minutes, idle cars
    now. `behaviour` is how cars and riders answer, fitted or assumed. Raises ValueError if `floor` is above `cap`.
    """
    if floor > cap:
        raise ValueError(f"floor must be at most cap {cap}, got {floor}")
    wait = eta_s(idle_per_km2(idle), behaviour.waits)
    accepted = requests * behaviour.chance_at_rest(wait, wait_target_s)
    first = np.zeros(accepted.shape, np.int64)
    # Most cells need no rise at all: only the others are held against the whole grid.
    bounds = {"wait_target_s": wait_target_s, "floor": floor}
    at_floor = is_enough(accepted, cars, behaviour, cap=floor, **bounds)[..., 0]
    rising = np.nonzero(~at_floor)
    if rising[0].size:
        good = is_enough(accepted[rising], cars[rising], behaviour, cap=cap, **bounds)
        first[rising] = np.where(good.any(axis=-1), np.argmax(good, axis=-1), cap - floor)
    return Optimum(hundredths=grid_of(floor, cap)[first], eta_s=wait)


def idle_per_km2(idle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The density a wait is told by, of idle cars summed over a catchment; elementwise.

    >>> idle_per_km2(np.array([0.0, 9.0])).round(3).tolist()
    [0.104, 1.044]
    """
    density: NDArray[np.float64] = (idle + SPARE_CARS) / CATCHMENT_KM2
    return density


def is_enough(
    accepted: NDArray[np.float64],
    cars: NDArray[np.float64],
    behaviour: Behaviour,
    *,
    wait_target_s: int,
    floor: int,
    cap: int,
) -> NDArray[np.bool_]:
    """Whether a multiplier needs no further rise: false, then true along the grid.

    `accepted` are riders who would ride at 1.00 in the next five minutes, `cars` those to take them, both float64[...];
    returns bool[..., g].
    """
    supply = (cars + REACHED_CARS)[..., None]
    taken = accepted[..., None] * behaviour.price_factors(floor, cap, wait_target_s)
    left_per_km2 = (supply - taken) / CATCHMENT_KM2
    crowding = crowding_of(taken / HORIZON_S / CATCHMENT_KM2, left_per_km2, behaviour.waits)
    spare = grid_of(floor, cap) / 100.0 - COST
    covers = (crowding < 1.0) & (spare * (1.0 - crowding) >= CONGESTION * crowding)
    waits = (left_per_km2 < cars_per_km2_for(float(wait_target_s), behaviour.waits)) & (
        taken > TAKEN_IS_SCARCE * supply
    )
    return covers & ~waits
