"""How many riders a usual week brings: the city's rate by quarter of an hour, times each cell's share.

The rate of an instant is read off the market's local week, so a day of 23 or 25 hours needs no rule of its own. Every
UTC offset in use is a multiple of a quarter of an hour, so a slot never changes inside a quarter of UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

SLOT_MS = 900_000
SLOTS_PER_DAY = 96
SLOTS_PER_WEEK = 7 * SLOTS_PER_DAY
SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DemandBase:
    """A usual week.

    `city_per_min` float64[672]: requests per minute in the whole market, per quarter of the local week from Monday
    00:00. `cells` int64[k], ascending, and `share` float64[k, 2, 96]: each cell's part of the city's requests by
    quarter of a working day and of a day of the weekend. `share_elsewhere`: the part of any other cell; positive, so
    that a ratio to it is defined everywhere.
    """

    time_zone: str
    city_per_min: NDArray[np.float64]
    cells: NDArray[np.int64]
    share: NDArray[np.float64]
    share_elsewhere: float

    def shares_of(self, cells: NDArray[np.int64], slot: int) -> NDArray[np.float64]:
        """Share of each cell in a slot of the week, float64[n]; `share_elsewhere` where the base does not know it."""
        if not self.cells.size:
            return np.full(cells.size, self.share_elsewhere)
        at = np.minimum(np.searchsorted(self.cells, cells), self.cells.size - 1)
        weekday, quarter = divmod(slot, SLOTS_PER_DAY)
        share = self.share[at, int(weekday >= SATURDAY), quarter]
        return np.where(self.cells[at] == cells, share, self.share_elsewhere)

    def city_expected(self, start_ms: int, end_ms: int) -> float:
        """Requests expected in the whole market in `[start_ms, end_ms)`."""
        total = 0.0
        for slot, minutes in slots_between(self.time_zone, start_ms, end_ms):
            total += float(self.city_per_min[slot]) * minutes
        return total

    def expected(self, cells: NDArray[np.int64], start_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Requests expected in each cell in `[start_ms, end_ms)`, float64[n]; a row depends on no other row."""
        total = np.zeros(cells.size)
        for slot, minutes in slots_between(self.time_zone, start_ms, end_ms):
            total = total + (float(self.city_per_min[slot]) * minutes) * self.shares_of(cells, slot)
        return total


def slots_between(time_zone: str, start_ms: int, end_ms: int) -> list[tuple[int, float]]:
    """Slots of the local week that `[start_ms, end_ms)` touches, each with the minutes it does, in order of time."""
    touched = []
    for quarter in range(start_ms // SLOT_MS, -(-end_ms // SLOT_MS)):
        begin, end = max(start_ms, quarter * SLOT_MS), min(end_ms, (quarter + 1) * SLOT_MS)
        touched.append((slot_of(time_zone, quarter), (end - begin) / 60_000))
    return touched


@lru_cache(1 << 16)
def slot_of(time_zone: str, quarter: int) -> int:
    """Slot of the local week, 0 to 671, of the quarter of an hour `[quarter, quarter + 1) * 15 min` since the epoch.

    >>> slot_of("America/New_York", 1_396_324_800_000 // SLOT_MS)  # Tuesday 1 April 2014, 00:00 in New York
    96
    """
    local = datetime.fromtimestamp(quarter * SLOT_MS / 1000, ZoneInfo(time_zone))
    return local.weekday() * SLOTS_PER_DAY + (local.hour * 60 + local.minute) // 15


def flat_base(time_zone: str, *, per_min: float, share: float) -> DemandBase:
    """A week without shape, for a market nobody has measured: the live ratios do the rest."""
    return DemandBase(
        time_zone=time_zone,
        city_per_min=np.full(SLOTS_PER_WEEK, per_min),
        cells=np.empty(0, np.int64),
        share=np.empty((0, 2, SLOTS_PER_DAY), np.float64),
        share_elsewhere=share,
    )
