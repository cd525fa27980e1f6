"""How far counts lie from their forecast: clumps of pickups, and what the forecast does not know.

    variance = 1.04 x mean + unexplained x mean²

Pickups clump: one in twenty shares its minute and cell with another, so even a perfect forecast is off by 1.04 x mean.
The second term is fitted on history. Counts between are taken as negative binomial with that variance.
"""

import numpy as np
from numpy.typing import NDArray

CLUMPING = 1.04

Floats = NDArray[np.float64]
_GRID = np.exp(np.linspace(np.log(1e-6), np.log(1e4), 6000))


def unexplained(came: Floats, mean: Floats) -> float:
    """Squared relative error of the forecast `mean` beyond clumping, at least 0; both float64[n].

    >>> unexplained(np.array([1.0, 1.0]), np.array([1.0, 1.0]))
    0.0
    """
    excess = float(((came - mean) ** 2 - CLUMPING * mean).sum())
    return max(0.0, excess / float((mean**2).sum()))


def quantiles(mean: Floats, spread: float, *, at: float) -> Floats:
    """The count that a share `at` of outcomes does not exceed, float64[n], for forecasts `mean`."""
    # Here, since it takes a second to load, which every restart of a worker would wait for; only backtests use it.
    from scipy.stats import nbinom  # type: ignore[import-untyped]  # noqa: PLC0415

    variance = CLUMPING * _GRID + spread * _GRID**2
    table = nbinom.ppf(at, _GRID**2 / (variance - _GRID), _GRID / variance)
    values: Floats = table[np.clip(np.searchsorted(_GRID, mean), 0, _GRID.size - 1)]
    return values


def within(came: Floats, mean: Floats, spread: float, *, low: float, high: float) -> Floats:
    """Part of each count that lies between the quantiles `low` and `high`, float64[n], its jump spread evenly.

    >>> float(within(np.array([0.0]), np.array([1e-9]), 0.0, low=0.1, high=0.9).round(3)[0])
    0.8
    """
    return within_of(came, mean, CLUMPING * mean + spread * mean**2, low=low, high=high)


def within_of(came: Floats, mean: Floats, variance: Floats, *, low: float, high: float) -> Floats:
    """The same for negative binomial counts of any `variance` above `mean`, float64[n].

    A whole interval of small counts holds more than it says, since a quantile lands on a whole number. Spreading the
    probability of each count over its jump (the randomised probability integral transform; Czado, Gneiting, Held,
    Predictive model assessment for count data, 2009) undoes that without a draw: the mean is high - low where the
    variance is right.
    """
    from scipy.stats import nbinom  # noqa: PLC0415

    size, chance = mean**2 / (variance - mean), mean / variance
    below, through = nbinom.cdf(came - 1, size, chance), nbinom.cdf(came, size, chance)
    inside = np.minimum(through, high) - np.maximum(below, low)
    part: Floats = np.clip(inside / np.maximum(through - below, 1e-300), 0.0, 1.0)
    return part


def quantiles_of(mean: Floats, variance: Floats, *, at: float) -> Floats:
    """The count that a share `at` of outcomes does not exceed, float64[n], for any `variance` above `mean`."""
    from scipy.stats import nbinom  # noqa: PLC0415

    values: Floats = nbinom.ppf(at, mean**2 / (variance - mean), mean / variance)
    return values
