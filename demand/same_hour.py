"""How busy the same hour was on other days: yesterday, last week, the last seven days, the last three weeks.

    day -7           …            day -1              the day
    ──[ hour around the bin ]── … ──[ hour around ]── … ──┤ bin          observed / expected, log, drawn to 1

What is expected of a past bin is what the usual day expected at the city's level at that bin's start, so the ratios say
what a day's hour brings beyond the usual day and the level: theatres that end, offices that stay late. They need a week
of bins and more, which a service's stream does not keep: backtests and trainings have them, ticks do not.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MINUTES_AROUND = 60

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class SameHour:
    """One input: of the cell or of all cells together, how many `days` back, and the pickups its prior weighs."""

    name: str
    of_city: bool
    days: tuple[int, ...]
    prior: float


SAME_HOURS = (
    SameHour(name="cell_same_hour_yesterday", of_city=False, days=(1,), prior=2.0),
    SameHour(name="city_same_hour_yesterday", of_city=True, days=(1,), prior=10.0),
    SameHour(name="cell_same_hour_last_week", of_city=False, days=(7,), prior=2.0),
    SameHour(name="city_same_hour_last_week", of_city=True, days=(7,), prior=10.0),
    SameHour(name="cell_same_hour_3_weeks", of_city=False, days=(7, 14, 21), prior=2.0),
    SameHour(name="cell_same_hour_7_days", of_city=False, days=(1, 2, 3, 4, 5, 6, 7), prior=2.0),
)


def same_hours(observed: Floats, expected: Floats, bins_per_day: int) -> NDArray[np.float32]:
    """Log ratios of every bin, float32[bins, cells, len(SAME_HOURS)], from whole days before it.

    `observed`, `expected` float64[bins, cells]: both 0 where nothing is known. The hour is that of the bin's middle,
    in whole bins; it ends half an hour after the bin of a day ago, so nothing at or after a bin's start enters.
    """
    hour = _hours(observed, bins_per_day), _hours(expected, bins_per_day)
    whole = tuple(of.sum(axis=1, keepdims=True) for of in hour)
    ratios = np.empty((*observed.shape, len(SAME_HOURS)), np.float32)
    for column, declared in enumerate(SAME_HOURS):
        seen, usual = (_back(of, declared.days, bins_per_day) for of in (whole if declared.of_city else hour))
        ratios[:, :, column] = np.log((seen + declared.prior) / (usual + declared.prior))
    return ratios


def _hours(values: Floats, bins_per_day: int) -> Floats:
    """Sums over the bins around each, half an hour to either side of its middle, rounded up to whole bins."""
    reach = MINUTES_AROUND * bins_per_day // 1440 // 2
    total = values.copy()
    for away in range(1, reach + 1):
        total[away:] += values[:-away]
        total[:-away] += values[away:]
    return total


def _back(values: Floats, days: tuple[int, ...], bins_per_day: int) -> Floats:
    total = np.zeros_like(values)
    for day in days:
        total[day * bins_per_day :] += values[: -day * bins_per_day]
    return total
