"""How many riders a usual week brings: the city's rate by quarter of an hour, times each cell's share.

The rate of an instant is read off the market's local week, so a day of 23 or 25 hours needs no rule of its own. Every
UTC offset in use is a multiple of a quarter of an hour, so a slot never changes inside a quarter of UTC.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
from numba import njit
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
        """Share of each cell in a slot of the week, float64[n]; `share_elsewhere` where the base does not know it.

        The array is remembered and shared: write into a copy.
        """
        return _shares_of(self, cells.tobytes(), slot)

    def expected(self, cells: NDArray[np.int64], start_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Requests expected in each cell in `[start_ms, end_ms)`, float64[n]; a row depends on no other row."""
        total: NDArray[np.float64] = self.expected_along(cells, (start_ms, end_ms))[0][0]
        return total

    def expected_along(
        self, cells: NDArray[np.int64], edges_ms: Sequence[int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Requests expected from each of m + 1 edges to the next: per cell float64[m, n], in the market float64[m]."""
        of_span, slots, minutes = [], [], []
        for span, (start_ms, end_ms) in enumerate(pairwise(edges_ms)):
            for slot, touched_min in slots_between(self.time_zone, start_ms, end_ms):
                of_span.append(span)
                slots.append(slot)
                minutes.append(touched_min)
        requests = self.city_per_min[slots] * minutes
        shares = _shares_along(self, cells.tobytes(), tuple(slots))
        here = _added(np.array(of_span, np.int64), requests, shares, len(edges_ms) - 1)
        return here[:, :-1], here[:, -1]


@njit(cache=True, nogil=True)
def _added(of_span, requests, shares, spans):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Requests of each piece of a span times its shares float64[pieces, n + 1], added up by span."""
    total = np.zeros((spans, shares.shape[1]))
    for piece in range(of_span.size):
        for cell in range(shares.shape[1]):
            total[of_span[piece], cell] += requests[piece] * shares[piece, cell]
    return total


@lru_cache(1 << 12)
def _shares_along(base: DemandBase, cells: bytes, slots: tuple[int, ...]) -> NDArray[np.float64]:
    """Shares of the cells in each slot and of the whole market, 1, float64[slots, n + 1].

    Remembered, since a zone asks for the same slots of its cells for a quarter of an hour: a tenth of a tick.
    """
    shares = [np.append(_shares_of(base, cells, slot), 1.0) for slot in slots]
    return np.array(shares).reshape(len(slots), len(cells) // 8 + 1)


@lru_cache(1 << 13)
def _shares_of(base: DemandBase, cells: bytes, slot: int) -> NDArray[np.float64]:
    """Shares of the cells in one slot."""
    wanted = np.frombuffer(cells, np.int64)
    if not base.cells.size:
        return np.full(wanted.size, base.share_elsewhere)
    at = np.minimum(np.searchsorted(base.cells, wanted), base.cells.size - 1)
    weekday, quarter = divmod(slot, SLOTS_PER_DAY)
    share = base.share[at, int(weekday >= SATURDAY), quarter]
    return np.where(base.cells[at] == wanted, share, base.share_elsewhere)


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
