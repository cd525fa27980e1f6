"""Recorded pickups as counts per cell and minute, and what pricing would have seen of them at any instant."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from windows.hexagons import cells_of, disk
from windows.panes import MINUTE_MS, WINDOWS_MS

_LONGEST_MIN = WINDOWS_MS[-1] // MINUTE_MS
_WINDOW_MINUTES = tuple(window_ms // MINUTE_MS for window_ms in WINDOWS_MS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pickups:
    """Pickups in order of time: `at_ms` int64[n], to the minute, and `cells` int64[n]."""

    at_ms: NDArray[np.int64]
    cells: NDArray[np.int64]

    def between(self, start_ms: int, end_ms: int) -> "Pickups":
        """Those in `[start_ms, end_ms)`."""
        first, last = np.searchsorted(self.at_ms, [start_ms, end_ms])
        return Pickups(at_ms=self.at_ms[first:last], cells=self.cells[first:last])


def pickups_of_csv(lines: Iterable[str], time_zone: str) -> Pickups:
    """Pickups of a CSV with columns pickup_local, lat, lon and more; its first line is the header.

    Raises ValueError naming the line if one does not parse.
    """
    zone = ZoneInfo(time_zone)
    times, lats, lons = [], [], []
    for number, line in enumerate(lines, start=1):
        if number == 1 or not line.strip():
            continue
        try:
            local, lat, lon = line.split(",")[:3]
            times.append(round(datetime.fromisoformat(local).replace(tzinfo=zone).timestamp()) * 1000)
            lats.append(float(lat))
            lons.append(float(lon))
        except ValueError as error:
            raise ValueError(f"line {number} must be pickup_local,lat,lon,..., got {line.strip()!r}") from error
    order = np.argsort(np.array(times, np.int64), kind="stable")
    cells = cells_of(np.array(lats, np.float64), np.array(lons, np.float64))
    return Pickups(at_ms=np.array(times, np.int64)[order], cells=cells[order])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MinuteCounts:
    """`counts` uint8[k, minutes] of `cells` int64[k] (ascending); `city` int64[minutes] counts every cell."""

    start_ms: int
    cells: NDArray[np.int64]
    counts: NDArray[np.uint8]
    city: NDArray[np.int64]

    def windows_at(self, now_ms: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Requests per window before `now_ms` (a whole minute): float64[k, 6] of the cells, float64[6] of the city."""
        at = (now_ms - self.start_ms) // MINUTE_MS
        recent = self.counts[:, at - _LONGEST_MIN : at]
        city = self.city[at - _LONGEST_MIN : at]
        cells = [recent[:, _LONGEST_MIN - minutes :].sum(axis=1, dtype=np.float64) for minutes in _WINDOW_MINUTES]
        return np.stack(cells, axis=1), np.array(
            [city[_LONGEST_MIN - minutes :].sum() for minutes in _WINDOW_MINUTES], np.float64
        )

    def between(self, start_ms: int, end_ms: int) -> NDArray[np.float64]:
        """Pickups of each cell in `[start_ms, end_ms)`, both whole minutes: float64[k]."""
        first, last = (start_ms - self.start_ms) // MINUTE_MS, (end_ms - self.start_ms) // MINUTE_MS
        total: NDArray[np.float64] = self.counts[:, first:last].sum(axis=1, dtype=np.float64)
        return total


def minute_counts(pickups: Pickups, cells: NDArray[np.int64], start_ms: int, end_ms: int) -> MinuteCounts:
    """Counts per minute of `[start_ms, end_ms)` of the given cells (ascending, int64[k])."""
    minutes = (end_ms - start_ms) // MINUTE_MS
    inside = pickups.between(start_ms, end_ms)
    minute = (inside.at_ms - start_ms) // MINUTE_MS
    row = np.minimum(np.searchsorted(cells, inside.cells), cells.size - 1)
    known = cells[row] == inside.cells
    counts = np.zeros((cells.size, minutes), np.uint8)
    np.add.at(counts, (row[known], minute[known]), 1)
    return MinuteCounts(
        start_ms=start_ms, cells=cells, counts=counts, city=np.bincount(minute, minlength=minutes).astype(np.int64)
    )


def with_rings(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells and all within two rings of one, ascending."""
    return np.array(sorted({near for cell in cells.tolist() for near in disk(cell, 2)}), np.int64)
