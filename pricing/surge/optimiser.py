"""The multiplier that keeps enough cars idle for pickups to stay short.

A ride takes a car for the way to the rider and the way to the goal. The first is as long as idle cars are sparse:
eta(I) falls with the idle cars I of a catchment. So whoever takes a car makes everybody's pickup longer, and the cars'
time spent on pickups is lost to rides, the wild goose chase of Castillo, Knoepfle and Weyl (2017). With x rides begun a
second, the cars' time one more ride costs the others is measured by

    crowding g = x |eta'(I)|            one more idle car shortens all pickups by g car-seconds a second

At g = 1 a further rider completes no further ride. With T the time of a ride and w the worth of a rider's second in
fares, one more ride harms the others by the toll below, and the welfare of all is greatest where the marginal rider
pays for the ride and the toll, less what the price gains by the cars it draws (derivation in docs/pricing.md):

    toll  = w / (1 - g) x sum over products q of share q x g(q) x fare(q) / fare x (eta + T)
    drawn = DRAWN x ((toll + w (eta - match) / (2 (1 - g))) / m - DRIVER_SHARE)
    m     = COST / fare + toll + drawn

Most cars serve several products. A ride takes one that serves product q with the share of q in the fleet, so it is
charged for q's pickups too, and thin products are found crowded when everybody takes their cars. What a second of a car
is worth counts in the fare of whom it is taken from.

The multiplier wanted is the smallest on the grid at which m covers the right side, with the requests and cars expected
if everybody paid m: a higher m leaves fewer requests and more idle cars, so every term falls as m rises, the smallest
is the only solution, and more demand never lowers a price, more supply never raises one. For that, how many ride does
not depend on the wait: an idle car more would bring riders by a shorter one.

The wait target is a bound beside it: m also rises until the idle cars left keep the wait within the target, or until
riders take so few of the cars that a higher price could not shorten the wait.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.models.behaviour import ASSUMED, Behaviour
from pricing.models.conversion import ELASTICITY, WAIT_COST_PER_MIN
from pricing.models.eta import LONGEST_S, USUAL_KM_PER_H, Waits, cars_per_km2_for, eta_s
from pricing.surge.catchment import CATCHMENT_KM2
from pricing.surge.toll_search import Terms, cheapest

HORIZON_S = 300.0
# Assumption: what driving a ride costs, as a part of its fare at 1.00 (fuel and wear, not the driver's time).
COST = 0.2
# Assumption: so long is a ride, 13 minutes by day.
RIDE_KM = 3.7
# Drivers' hours answer earnings with elasticity 1.2 within 15 to 30 minutes (Chen, Sheldon 2016), so a quarter of it
# within the horizon; idle cars, three of ten, pick a new place every five minutes, and a third heeds surge (10 to 60 %
# published): a price higher by 1.00 draws four of ten cars more.
ENTRY = 1.2 * 0.25
REPOSITIONING = 0.3 * 0.35
DRAWN = (ENTRY + REPOSITIONING) / ELASTICITY
# Assumption: a driver's part of the metered fare; a car drawn here gives up what it usually earns elsewhere.
DRIVER_SHARE = 0.75
# Assumption: cars beyond the rings that are within reach, so that an empty suburb is not scarcity …
REACHED_CARS = 3.0
# … of which a wait is told as if there were this many.
SPARE_CARS = 1.0
# Assumption: no more crowding of another product than this is charged: an empty pool of few does not close all.
LENT = 0.25
# Assumption: riders of other products take no more than this part of a product's cars, since they pay their own price.
SHARED = 0.35
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
    fleet: NDArray[np.float64] | None = None,
    fares: NDArray[np.float64] | None = None,
    km_per_h: float = USUAL_KM_PER_H,
    behaviour: Behaviour = ASSUMED,
) -> Optimum:
    """Best multiplier of each cell and product on the grid from floor to cap, hundredths.

    `requests`, `cars`, `idle` float64[n, P] are catchment sums: requests and cars of the next five minutes, idle cars
    now; `fleet` float64[n] the cars of all products, each once, None where one product is served by all of them;
    `fares` float64[P] of each product in mean fares, None for all alike. `behaviour` is how cars and riders answer,
    fitted or assumed; `km_per_h` is how fast cars drive at this hour. Raises ValueError if `floor` is above `cap`.
    """
    if floor > cap:
        raise ValueError(f"floor must be at most cap {cap}, got {floor}")
    waits = behaviour.waits_at(km_per_h)
    accepted = requests * behaviour.chance_at_rest(wait_target_s)
    found = cheapest(
        np.ascontiguousarray(accepted),
        np.ascontiguousarray(cars),
        np.ascontiguousarray(np.max(cars, axis=1) if fleet is None else fleet),
        np.ones(cars.shape[1]) if fares is None else fares,
        np.ascontiguousarray(behaviour.price_factors(floor, cap, wait_target_s)),
        floor,
        terms_for(wait_target_s, waits, km_per_h),
    )
    return Optimum(hundredths=found, eta_s=eta_s(idle_per_km2(idle), waits))


def idle_per_km2(idle: NDArray[np.float64]) -> NDArray[np.float64]:
    """The density a wait is told by, of idle cars summed over a catchment; elementwise.

    >>> idle_per_km2(np.array([0.0, 9.0])).round(3).tolist()
    [0.104, 1.044]
    """
    density: NDArray[np.float64] = (idle + SPARE_CARS) / CATCHMENT_KM2
    return density


@lru_cache(1024)
def terms_for(wait_target_s: int, waits: Waits, km_per_h: float) -> Terms:
    """The constants, with the density that keeps this wait and the time of a ride at this speed."""
    return Terms(
        wait_worth_per_s=WAIT_COST_PER_MIN / 60.0,
        ride_s=RIDE_KM / km_per_h * 3600.0,
        horizon_s=HORIZON_S,
        catchment_km2=CATCHMENT_KM2,
        match_s=waits.match_s,
        s_per_root=waits.s_per_root,
        longest_s=LONGEST_S,
        cost=COST,
        reached=REACHED_CARS,
        lent=LENT,
        shared=SHARED,
        scarce=TAKEN_IS_SCARCE,
        drawn=DRAWN,
        driver_share=DRIVER_SHARE,
        target_per_km2=cars_per_km2_for(float(wait_target_s), waits),
    )
