"""A distribution of milliseconds in fixed memory.

Bounds stand 1 ms apart up to 100 ms and grow by 2 % from there to two minutes, so a percentile is at most 2 % or 1 ms
too high.
"""

from bisect import bisect_left

_LINEAR_MS = 100
_GROWTH = 1.02
_LAST_MS = 120_000.0


def _bounds() -> list[float]:
    bounds = [float(ms) for ms in range(_LINEAR_MS + 1)]
    while bounds[-1] < _LAST_MS:
        bounds.append(bounds[-1] * _GROWTH)
    return bounds


_BOUNDS_MS = _bounds()


class Histogram:
    """Counts of values, each in the first bucket whose upper bound reaches it; the last bucket holds everything above.

    >>> seen = Histogram()
    >>> for ms in (3, 5, 5, 900):
    ...     seen.observe(ms)
    >>> seen.percentile(50), seen.count, seen.max_ms
    (5.0, 4, 900.0)
    """

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS_MS) + 1)
        self.count = 0
        self.max_ms = 0.0

    def observe(self, ms: float) -> None:
        """Count one value, milliseconds; below zero counts as zero."""
        self._counts[bisect_left(_BOUNDS_MS, ms)] += 1
        self.count += 1
        self.max_ms = max(self.max_ms, float(ms))

    def percentile(self, percent: float) -> float:
        """Upper bound of the bucket that holds the value below which `percent` of them lie; 0 if there is none."""
        rank, seen = percent / 100 * self.count, 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= rank:
                return min(_BOUNDS_MS[bucket], self.max_ms) if bucket < len(_BOUNDS_MS) else self.max_ms
        return 0.0
