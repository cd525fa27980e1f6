"""How many cars will stand idle in each cell in 5, 15, 30 and 60 minutes: parts of the cars seen now, added up.

    mean = sum of coefficient x feature            no coefficient is negative, `models.supply_features` declares each
    variance = mean + spread x mean ** 1.5         crowds are surer than their size: between Poisson and proportional

Thinning what stands there and adding what comes is the integer-valued autoregression of Al-Osh and Alzaid (1987,
Journal of Time Series Analysis 8). Counts in between are taken as negative binomial with that variance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HORIZONS_MIN = (5, 15, 30, 60)
SPREAD_POWER = 1.5

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleAt:
    """One horizon: `coefficients` in the order of `models.supply_features.FEATURES`."""

    horizon_min: int
    coefficients: tuple[float, ...]
    spread: float

    def mean(self, features: Floats) -> Floats:
        """Idle cars expected, float64[m], of `features` float64[m, F]; a row does not depend on the others."""
        total = np.zeros(len(features))
        for column, coefficient in enumerate(self.coefficients):
            total = total + coefficient * features[:, column]
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleForecast:
    """Horizons ascending, and how many cars usually stand idle in each cell known, ascending by cell."""

    horizons: tuple[IdleAt, ...]
    usual: tuple[tuple[int, float], ...]

    def usual_of(self, cells: NDArray[np.int64]) -> Floats:
        """What usually stands in each of the cells, float64[n]; 0 in one not known."""
        known = dict(self.usual)
        return np.array([known.get(cell, 0.0) for cell in cells.tolist()], np.float64)


def variance_of(mean: Floats, spread: float) -> Floats:
    """Variance of a count forecast at `mean`; elementwise.

    >>> variance_of(np.array([4.0]), 0.5).tolist()
    [8.0]
    """
    variance: Floats = mean + spread * mean**SPREAD_POWER
    return variance
