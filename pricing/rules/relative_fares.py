"""What a ride of each product is worth beside the others: the same seconds of a car bring in different fares."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.rules.markets import Market

# Assumption: a usual ride, along streets.
RIDE_KM, RIDE_MIN = 5.0, 17.0


@lru_cache(64)
def relative_fares(market: Market) -> NDArray[np.float64]:
    """Metered fare of a usual ride at 1.00, float64[P], over its mean by share of requests; ones where all are free."""
    fares = np.array(
        [each.base_minor + RIDE_KM * each.per_km_minor + RIDE_MIN * each.per_min_minor for each in market.products],
        np.float64,
    )
    # A free product is charged as the cheapest there can be: nothing may be divided by nothing.
    fares = np.maximum(fares, 1.0)
    mean = float(np.add.reduce(fares * market.demand_shares()))
    return fares / mean
