"""How cars and riders answer: what the optimiser weighs a price by, fitted on recorded rides or assumed.

    waits         pickup time from idle density                       `eta`; None is the assumed, by speed
    acceptance    P(accept | multiplier, wait); None is the assumed   `acceptance`, `conversion`
    supply        which busy cars will be there                       `supply_forecast`

Riders are counted on at a wait that does not depend on the cars standing now: the usual one or, by a fitted acceptance,
the wait target. Else one idle car more, which shortens the wait, could bring more riders than it takes and raise a
price; so, whatever was fitted, more supply never raises one.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.models.acceptance import Acceptance
from pricing.models.conversion import AT_REST, price_factor
from pricing.models.eta import Waits, waits_at
from pricing.models.supply_forecast import SupplyShares

Floats = NDArray[np.float64]


@lru_cache(64)
def grid_of(floor: int, cap: int) -> NDArray[np.int64]:
    """Every multiplier from floor to cap in steps of 0.01, hundredths, int64[g]."""
    return np.arange(floor, cap + 1, dtype=np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """Fitted or assumed; equal values are equal, so that what depends on one alone can be remembered."""

    waits: Waits | None = None
    acceptance: Acceptance | None = None
    supply: SupplyShares = SupplyShares()  # noqa: RUF009  a frozen value

    def waits_at(self, km_per_h: float) -> Waits:
        """How long pickups take where cars drive that fast; fitted waits are of the streets they were seen in."""
        return self.waits or waits_at(km_per_h)

    def chance_at_rest(self, wait_target_s: int) -> float:
        """Share of requests that would become rides at 1.00."""
        if self.acceptance is None:
            return AT_REST
        return float(self.acceptance.chance(np.ones(1), float(wait_target_s))[0])

    def price_factors(self, floor: int, cap: int, wait_target_s: int) -> Floats:
        """What each multiplier of the grid leaves of that share, float64[g]; falls along the grid."""
        return _price_factors(floor, cap, self.acceptance, wait_target_s)


ASSUMED = Behaviour()


@lru_cache(64)
def _price_factors(floor: int, cap: int, acceptance: Acceptance | None, wait_target_s: int) -> Floats:
    multipliers = grid_of(floor, cap) / 100.0
    if acceptance is None:
        return price_factor(multipliers)
    wait_s = float(wait_target_s)
    return acceptance.chance(multipliers, wait_s) / acceptance.chance(np.ones(1), wait_s)
