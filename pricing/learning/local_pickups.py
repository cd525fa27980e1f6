"""Recorded pickups in the shipped format: `pickup_local,lat,lon,...`, to the minute of the local clock."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from demand.holidays import rests
from demand.recorded_days import RecordedDays, recorded_days
from windows.hexagons import cells_of

HEADER = ("pickup_local", "lat", "lon")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LocalPickups:
    """n pickups in order of time.

    `minutes` int64[n] since day 0 of the proleptic calendar, local; `lat`, `lon` float64[n] degrees.
    """

    minutes: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]

    @property
    def first_day(self) -> int:
        """Ordinal of the day of the first pickup."""
        return int(self.minutes[0]) // 1440

    @property
    def last_day(self) -> int:
        """Ordinal of the day of the last pickup."""
        return int(self.minutes[-1]) // 1440

    def between(self, start_day: int, end_day: int) -> "LocalPickups":
        """Those of the days `[start_day, end_day)`."""
        first, last = np.searchsorted(self.minutes, [start_day * 1440, end_day * 1440])
        return LocalPickups(minutes=self.minutes[first:last], lat=self.lat[first:last], lon=self.lon[first:last])

    def cells(self, resolution: int) -> NDArray[np.int64]:
        """H3 cell of each, int64[n]."""
        return cells_of(self.lat, self.lon, resolution=resolution)


def pickups_of_csv(lines: Iterable[str]) -> LocalPickups:
    """Pickups of a CSV whose first line is its header.

    Raises ValueError naming the line if the header or a row is not as it must be, or if there are no rows.
    """
    minutes: list[int] = []
    lats: list[float] = []
    lons: list[float] = []
    for number, line in enumerate(lines, start=1):
        if number == 1:
            _check_header(line)
        elif line.strip():
            try:
                local, lat, lon = line.split(",")[:3]
                at = _local_time(local)
                minutes.append(at.toordinal() * 1440 + at.hour * 60 + at.minute)
                lats.append(_degrees(lat, 90.0))
                lons.append(_degrees(lon, 180.0))
            except ValueError as error:
                raise ValueError(
                    f"line {number} must be {','.join(HEADER)},..., got {line.strip()!r}: {error}"
                ) from error
    if not minutes:
        raise ValueError("no pickups: a file must have a header and at least one row")
    order = np.argsort(np.array(minutes), kind="stable")
    return LocalPickups(
        minutes=np.array(minutes, np.int64)[order], lat=np.array(lats)[order], lon=np.array(lons)[order]
    )


def _check_header(line: str) -> None:
    if tuple(line.strip().split(",")[:3]) != HEADER:
        raise ValueError(f"line 1 must begin with {','.join(HEADER)}, got {line.strip()!r}")


def _local_time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    # No day alone is longer; it would be read as midnight.
    if at.tzinfo is not None or len(text) <= len("2014-04-01"):
        raise ValueError("pickup_local must be day and time of the local clock, without a UTC offset")
    return at


def _degrees(text: str, bound: float) -> float:
    value = float(text)
    if not abs(value) <= bound:
        raise ValueError(f"degrees must be from {-bound:g} to {bound:g}, got {text}")
    return value


def history_and_test(
    history: LocalPickups, test: LocalPickups, counted: NDArray[np.int64], resolution: int
) -> RecordedDays:
    """Both on one axis of days, with a row for each of the `counted` cells.

    A day of the history without any pickup was not recorded, nor was one between the two. Days of the test count as
    recorded from the first to the last, whatever they hold: a forecast may not know that nothing will come. Holidays
    are days on which the city rests (`demand.holidays`).

    Raises ValueError if the test does not begin after the last day of the history.
    """
    if test.first_day <= history.last_day:
        raise ValueError("the test must begin on a day after the last of the history")
    minutes = np.concatenate([history.minutes, test.minutes])
    cells = np.concatenate([history.cells(resolution), test.cells(resolution)])
    known = np.zeros(test.last_day - history.first_day + 1, bool)
    known[np.unique(history.minutes // 1440) - history.first_day] = True
    known[test.first_day - history.first_day :] = True
    days = recorded_days(minutes, cells, counted, first_day=history.first_day, known=known)
    return replace(days, rests=np.array([rests(day) for day in range(days.first_day, days.first_day + days.days)]))


def busy_cells(cells: NDArray[np.int64], *, least: float) -> NDArray[np.int64]:
    """Cells that hold at least so many of `cells` int64[n], ascending."""
    names, pickups = np.unique(cells, return_counts=True)
    return names[pickups >= least]
