"""The usual day, from the days before it: the city's rate by time of day, times each cell's share by time of day.

    rate(day, slot)  = mean over earlier days of the smoothed count, weighted by age and by kind of day
    share(cell, ...) = cell / city over earlier days of the kind, drawn to the profile of the cell's surroundings

Nothing of the day itself or of later days enters: a day is smoothed into the day before it, and into the one after
only where that one lies in the past too. Widths and weights were chosen on April to June 2014 by two-fold
cross-validation (docs/forecast.md) and are frozen.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.recorded_days import STEPS_PER_DAY, RecordedDays
from windows.hexagons import disk

PROFILE_SLOTS = 48  # shares are kept by half hour of the day
_PER_SLOT = STEPS_PER_DAY // PROFILE_SLOTS
_SATURDAY = 5
# Days of one class are alike: Monday to Thursday, Friday, Saturday, Sunday.
_CLASS = np.array([0, 0, 0, 0, 1, 2, 3])
LEAST_PER_STEP = 1e-3

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseWidths:
    """How far the past is smoothed.

    `day_half_life`, `share_half_life` days; `time_steps` and `share_steps` widths of the Gaussian along the day, in
    steps of 5 minutes and in half hours; `same_class`, `other_class` weight of another weekday; `other_share` weight
    of weekend days for the shares of working days and back; `own_pickups`, `around_pickups` how many pickups the
    profile of the surroundings, and the city's, weigh.
    """

    time_steps: float = 4.0
    day_half_life: float = 60.0
    same_class: float = 0.2
    other_class: float = 0.02
    share_steps: float = 1.6
    share_half_life: float = 90.0
    other_share: float = 0.03
    own_pickups: float = 3.0
    around_pickups: float = 10.0


WIDTHS = BaseWidths()


def city_rates(days: RecordedDays, widths: BaseWidths = WIDTHS) -> Floats:
    """Pickups expected in the city per step of each day, float64[D, 288], each from the known days before it.

    Zero on a day with none before it: nothing is expected where nothing is known.
    """
    smoothed = _Smoothed(days, widths)
    return np.stack([smoothed.rate(day, int(weekday)) for day, weekday in enumerate(days.weekdays)])


def usual_week(days: RecordedDays, widths: BaseWidths = WIDTHS) -> Floats:
    """Pickups expected per step of the week after the last day, float64[7, 288], Monday first."""
    smoothed = _Smoothed(days, widths)
    return np.stack([smoothed.rate(days.days, weekday) for weekday in range(7)])


class _Smoothed:
    """Each day's counts smoothed along the day: with the day after it, and without."""

    def __init__(self, days: RecordedDays, widths: BaseWidths) -> None:
        counts = days.city.reshape(days.days, STEPS_PER_DAY).astype(np.float64)
        self._days, self._widths = days, widths
        self._inner = _along_days(counts, days.known, widths.time_steps, with_next=True)
        self._last = _along_days(counts, days.known, widths.time_steps, with_next=False)

    def rate(self, day: int, weekday: int) -> Floats:
        """Rate per step of `day`, float64[288], as if it were a `weekday`."""
        weights = self._weights(day, weekday)
        total = float(weights.sum())
        if total <= 0.0:
            return np.zeros(STEPS_PER_DAY)
        smooth = self._inner[:day].copy()
        smooth[-1] = self._last[day - 1]
        rate: Floats = np.maximum((weights[:, None] * smooth).sum(axis=0) / total, LEAST_PER_STEP)
        return rate

    def _weights(self, day: int, weekday: int) -> Floats:
        kinds, widths = self._days.weekdays[:day], self._widths
        age = day - np.arange(day)
        other = np.where(_CLASS[kinds] == _CLASS[weekday], widths.same_class, widths.other_class)
        alike = np.where(kinds == weekday, 1.0, other)
        weights: Floats = 0.5 ** (age / widths.day_half_life) * alike * self._days.known[:day]
        return weights


def _along_days(counts: Floats, known: NDArray[np.bool_], width: float, *, with_next: bool) -> Floats:
    """Gaussian mean along time within each day and its known neighbours, float64[D, 288]; not circular."""
    reach = int(3 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    smooth = np.empty_like(counts)
    for day in range(len(counts)):
        before = counts[day - 1, -reach:] if day and known[day - 1] else counts[day, :0]
        has_next = with_next and day + 1 < len(counts) and known[day + 1]
        after = counts[day + 1, :reach] if has_next else counts[day, :0]
        span = np.concatenate([before, counts[day], after])
        mean = np.convolve(span, kernel, "same") / np.convolve(np.ones(span.size), kernel, "same")
        smooth[day] = mean[before.size : before.size + STEPS_PER_DAY]
    return smooth


class CellShares:
    """Each cell's part of the city by half hour, kept up day by day: `take` a day, then ask for `of` the next.

    Hours are smoothed around the clock, but only hours of days already taken.
    """

    def __init__(self, cells: NDArray[np.int64], widths: BaseWidths = WIDTHS) -> None:
        self._widths, self._around = widths, _surroundings(cells)
        self._cells = np.zeros((2, cells.size, PROFILE_SLOTS))
        self._city = np.zeros((2, PROFILE_SLOTS))
        self._own_kernel = _clock_kernel(widths.share_steps)
        self._wide_kernel = _clock_kernel(1.5 * widths.share_steps)

    def take(self, counts: NDArray[np.uint16], city: NDArray[np.int64], weekday: int) -> None:
        """Add a day: `counts` uint16[k, 288], `city` int64[288]."""
        fade = 0.5 ** (1.0 / self._widths.share_half_life)
        self._cells *= fade
        self._city *= fade
        kind = int(weekday >= _SATURDAY)
        self._cells[kind] += counts.reshape(len(counts), PROFILE_SLOTS, _PER_SLOT).sum(axis=2)
        self._city[kind] += city.reshape(PROFILE_SLOTS, _PER_SLOT).sum(axis=1)

    def of(self, weekday: int) -> Floats:
        """Share of each cell by half hour on a `weekday`, float64[k, 48]; positive."""
        kind, widths = int(weekday >= _SATURDAY), self._widths
        cells = self._cells[kind] + widths.other_share * self._cells[1 - kind]
        city = self._city[kind] + widths.other_share * self._city[1 - kind]
        mean = (self._cells.sum(axis=(0, 2)) + 0.5) / (self._city.sum() + 50.0)
        around, around_mean = self._summed_around(cells), self._summed_around(mean)
        wide = np.einsum("ks,st->kt", around, self._wide_kernel)
        city_wide = np.einsum("s,st->t", city, self._wide_kernel)
        profile = (wide + widths.around_pickups) / (city_wide * around_mean[:, None] + widths.around_pickups)
        own = np.einsum("ks,st->kt", cells, self._own_kernel)
        prior = widths.own_pickups / mean[:, None]
        share: Floats = (own + prior * mean[:, None] * profile) / (np.einsum("s,st->t", city, self._own_kernel) + prior)
        return share

    def _summed_around(self, values: Floats) -> Floats:
        padded = np.concatenate([values, np.zeros_like(values[:1])])
        total: Floats = padded[self._around].sum(axis=1)
        return total


def _surroundings(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of each cell and its first ring, int64[k, 7]; row k stands for a cell that has none."""
    row = {cell: index for index, cell in enumerate(cells.tolist())}
    around = np.full((cells.size, 7), cells.size, np.int64)
    for index, cell in enumerate(cells.tolist()):
        near = [row.get(other, cells.size) for other in disk(cell, 1)]
        around[index, : len(near)] = near
    return around


def _clock_kernel(width: float) -> Floats:
    """Gaussian weights between half hours of the day, float64[48, 48], around the clock."""
    apart = np.arange(PROFILE_SLOTS)
    apart = (apart[:, None] - apart[None] + PROFILE_SLOTS // 2) % PROFILE_SLOTS - PROFILE_SLOTS // 2
    kernel: Floats = np.exp(-0.5 * (apart / width) ** 2)
    return kernel


def along_steps(profile: Floats, per_day: int = STEPS_PER_DAY) -> Floats:
    """A profile by half hour as values of `per_day` equal steps, interpolated between middles: float64[..., per_day].

    >>> along_steps(np.arange(48.0), 96)[:4].tolist()
    [11.75, 0.25, 0.75, 1.25]
    """
    at = (np.arange(per_day) + 0.5) * PROFILE_SLOTS / per_day - 0.5
    low = np.floor(at).astype(np.int64)
    part = at - low
    values: Floats = profile[..., low % PROFILE_SLOTS] * (1 - part) + profile[..., (low + 1) % PROFILE_SLOTS] * part
    return values
