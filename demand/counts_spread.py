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
