"""Recorded pickups as counts per five minutes of the local clock: what forecasts are fitted on and scored against.

The axis is the local clock as recorded, so the hour that autumn repeats holds the pickups of both, and the one spring
skips holds none: records to the local minute cannot tell them apart.

    day        0                1              …                D-1
    slot       0 1 2 … 287      288 …                           288 D - 1
    known      yes              yes            no (a gap)       yes
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

STEP_MIN = 5
STEPS_PER_DAY = 1440 // STEP_MIN
_SUNDAY = 6
# A cell's counts are many and small: two bytes each keep months of a city in memory.
_MOST = np.iinfo(np.uint16).max


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedDays:
    """Counts of D whole local days.

    `first_day` proleptic ordinal of the first day. `cells` int64[k], ascending; `counts` uint16[k, 288 D] pickups of
    each; `city` int64[288 D] of every cell there is. `known` bool[D]: days nobody recorded are neither observed nor
    expected. `rests` bool[D]: working days that are like a Sunday; None if there are none.
    """

    first_day: int
    cells: NDArray[np.int64]
    counts: NDArray[np.uint16]
    city: NDArray[np.int64]
    known: NDArray[np.bool_]
    rests: NDArray[np.bool_] | None = None

    @property
    def days(self) -> int:
        """Number of days, gaps included."""
        return self.known.size

    @property
    def weekdays(self) -> NDArray[np.int64]:
        """Kind of each day, int64[D]: its weekday, Monday is 0, or Sunday's 6 where the city rests."""
        calendar = (self.first_day + np.arange(self.days) + 6) % 7
        return calendar if self.rests is None else np.where(self.rests, _SUNDAY, calendar)

    def without_days_from(self, day: int) -> "RecordedDays":
        """The same axis on which nothing was recorded from `day` on."""
        known = self.known.copy()
        known[day:] = False
        counts, city = self.counts.copy(), self.city.copy()
        counts[:, day * STEPS_PER_DAY :] = 0
        city[day * STEPS_PER_DAY :] = 0
        return replace(self, counts=counts, city=city, known=known)


def recorded_days(
    minutes: NDArray[np.int64],
    cells: NDArray[np.int64],
    counted: NDArray[np.int64],
    *,
    first_day: int,
    known: NDArray[np.bool_],
) -> RecordedDays:
    """Counts of the pickups at local `minutes` (int64[n], minutes since day 0 of the calendar) in `cells` (int64[n]).

    `counted` int64[k], ascending: the cells that get a row. `known` bool[D] starts with `first_day`, an ordinal; that
    day may hold no pickup.

    Raises ValueError if there are no pickups, some outside the days, or more than 65,535 of a cell in a step.
    """
    if not minutes.size:
        raise ValueError("minutes must name at least one pickup, got none")
    step = (minutes - first_day * 1440) // STEP_MIN
    steps = known.size * STEPS_PER_DAY
    if int(step.min()) < 0 or int(step.max()) >= steps:
        raise ValueError(f"known must cover every pickup, got {known.size} days from {first_day}")
    row = np.minimum(np.searchsorted(counted, cells), counted.size - 1)
    is_counted = counted[row] == cells
    places, times = np.unique(row[is_counted] * steps + step[is_counted], return_counts=True)
    if times.size and int(times.max()) > _MOST:
        cell = int(counted[places[times.argmax()] // steps])
        raise ValueError(f"a cell must have at most {_MOST:,} pickups in five minutes, {cell:x} has {times.max():,}")
    counts = np.zeros((counted.size, steps), np.uint16)
    counts.reshape(-1)[places] = times
    city = np.bincount(step, minlength=steps).astype(np.int64)
    return RecordedDays(first_day=first_day, cells=counted, counts=counts, city=city, known=known)
