"""What the trees look at, each declared once: the log-linear model's ratios, the calendar and the usual rate.

Training, backtest and live pricing call the same functions. No feature knows the size of the city: ratios are measured
against the usual week and the city's own level, and the usual rate is that of the recorded week.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from demand.ratio_walk import INPUTS

Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureInputs:
    """n rows at one instant: `inputs` float64[n, len(INPUTS)], `usual_per_min` float64[n] and the local calendar."""

    inputs: Rows
    usual_per_min: Rows
    quarter_of_day: int
    weekday: int
    horizon_min: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column: `of` maps inputs of n rows to float64[n], or to one number for all rows."""

    name: str
    unit: str
    doc: str
    of: Callable[[FeatureInputs], Rows | float]


def _input(column: int, rows: FeatureInputs) -> Rows:
    return rows.inputs[:, column]


FEATURES: tuple[Feature, ...] = (
    *(
        Feature(
            name=name,
            unit="log ratio",
            doc="Requests seen over expected, fading; `demand.ratios` defines it.",
            of=partial(_input, column),
        )
        for column, name in enumerate(INPUTS)
        if name != "constant"
    ),
    Feature(
        name="usual",
        unit="log 1/min",
        doc="What the usual week expects of the cell now.",
        of=lambda rows: np.log(rows.usual_per_min),
    ),
    Feature(
        name="quarter_of_day",
        unit="15 min",
        doc="Local time, quarters of an hour since midnight.",
        of=lambda rows: float(rows.quarter_of_day),
    ),
    Feature(
        name="day_of_week",
        unit="day",
        doc="Local day, Monday is 0.",
        of=lambda rows: float(rows.weekday),
    ),
    Feature(
        name="horizon",
        unit="min",
        doc="How far ahead the forecast reaches.",
        of=lambda rows: float(rows.horizon_min),
    ),
)
# The first features are the inputs after the constant, in their order.
_INPUT_FEATURES = len(INPUTS) - INPUTS.index("constant") - 1


def feature_matrix(rows: FeatureInputs) -> NDArray[np.float32]:
    """All features, float32[n, len(FEATURES)], columns in the order of `FEATURES`."""
    matrix = np.empty((len(rows.inputs), len(FEATURES)), np.float32)
    matrix[:, :_INPUT_FEATURES] = rows.inputs[:, 1:]  # the same as one by one, which were a third of what is made here
    for column, feature in enumerate(FEATURES[_INPUT_FEATURES:], start=_INPUT_FEATURES):
        matrix[:, column] = feature.of(rows)
    return matrix
