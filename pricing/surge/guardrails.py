"""What stands between the best multiplier and the one that is published, in a fixed order.

    missing data, stale data, warming up    unsure data never raises a price
    hysteresis, rate limit                  in time, from the previous tick
    neighbour step                          in space, by lowering the higher cell
    jurisdiction bounds, emergency cap      of the cell's own jurisdiction
    freeze, override                        by hand; bounds still hold for an override

Each rule maps multipliers to multipliers, in hundredths, int64[n, P] (`surge.guard_loops`); whoever applies it notes
what it changed.

A limit per minute must not lose its fractions at four ticks a second, so a tick may move by the whole hundredths that
the limit has passed since the previous tick on one clock: `floor(rate * now) - floor(rate * then)`. Over any series
of ticks these add up to the limit exactly.
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pricing.rules.reasons import Reason
from windows.panes import MINUTE_MS

Hundredths = NDArray[np.int64]
# After a longer pause a price still moves by at most a minute's worth.
LONGEST_STRIDE_MS = MINUTE_MS


@dataclass(slots=True)
class Trail:
    """Multipliers on their way through the rules, and what moved them."""

    value: Hundredths
    _steps: list[tuple[Reason, Hundredths]] = field(default_factory=list)
    _first: Hundredths = field(init=False)

    def __post_init__(self) -> None:
        self._first = self.value

    def take(self, reason: Reason, after: Hundredths) -> None:
        """Go on with `after`."""
        self._steps.append((reason, after))
        self.value = after

    def by_position(self) -> NDArray[np.int64]:
        """Positions, codes, before and after of all that moved, int64[4, m], by position, then as rules came."""
        values = np.array([self._first, *(after for _, after in self._steps)]).reshape(len(self._steps) + 1, -1)
        codes = np.array([int(reason) for reason, _ in self._steps], np.int64)
        moved: NDArray[np.int64] = _moves(values, codes)
        return moved


def rise_stride(rate_per_min: int, then_ms: int, now_ms: int) -> int:
    """Hundredths a multiplier may rise between two instants; after a pause as if it had lasted a minute at most."""
    return stride(rate_per_min, max(then_ms, now_ms - LONGEST_STRIDE_MS), now_ms)


def stride(rate_per_min: int, since_ms: int, now_ms: int) -> int:
    """Hundredths a multiplier may move between two instants at so many hundredths per minute.

    >>> [stride(30, t, t + 250) for t in (0, 1750, 2000)], stride(30, 0, 60_000)
    ([0, 1, 0], 30)
    """
    return max(0, rate_per_min * now_ms // MINUTE_MS - rate_per_min * since_ms // MINUTE_MS)


def bounded(value: Hundredths, floor: Hundredths, cap: Hundredths) -> Hundredths:
    """Value within floor and cap, `numpy.clip` without its checks of types, which cost five times the comparison."""
    return np.minimum(np.maximum(value, floor), cap)


def within(value: Hundredths, floor: Hundredths, cap: Hundredths, emergency_cap: int | None) -> Hundredths:
    """Value within all bounds, the emergency cap included where there is one."""
    inside = bounded(value, floor, cap)
    return inside if emergency_cap is None else np.minimum(inside, emergency_cap)


@njit(cache=True, nogil=True)
def _moves(values, codes):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What each step changed, int64[4, m]: `values` [steps + 1, positions] stand before and after each of `codes`."""
    moved = np.empty((4, codes.size * values.shape[1]), np.int64)
    found = 0
    for at in range(values.shape[1]):
        for step in range(codes.size):
            if values[step, at] != values[step + 1, at]:
                moved[0, found], moved[1, found] = at, codes[step]
                moved[2, found], moved[3, found] = values[step, at], values[step + 1, at]
                found += 1
    return moved[:, :found]
