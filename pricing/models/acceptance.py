"""Whether a rider takes an offer, fitted on recorded offers: a logit in the logarithm of the price.

    log-odds of taking = at_usual - price_slope x ln multiplier - wait_slope_per_min x (wait - usual wait)

Falls in price and in wait, since both slopes are not negative. Unlike the assumed form (`models.conversion`) its
elasticity grows with the price, as a share that cannot exceed one must (Train 2009, Discrete Choice Methods, ch. 3).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Log-odds `at_usual` at multiplier 1.00 and a wait of `usual_wait_s`; both slopes at least 0."""

    at_usual: float
    price_slope: float
    wait_slope_per_min: float
    usual_wait_s: float

    def chance(self, multiplier: NDArray[np.float64], eta_s: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """P(accept), elementwise; `multiplier` is positive, 1.0 the plain fare.

        >>> half = Acceptance(at_usual=0.0, price_slope=1.0, wait_slope_per_min=0.1, usual_wait_s=240.0)
        >>> half.chance(np.array([1.0, 3.0]), 240.0).round(3).tolist()
        [0.5, 0.25]
        """
        waited_min = (np.asarray(eta_s) - self.usual_wait_s) / 60.0
        odds = self.price_slope * np.log(multiplier) + self.wait_slope_per_min * waited_min - self.at_usual
        chance: NDArray[np.float64] = 1.0 / (1.0 + np.exp(odds))
        return chance
