"""What a forecast must beat: the last value, the same bin last week, and a historical mean tuned on history.

    tuned mean = a x mean of the last bins + b x mean of the same bin on past days
               + c x mean of the same bin in past weeks + d x mean of the last four weeks        a + b + c + d = 1

The grid below is all that is tried; the winner has the least Poisson deviance on the history.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RECENT_BINS = (1, 2, 4, 12)
PAST_DAYS = (7, 14)
PAST_WEEKS = (4, 8)
RECENT_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
DAY_WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.4)
LONG_WEIGHTS = (0.0, 0.05, 0.1, 0.2)
LONG_DAYS = 28
# Added to every mean, so that none is zero where something may come.
_OF_LONG, _LEAST = 0.01, 1e-4


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanWeights:
    """One point of the grid; weeks have the weight that is left."""

    recent_bins: int
    days: int
    weeks: int
    recent: float
    day: float
    long: float

    @property
    def week(self) -> float:
        """Weight of the past weeks."""
        return 1.0 - self.recent - self.day - self.long


GRID = tuple(
    weights
    for bins, days, weeks, recent, day, long in product(
        RECENT_BINS, PAST_DAYS, PAST_WEEKS, RECENT_WEIGHTS, DAY_WEIGHTS, LONG_WEIGHTS
    )
    if (weights := MeanWeights(recent_bins=bins, days=days, weeks=weeks, recent=recent, day=day, long=long)).week
    >= -1e-9
)


class PlainForecasts:
    """Plain forecasts of `counts` float64[cells, bins]; `known` bool[bins] says which bins were recorded.

    Each is float64[cells, bins], a bin's value from the bins before it; of a bin after `stands_from` from the bins
    before that one, repeated: the last value by bin, past days by day, past weeks by week.
    """

    def __init__(
        self, counts: Floats, known: NDArray[np.bool_], bins_per_day: int, *, stands_from: int | None = None
    ) -> None:
        self._counts, self._known, self._per_day = counts * known, known.astype(np.float64), bins_per_day
        self._stands_from = known.size if stands_from is None else stands_from
        self._long = self._mean_of_last(LONG_DAYS * bins_per_day)

    def last_value(self) -> Floats:
        """The bin before."""
        return self._mean_of_bins([1])

    def last_week(self) -> Floats:
        """The same bin a week ago."""
        return self._mean_of_bins([7 * self._per_day])

    def mean(self, weights: MeanWeights) -> Floats:
        """The historical mean with those weights; positive."""
        recent, day, week = self._parts(weights.recent_bins, weights.days, weights.weeks)
        total = weights.recent * recent + weights.day * day + weights.week * week
        return total + (weights.long + _OF_LONG) * self._long + _LEAST

    def tuned(self, fit: slice) -> MeanWeights:
        """The point of the grid with the least deviance on the bins `fit`."""
        came = self._counts[:, fit]
        hit = came > 0
        best, best_loss = GRID[0], np.inf
        long = self._long[:, fit]
        for shape in product(RECENT_BINS, PAST_DAYS, PAST_WEEKS):
            parts = [part[:, fit] for part in self._parts(*shape)]
            hits, totals = [part[hit] for part in (*parts, long)], [float(part.sum()) for part in (*parts, long)]
            for weights in GRID:
                if (weights.recent_bins, weights.days, weights.weeks) == shape:
                    of = (weights.recent, weights.day, weights.week, weights.long + _OF_LONG)
                    at_hits = sum(w * part for w, part in zip(of, hits, strict=True)) + _LEAST
                    loss = sum(w * t for w, t in zip(of, totals, strict=True)) - float(
                        (came[hit] * np.log(at_hits)).sum()
                    )
                    if loss < best_loss:
                        best, best_loss = weights, loss
        return best

    def _parts(self, recent_bins: int, days: int, weeks: int) -> tuple[Floats, Floats, Floats]:
        return (
            self._mean_of_last(recent_bins),
            self._mean_of_bins([day * self._per_day for day in range(1, days + 1)]),
            self._mean_of_bins([week * 7 * self._per_day for week in range(1, weeks + 1)]),
        )

    def _mean_of_bins(self, back: list[int]) -> Floats:
        """Mean of the known bins so many bins back, the nearest first, 0 where none is."""
        total, times = np.zeros_like(self._counts), np.zeros(self._known.size)
        for bins in back:
            if bins < self._known.size:
                total[:, bins:] += self._counts[:, :-bins]
                times[bins:] += self._known[:-bins]
        return self._standing(total / np.maximum(times, 1.0), back[0])

    def _mean_of_last(self, bins: int) -> Floats:
        """Mean of the known ones among the last `bins`, 0 where none is."""
        totals = np.concatenate([np.zeros((len(self._counts), 1)), np.cumsum(self._counts, axis=1)], axis=1)
        times = np.concatenate([[0.0], np.cumsum(self._known)])
        at = np.arange(self._known.size)
        since = np.maximum(at - bins, 0)
        mean: Floats = (totals[:, at] - totals[:, since]) / np.maximum(times[at] - times[since], 1.0)
        return self._standing(mean, 1)

    def _standing(self, values: Floats, period: int) -> Floats:
        """The values, the first `period` from `stands_from` on repeated: those look back beyond it, others need not."""
        at, first = np.arange(self._known.size), self._stands_from
        at[first:] = first + (at[first:] - first) % period
        standing: Floats = values[:, at]
        return standing
