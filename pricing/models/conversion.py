"""Whether a rider who sees a price and a wait takes the ride.

    P(accept) = AT_REST x exp(-ELASTICITY x (multiplier - 1 + WAIT_COST x (wait - usual wait)))

The elasticity of sessions is -0.4 to -0.6 (Cohen, Hahn, Hall, Levitt, Metcalfe 2016, NBER 22627); a minute of waiting
costs a rider about 2.3 % of a fare ($19.38 per hour on $13.83; Castillo 2025). Exponential, hence monotone in both.
"""

import numpy as np
from numpy.typing import NDArray

from demand.forecast import REQUESTS_PER_PICKUP

ELASTICITY = 0.5
WAIT_COST_PER_MIN = 0.023
USUAL_WAIT_S = 240.0
AT_REST = 1.0 / REQUESTS_PER_PICKUP


def chance_at_rest(eta_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """P(accept) at multiplier 1.00 after a wait of `eta_s` seconds; elementwise.

    >>> chance_at_rest(np.array([240.0])).round(3).tolist()
    [0.606]
    """
    waited_min = (np.ascontiguousarray(eta_s) - USUAL_WAIT_S) / 60.0
    return np.minimum(1.0, AT_REST * np.exp(-ELASTICITY * WAIT_COST_PER_MIN * waited_min))


def price_factor(multiplier: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a multiplier leaves of P(accept) at 1.00; falls as the multiplier rises.

    >>> price_factor(np.array([1.0, 2.0])).round(3).tolist()
    [1.0, 0.607]
    """
    return np.exp(-ELASTICITY * (np.ascontiguousarray(multiplier) - 1.0))
