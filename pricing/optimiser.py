"""The multiplier that serves riders best with the cars there are.

With x accepted requests and S cars in five minutes, trips follow the matching function

    T(x, S) = x S / (x^4 + S^4)^(1/4)          (den Haan, Ramey, Watson 2000, American Economic Review 90(3))

and riders' worth of a ride beyond the multiplier m is exponential, as in `conversion`, so the mean worth of those who
ride is m + 1/a, a the elasticity. The best m maximises trips times worth net of what a ride costs to provide,

    J(m) = T(x(m), S) x (m + 1/a - COST),          x(m) = x(1) exp(-a (m - 1)).

log J rises with m exactly while (x / S)^4 > a (m + 1/a - COST) - 1: more riders than cars make a higher price worth
it, since it picks those who need the ride most; beyond, a higher price only loses trips. The left side falls with m
and the right side rises, so the smallest grid point that fails the inequality is the maximum, and since x / S rises
with demand and falls with supply, so does the maximum: more demand never lowers a price, more supply never raises
one. Products are weighed each on its own, against all cars that could serve it.

The wait target works the same way: m rises until the cars that stay idle keep the wait within the target, or until
riders take so few of the cars that a higher price could not shorten the wait.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.catchment import CATCHMENT_KM2
from pricing.conversion import ELASTICITY, chance_at_rest, price_factor
from pricing.eta import cars_per_km2_for, eta_s

# Assumption: what a ride costs to provide, as a part of its fare at 1.00.
COST = 0.5
# Assumption: a car beyond the rings is always within reach, so that an empty suburb is not scarcity.
SPARE_CARS = 1.0
# Above this part of cars taken, demand is what makes riders wait.
TAKEN_IS_SCARCE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimum:
    """`hundredths` int64[n, P] best multipliers on the grid; `eta_s` float64[n, P] waits they were weighed with."""

    hundredths: NDArray[np.int64]
    eta_s: NDArray[np.float64]


@lru_cache(64)
def grid_of(floor: int, cap: int) -> NDArray[np.int64]:
    """Every multiplier from floor to cap in steps of 0.01, hundredths, int64[g]."""
    return np.arange(floor, cap + 1, dtype=np.int64)


@lru_cache(64)
def _price_factors(floor: int, cap: int) -> NDArray[np.float64]:
    return price_factor(grid_of(floor, cap) / 100.0)


def best_multipliers(
    requests: NDArray[np.float64],
    cars: NDArray[np.float64],
    idle: NDArray[np.float64],
    *,
    wait_target_s: int,
    floor: int,
    cap: int,
) -> Optimum:
    """Best multiplier of each cell and product on the grid from floor to cap, hundredths.

    `requests`, `cars`, `idle` float64[n, P] are catchment sums: requests and cars of the next five minutes, idle cars
    now. Raises ValueError if `floor` is above `cap`.
    """
    if floor > cap:
        raise ValueError(f"floor must be at most cap {cap}, got {floor}")
    wait = eta_s((idle + SPARE_CARS) / CATCHMENT_KM2)
    supply = cars + SPARE_CARS
    load = (requests * chance_at_rest(wait)) / supply
    first = np.zeros(load.shape, np.int64)
    # Most cells need no rise at all: only the others are held against the whole grid.
    at_floor = is_enough(load, supply, wait_target_s=wait_target_s, floor=floor, cap=floor)[..., 0]
    rising = np.nonzero(~at_floor)
    if rising[0].size:
        good = is_enough(load[rising], supply[rising], wait_target_s=wait_target_s, floor=floor, cap=cap)
        first[rising] = np.where(good.any(axis=-1), np.argmax(good, axis=-1), cap - floor)
    return Optimum(hundredths=grid_of(floor, cap)[first], eta_s=wait)


def is_enough(
    load: NDArray[np.float64], supply: NDArray[np.float64], *, wait_target_s: int, floor: int, cap: int
) -> NDArray[np.bool_]:
    """Whether a multiplier needs no further rise: false, then true along the grid.

    `load` are accepted requests at 1.00 per car, `supply` cars, both float64[...]; returns bool[..., g].
    """
    ratio = load[..., None] * _price_factors(floor, cap)
    squared = ratio * ratio
    fourth = squared * squared
    multiplier = grid_of(floor, cap) / 100.0
    clears = fourth <= ELASTICITY * (multiplier + 1.0 / ELASTICITY - COST) - 1.0
    taken = ratio / np.sqrt(np.sqrt(1.0 + fourth))
    needed = cars_per_km2_for(float(wait_target_s)) * CATCHMENT_KM2
    waits = (supply[..., None] * (1.0 - 0.5 * taken) < needed) & (taken > TAKEN_IS_SCARCE)
    return clears & ~waits
