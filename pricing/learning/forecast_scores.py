"""How good forecasts are, beside plain ones and beside what no forecast can beat.

    share of the gap = (tuned mean - model) / (tuned mean - noise floor)

Noise floor of the squared error: 1.04 x mean count, what clumping pickups leave to one who knows the rate. Noise floor
of the deviance: the model's deviance less the mean of ((came - mean)² - 1.04 came) / mean. To second order that mean
is what an imperfect rate adds to the deviance, whoever made it, so the floor hardly depends on the model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.counts_spread import CLUMPING

Floats = NDArray[np.float64]
LEAST_MEAN = 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Root mean squared error, mean absolute error and mean Poisson deviance."""

    rmse: float
    mae: float
    deviance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GapShare:
    """Share of the gap closed, and its 95 % interval by days drawn anew; the gain over the mean likewise."""

    share: float
    low: float
    high: float
    gain_low: float
    gain_high: float


def deviances(came: Floats, mean: Floats) -> Floats:
    """Poisson deviance of each forecast `mean` (positive) for the count `came`.

    >>> deviances(np.array([2.0, 0.0]), np.array([2.0, 1.0])).tolist()
    [0.0, 2.0]
    """
    counted = np.where(came > 0, came * np.log(np.maximum(came, 1.0) / mean), 0.0)
    return 2.0 * (counted - (came - mean))


def errors(came: Floats, mean: Floats) -> Errors:
    """The errors of forecasts; a forecast of nothing counts as `LEAST_MEAN` in the deviance, which no other allows."""
    return Errors(
        rmse=float(np.sqrt(np.mean((came - mean) ** 2))),
        mae=float(np.mean(np.abs(came - mean))),
        deviance=float(np.mean(deviances(came, np.maximum(mean, LEAST_MEAN)))),
    )


def noise_floor(came: Floats, mean: Floats) -> Errors:
    """The least RMSE and deviance there can be; `mae` is not known and NaN."""
    floor = float(np.mean(deviances(came, mean) - _excess(came, mean)))
    return Errors(rmse=float(np.sqrt(CLUMPING * came.mean())), mae=float("nan"), deviance=floor)


def _excess(came: Floats, mean: Floats) -> Floats:
    return ((came - mean) ** 2 - CLUMPING * came) / mean


def share_in_deviance(came: Floats, mean: Floats, tuned: Floats, draws: NDArray[np.int64]) -> GapShare:
    """Share in deviance; `came`, `mean`, `tuned` float64[cells, days, bins of a day], `draws` int64[B, days]."""
    gain = (deviances(came, tuned) - deviances(came, mean)).sum(axis=(0, 2))
    return _share(gain, gain + _excess(came, mean).sum(axis=(0, 2)), draws)


def share_in_squares(came: Floats, mean: Floats, tuned: Floats, draws: NDArray[np.int64]) -> GapShare:
    """Share in squared error; arguments as of `share_in_deviance`."""
    gain = ((came - tuned) ** 2 - (came - mean) ** 2).sum(axis=(0, 2))
    return _share(gain, ((came - tuned) ** 2 - CLUMPING * came).sum(axis=(0, 2)), draws)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorsRecur:
    """How errors of all cells together, over their root mean forecast, go along with those a bin, day and week before.

    Correlations: near 0, the forecast has used what its own errors could tell it.
    """

    next_bin: float
    next_day: float
    next_week: float


def errors_recur(came: Floats, mean: Floats) -> ErrorsRecur:
    """The correlations; `came`, `mean` float64[cells, days, bins of a day]. NaN where there are too few days.

    >>> errors_recur(np.array([[[1.0, 3.0, 1.0, 3.0]]]), np.full((1, 1, 4), 2.0)).next_bin
    -1.0
    """
    forecast = mean.sum(axis=0).reshape(-1)
    left = (came.sum(axis=0).reshape(-1) - forecast) / np.sqrt(forecast)
    per_day = came.shape[2]

    def apart(bins: int) -> float:
        enough = left.size > bins + 1
        return round(float(np.corrcoef(left[bins:], left[:-bins])[0, 1]), 6) if enough else float("nan")

    return ErrorsRecur(next_bin=apart(1), next_day=apart(per_day), next_week=apart(7 * per_day))


def _share(gain: Floats, gap: Floats, draws: NDArray[np.int64]) -> GapShare:
    """From gain and gap per day; a drawn sample without a gap closes nothing."""
    gains, gaps = gain[draws].sum(axis=1), gap[draws].sum(axis=1)
    shares = gains / np.where(gaps > 0, gaps, np.inf)
    low, high = np.quantile(shares, (0.025, 0.975)).tolist()
    gain_low, gain_high = (np.quantile(gains, (0.025, 0.975)) / len(gain)).tolist()
    total = float(gap.sum())
    return GapShare(
        share=float(gain.sum()) / total if total > 0 else 0.0,
        low=low,
        high=high,
        gain_low=gain_low,
        gain_high=gain_high,
    )
