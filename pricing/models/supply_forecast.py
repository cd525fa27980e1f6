"""How many cars will be there to take the next five minutes' riders.

    cars = idle + SOON_FREE_SHARE x soon free x eligible share + INFLOW_SHARE x other busy x eligible share

A car that serves several products counts in each, as a car can take either ride: every product is weighed against all
cars that could serve it. Which products a busy car serves is not in the counts; the product's share of requests,
relative to the largest, times `FLEET_PER_DEMAND`, stands in for it, a constant, so that one more car never makes
another product's supply smaller.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.models.idle_forecast import IdleForecast

# Assumptions: cars about to be free are so in time, and as many end a ride near as leave the rings with one; of others
# a few end their ride unannounced. With three of five, prices choked riders whom those cars could have carried, in
# simulated cities of seeds that no table uses (ADR 22).
SOON_FREE_SHARE = 1.0
INFLOW_SHARE = 0.05
# Assumption: thin products have more cars per request, or their riders would wait far longer.
FLEET_PER_DEMAND = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyShares:
    """Which part of busy cars will be there: of those soon free, and of the others; the defaults are assumptions.

    `idle` is how many will stand idle in each cell at later times, None where nothing was fitted; no price rests on it.
    """

    soon_free: float = SOON_FREE_SHARE
    other_busy: float = INFLOW_SHARE
    idle: IdleForecast | None = None


ASSUMED = SupplyShares()


def other_busy(busy: NDArray[np.float64], soon_free: NDArray[np.float64]) -> NDArray[np.float64]:
    """Busy cars that do not expect to be free within five minutes; elementwise."""
    others: NDArray[np.float64] = np.maximum(busy - soon_free, 0.0)
    return others
