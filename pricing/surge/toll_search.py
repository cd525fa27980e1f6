"""The cheapest multiplier that pays its toll, found by halving: compiled, one cell and product after the other.

`surge.optimiser` says why and names the constants. Once cached, a compiled function sees no change of a constant in
another file, so they come in as `Terms`. Signatures are spelled out: it is compiled when a worker starts, not at its
first tick.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import boolean, float64, int64, njit, types
from numpy.typing import NDArray


class Terms(NamedTuple):
    """Constants of the formula; money in mean fares at 1.00.

    `wait_worth_per_s` of a rider; `ride_s` a car is with a rider; `horizon_s` of the forecasts; `match_s`, `s_per_root`
    and `longest_s` as in `models.eta`; `cost` of driving; `reached` cars beyond the rings; `lent` most crowding a ride
    is charged for in another product; `shared` largest part of a product's cars that riders of others take; `scarce`
    part of cars taken from which the wait target holds; `drawn` how much cars answer a price, in units of what
    requests do; `driver_share` of a fare; `target_per_km2` density at which the wait target is kept.
    """

    wait_worth_per_s: float
    ride_s: float
    horizon_s: float
    catchment_km2: float
    match_s: float
    s_per_root: float
    longest_s: float
    cost: float
    reached: float
    lent: float
    shared: float
    scarce: float
    drawn: float
    driver_share: float
    target_per_km2: float


_COLUMN, _COLUMNS = float64[::1], float64[:, ::1]
_TERMS = types.NamedUniTuple(float64, len(Terms._fields), Terms)  # type: ignore[no-untyped-call]  # numba's own


@njit(boolean(_COLUMN, _COLUMN, float64, _COLUMN, int64, float64, float64, _TERMS), cache=True)
def _pays(
    accepted: NDArray[np.float64],
    cars: NDArray[np.float64],
    fleet: float,
    fares: NDArray[np.float64],
    product: int,
    price: float,
    kept: float,
    terms: Terms,
) -> bool:
    """Whether `price` covers what a ride of `product` takes from others, if all pay it and `kept` of them ride."""
    everyone = fleet + terms.reached
    rides = 0.0
    for other in range(accepted.size):
        rides += accepted[other] * kept
    own = accepted[product] * kept
    crowding, harm, left, pool = 0.0, 0.0, 0.0, 0.0
    for other in range(accepted.size):
        taken = accepted[other] * kept
        around = cars[other] + terms.reached
        stay = around * (1.0 - min((rides - taken) / everyone, terms.shared)) - taken
        saved = math.inf
        if stay > 0.0:
            density = stay / terms.catchment_km2
            saved = (
                taken / terms.horizon_s / terms.catchment_km2 * 0.5 * terms.s_per_root / (density * math.sqrt(density))
            )
        if other == product:
            left, pool = stay, around
        else:
            saved = min(saved * around / everyone, terms.lent)
        crowding += saved
        harm += saved * fares[other]
    if left <= 0.0 or crowding >= 1.0:
        return False
    density = left / terms.catchment_km2
    if density < terms.target_per_km2 and own > terms.scarce * pool:
        return False
    way_s = min(terms.longest_s - terms.match_s, terms.s_per_root / math.sqrt(density))
    second = terms.wait_worth_per_s / (1.0 - crowding)
    toll = second * harm / fares[product] * (terms.match_s + way_s + terms.ride_s)
    drawn = terms.drawn * ((toll + second * 0.5 * way_s) / price - terms.driver_share)
    pays: bool = price >= terms.cost / fares[product] + toll + drawn
    return pays


@njit(int64[:, ::1](_COLUMNS, _COLUMNS, _COLUMN, _COLUMN, _COLUMN, int64, _TERMS), cache=True)
def cheapest(
    accepted: NDArray[np.float64],
    cars: NDArray[np.float64],
    fleet: NDArray[np.float64],
    fares: NDArray[np.float64],
    kept: NDArray[np.float64],
    floor: int,
    terms: Terms,
) -> NDArray[np.int64]:
    """Smallest hundredths on the grid from floor up that pay, int64[n, P]; the highest, the cap, where none does.

    `accepted` float64[n, P] riders who would ride at 1.00 within the horizon, `cars` float64[n, P] that serve each
    product, `fleet` float64[n] all cars, each once, `fares` float64[P] of each product in mean fares, `kept` float64[g]
    what each multiplier of the grid leaves of those riders.
    """
    found = np.empty(accepted.shape, np.int64)
    for row in range(accepted.shape[0]):
        for product in range(accepted.shape[1]):
            low, high = 0, kept.size - 1
            # Most cells need no rise at all.
            middle = 0
            while low < high:
                price = (floor + middle) / 100.0
                if _pays(accepted[row], cars[row], fleet[row], fares, product, price, kept[middle], terms):
                    high = middle
                else:
                    low = middle + 1
                middle = (low + high) // 2
            found[row, product] = floor + high
    return found
