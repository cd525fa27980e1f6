"""What the demand model looks at, each declared once: name, unit, meaning and array form.

Training and live pricing call the same functions. No feature knows the size of the city: all are ratios to what the
closed form expects, the calendar, or a cell's share, so a city twenty times busier gives the same features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from demand.base import SLOT_MS, SLOTS_PER_DAY, slot_of
from demand.forecast import shrunk_ratio
from windows.panes import WINDOWS_MS

Rows = NDArray[np.float64]
_RATIO_STRENGTH = 2.0
_MEMORY_NAMES = ("5d", "1d", "4h")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FeatureInputs:
    """What features are made of: n rows, one per cell, at one instant.

    `own`, `ring1`, `ring2` float64[n, 6] and `city` float64[6]: requests per window; the same with `_expected`: what
    the closed form expects there. `memory_*` float64[n, H]. `cell_ratio` and `share` float64[n] of
    `demand.forecast.LiveLevel`.
    """

    now_ms: int
    time_zone: str
    horizon_ms: int
    own: Rows
    own_expected: Rows
    ring1: Rows
    ring1_expected: Rows
    ring2: Rows
    ring2_expected: Rows
    city: Rows
    city_expected: Rows
    memory_observed: Rows
    memory_expected: Rows
    cell_ratio: Rows
    share: Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One column: `of` maps inputs of n rows to float64[n], or to one number for all rows."""

    name: str
    unit: str
    doc: str
    of: Callable[[FeatureInputs], Rows | float]


def _log_ratio(observed: Rows, expected: Rows) -> Rows:
    floor = np.maximum(np.ascontiguousarray(expected), 1e-9)
    return np.log(shrunk_ratio(np.ascontiguousarray(observed), floor, _RATIO_STRENGTH))


def _own(window: int, inputs: FeatureInputs) -> Rows:
    return _log_ratio(inputs.own[:, window], inputs.own_expected[:, window])


def _ring1(window: int, inputs: FeatureInputs) -> Rows:
    return _log_ratio(inputs.ring1[:, window], inputs.ring1_expected[:, window])


def _ring2(window: int, inputs: FeatureInputs) -> Rows:
    return _log_ratio(inputs.ring2[:, window], inputs.ring2_expected[:, window])


def _city(window: int, inputs: FeatureInputs) -> float:
    return float(_log_ratio(inputs.city[window : window + 1], inputs.city_expected[window : window + 1])[0])


def _memory(column: int, inputs: FeatureInputs) -> Rows:
    return _log_ratio(inputs.memory_observed[:, column], inputs.memory_expected[:, column])


def _slot(inputs: FeatureInputs) -> int:
    return slot_of(inputs.time_zone, inputs.now_ms // SLOT_MS)


def _minutes(window: int) -> int:
    return WINDOWS_MS[window] // 60_000


def _window_features(
    place: str, windows: tuple[int, ...], of: Callable[[int, FeatureInputs], Rows | float]
) -> list[Feature]:
    return [
        Feature(
            name=f"{place}_{_minutes(window)}min",
            unit="log ratio",
            doc=f"Requests seen over requests expected, {place.replace('_', ' ')}, last {_minutes(window)} min.",
            of=partial(of, window),
        )
        for window in windows
    ]


FEATURES: tuple[Feature, ...] = (
    *_window_features("cell", (0, 1, 2, 3, 4, 5), _own),
    *_window_features("ring_1", (2, 3, 5), _ring1),
    *_window_features("ring_2", (3, 5), _ring2),
    *_window_features("city", (1, 2, 3, 4), _city),
    *(
        Feature(
            name=f"memory_{name}",
            unit="log ratio",
            doc=f"Requests seen over expected in the cell, fading with a half-life of {name}.",
            of=partial(_memory, column),
        )
        for column, name in enumerate(_MEMORY_NAMES)
    ),
    Feature(
        name="cell_ratio",
        unit="log ratio",
        doc="The closed form's ratio of the cell to the city.",
        of=lambda inputs: np.log(np.ascontiguousarray(inputs.cell_ratio)),
    ),
    Feature(
        name="share",
        unit="log",
        doc="The cell's share of the city in a usual week.",
        of=lambda inputs: np.log(np.ascontiguousarray(inputs.share)),
    ),
    Feature(
        name="quarter_of_day",
        unit="15 min",
        doc="Local time, quarters of an hour since midnight.",
        of=lambda inputs: float(_slot(inputs) % SLOTS_PER_DAY),
    ),
    Feature(
        name="day_of_week",
        unit="day",
        doc="Local day, Monday is 0.",
        of=lambda inputs: float(_slot(inputs) // SLOTS_PER_DAY),
    ),
    Feature(
        name="horizon",
        unit="min",
        doc="How far ahead the forecast reaches.",
        of=lambda inputs: inputs.horizon_ms / 60_000,
    ),
)


def feature_matrix(inputs: FeatureInputs) -> NDArray[np.float32]:
    """All features, float32[n, len(FEATURES)], columns in the order of `FEATURES`."""
    matrix = np.empty((inputs.share.size, len(FEATURES)), np.float32)
    for column, feature in enumerate(FEATURES):
        matrix[:, column] = feature.of(inputs)
    return matrix


def ring_sums(values: Rows, neighbours: NDArray[np.int64], first: int, last: int) -> Rows:
    """Sum of `values` over places `first` to `last` (exclusive) of each disk, in that order: float64[n, ...].

    `values` float64[m, ...] has rows as in the layout; `neighbours` int64[n, 19] may name row m, which counts as zero.
    """
    padded = np.concatenate([values, np.zeros_like(values[:1])])
    total = padded[neighbours[:, first]]
    for place in range(first + 1, last):
        total = total + padded[neighbours[:, place]]
    return total
