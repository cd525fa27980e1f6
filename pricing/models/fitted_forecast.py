"""A forecast fitted on history and then frozen: log-linear coefficients, trees on top, and how far counts spread.

The trees start from the log-linear model (XGBoost's base margin), so they learn what it leaves over; their factor is
held in a band. Depth, rounds and every other choice were made on April to June 2014 by two-fold cross-validation.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from demand.counts_spread import unexplained
from demand.log_linear import exponent, fitted
from demand.ratio_walk import Active, BinStart
from demand.recorded_days import STEP_MIN, STEPS_PER_DAY, RecordedDays
from pricing.models.demand_features import FEATURES, FeatureInputs, feature_matrix

SEED = 20140401
ROUNDS = 60
# The trees may at most halve or double a forecast.
CORRECTION_BAND = (0.5, 2.0)
PARAMETERS: dict[str, Any] = {
    "objective": "count:poisson",
    "tree_method": "hist",
    "max_depth": 3,
    "eta": 0.05,
    "min_child_weight": 100,
    "subsample": 0.8,
    "colsample_bytree": 0.7,
    "lambda": 10.0,
    "max_delta_step": 0.5,
    "nthread": 1,
    "seed": SEED,
}
# More seen in a cell or its rings never lowers its log-linear forecast at equal sums of the city; the constant is free.
RISING = slice(1, None)
# The first weeks teach nothing: the usual week is not known yet.
WARM_UP_DAYS = 21
MOST_ROWS = 600_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """n rows: `inputs` float64[n, len(INPUTS)], `features` float32[n, F]: those of a tick, then any only history has.

    `usual` and `came` float64[n]: pickups the usual day at the city's level expects in the bin, and those that came.
    """

    inputs: Floats
    features: NDArray[np.float32]
    usual: Floats
    came: Floats

    def only(self, kept: NDArray[np.bool_]) -> "Rows":
        """The rows where `kept` bool[n] is true."""
        return Rows(
            inputs=self.inputs[kept], features=self.features[kept], usual=self.usual[kept], came=self.came[kept]
        )

    def beside(self, more: NDArray[np.float32]) -> "Rows":
        """The rows with further features, float32[n, m], after their own."""
        return replace(self, features=np.concatenate([self.features, more], axis=1))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FittedForecast:
    """`coefficients` float64[len(INPUTS)], trees, and the `spread` of `demand.counts_spread`."""

    coefficients: Floats
    trees: xgboost.Booster
    spread: float

    def log_linear(self, rows: Rows) -> Floats:
        """Mean by the log-linear model alone, float64[n]."""
        return rows.usual * np.exp(exponent(rows.inputs, self.coefficients))

    def mean(self, rows: Rows) -> Floats:
        """Mean pickups in the bin, float64[n]."""
        return self.log_linear(rows) * corrections(self.trees, rows.features)


def rows_of(start: BinStart, days: RecordedDays, active: Active, bin_steps: int) -> Rows:
    """One row per active cell of a bin's start."""
    slot = start.step % STEPS_PER_DAY
    features = FeatureInputs(
        inputs=start.inputs,
        usual_per_min=np.maximum(start.usual, 1e-9) / (bin_steps * STEP_MIN),
        quarter_of_day=slot * STEP_MIN // 15,
        weekday=int(days.weekdays[start.step // STEPS_PER_DAY]),
        horizon_min=bin_steps * STEP_MIN,
    )
    came = days.counts[active.rows, start.step : start.step + bin_steps].sum(axis=1, dtype=np.float64)
    return Rows(
        inputs=start.inputs,
        features=feature_matrix(features),
        usual=np.maximum(start.usual, 1e-9) * start.level,
        came=came,
    )


def joined(parts: list[Rows]) -> Rows:
    """All rows, in order.

    Raises ValueError if there are none.
    """
    if not parts:
        raise ValueError("parts must hold at least one instant, got none: history is too short")
    return Rows(
        inputs=np.concatenate([part.inputs for part in parts]),
        features=np.concatenate([part.features for part in parts]),
        usual=np.concatenate([part.usual for part in parts]),
        came=np.concatenate([part.came for part in parts]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Which bins to learn from: those of known days from the warm-up to `until_day`, every `every`-th of them."""

    first_day: int
    until_day: int
    every: int

    def holds(self, step: int, days: RecordedDays, bin_steps: int) -> bool:
        """Whether the bin that starts at `step` is one."""
        day = step // STEPS_PER_DAY
        inside = self.first_day <= day < self.until_day
        # A holiday taken for a Sunday is too rare to learn from: it dulled the ratios of all other days.
        alike = bool(days.known[day]) and not (days.rests is not None and days.rests[day])
        return inside and alike and step // bin_steps % self.every == 0


def sample_of(cells: int, bin_steps: int, *, until_day: int) -> Sample:
    """Bins before `until_day`, evenly thinned to about `MOST_ROWS` rows of so many cells."""
    # Of the first day the usual day expects nothing: no days before it are known.
    first = max(1, min(WARM_UP_DAYS, until_day // 3))
    bins = (until_day - first) * STEPS_PER_DAY // bin_steps
    every = max(1, -(-bins * cells // MOST_ROWS))
    # An even stride would always meet the same times of day.
    return Sample(first_day=first, until_day=until_day, every=every + (every % 2 == 0))


def fit(rows: Rows) -> FittedForecast:
    """The forecast fitted on those rows; equal rows give equal bytes."""
    coefficients = fitted(rows.inputs, rows.came, rows.usual, rising=RISING)
    margin = np.log(rows.usual) + exponent(rows.inputs, coefficients)
    trees = boosted(rows.features, rows.came, margin)
    mean = np.exp(margin) * corrections(trees, rows.features)
    return FittedForecast(coefficients=coefficients, trees=trees, spread=unexplained(rows.came, mean))


def boosted(features: NDArray[np.float32], came: Floats, margin: Floats) -> xgboost.Booster:
    """Trees that correct exp(`margin`) towards `came`; `features` float32[n, F], as of `Rows`."""
    names = [feature.name for feature in FEATURES]
    names += [f"history_{number}" for number in range(features.shape[1] - len(names))]
    data = xgboost.DMatrix(features, label=came, base_margin=margin, feature_names=names, nthread=1)
    return xgboost.train(PARAMETERS, data, num_boost_round=ROUNDS)


def corrections(trees: xgboost.Booster, features: NDArray[np.float32]) -> Floats:
    """Factor of each row, float64[n], within `CORRECTION_BAND`; a row's factor does not depend on the other rows."""
    margins = trees.inplace_predict(features, base_margin=np.zeros(len(features), np.float32), predict_type="margin")
    return banded(margins)


def banded(margins: NDArray[np.float32]) -> Floats:
    """Factors float64[n] of the trees' `margins` float32[n], within `CORRECTION_BAND`."""
    factors = np.exp(margins.astype(np.float64))
    return np.minimum(np.maximum(factors, CORRECTION_BAND[0]), CORRECTION_BAND[1])
