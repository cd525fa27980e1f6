"""What stands between the best multiplier and the one that is published, in a fixed order.

    missing data, stale data, warming up    unsure data never raises a price
    hysteresis, rate limit                  in time, from the previous tick
    neighbour step                          in space, by lowering the higher cell
    jurisdiction bounds, emergency cap      of the cell's own jurisdiction
    freeze, override                        by hand; bounds still hold for an override

Each rule maps multipliers to multipliers, in hundredths, int64[n, P]; whoever applies it notes what it changed.

A limit per minute must not lose its fractions at four ticks a second, so a tick may move by the whole hundredths that
the limit has passed since the previous tick on one clock: `floor(rate * now) - floor(rate * then)`. Over any series
of ticks these add up to the limit exactly.
"""

from dataclasses import dataclass, field

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pricing.policy import UNMOVED
from pricing.reasons import Reason
from windows.panes import MINUTE_MS

Hundredths = NDArray[np.int64]
# After a longer pause a price still moves by at most a minute's worth.
LONGEST_STRIDE_MS = MINUTE_MS


@dataclass(slots=True)
class Trail:
    """Multipliers on their way through the rules, and what moved them."""

    value: Hundredths
    notes: list[tuple[Reason, NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]] = field(default_factory=list)

    def take(self, reason: Reason, after: Hundredths) -> None:
        """Go on with `after`; note (reason, position, before, after) where it differs."""
        at = (after != self.value).reshape(-1).nonzero()[0]
        if at.size:
            self.notes.append((reason, at, self.value.reshape(-1)[at], after.reshape(-1)[at]))
        self.value = after

    def by_position(self) -> tuple[list[int], list[int], list[int], list[int]]:
        """Positions, codes, before and after of all notes, by position and within it in the order of the rules."""
        if not self.notes:
            return [], [], [], []
        at = np.concatenate([note[1] for note in self.notes])
        codes = np.concatenate([np.full(note[1].size, int(note[0]), np.int64) for note in self.notes])
        before = np.concatenate([note[2] for note in self.notes])
        after = np.concatenate([note[3] for note in self.notes])
        order = np.argsort(at, kind="stable")
        return at[order].tolist(), codes[order].tolist(), before[order].tolist(), after[order].tolist()


def rise_stride(rate_per_min: int, then_ms: int, now_ms: int) -> int:
    """Hundredths a multiplier may rise between two instants; after a pause as if it had lasted a minute at most."""
    return stride(rate_per_min, max(then_ms, now_ms - LONGEST_STRIDE_MS), now_ms)


def stride(rate_per_min: int, since_ms: int, now_ms: int) -> int:
    """Hundredths a multiplier may move between two instants at so many hundredths per minute.

    >>> [stride(30, t, t + 250) for t in (0, 1750, 2000)], stride(30, 0, 60_000)
    ([0, 1, 0], 30)
    """
    return max(0, rate_per_min * now_ms // MINUTE_MS - rate_per_min * since_ms // MINUTE_MS)


def never_raised(wanted: Hundredths, previous: Hundredths) -> Hundredths:
    """What data that cannot be trusted may do: lower a multiplier, not raise it."""
    return np.minimum(wanted, previous)


def stepped_down(previous: Hundredths, fall: int) -> Hundredths:
    """The way back to 1.00 by at most `fall`; a multiplier below 1.00 stays, since to go up is to raise a price.

    >>> stepped_down(np.array([150, 103, 90]), 5).tolist()
    [145, 100, 90]
    """
    return np.minimum(previous, np.maximum(UNMOVED, previous - fall))


def steadied(wanted: Hundredths, previous: Hundredths, hysteresis: int) -> Hundredths:
    """The previous multiplier where the wanted one differs by less than `hysteresis`; 1.00 may always be reached."""
    small = (np.abs(wanted - previous) < hysteresis) & (wanted != UNMOVED)
    return np.where(small, previous, wanted)


def rate_limited(wanted: Hundredths, previous: Hundredths, *, rise: int, fall: int) -> Hundredths:
    """At most `rise` above and `fall` below the previous multiplier."""
    return bounded(wanted, previous - fall, previous + rise)


def bounded(value: Hundredths, floor: Hundredths, cap: Hundredths) -> Hundredths:
    """Value within floor and cap, `numpy.clip` without its checks of types, which cost five times the comparison."""
    return np.minimum(np.maximum(value, floor), cap)


def stepped_in_space(wanted: Hundredths, adjacent: NDArray[np.int64], step: int) -> Hundredths:
    """At most `step` above any adjacent cell of the zone; the highest values for which this holds, none raised.

    `adjacent` int64[n, 6]: rows of the neighbours, n where there is none in the zone.
    """
    value = wanted.copy()
    while _lowered(value, adjacent, step):
        pass
    return value


@njit(cache=True, nogil=True)
def _lowered(value, adjacent, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Lower in place whatever is too far above a neighbour; say whether anything was.

    Values only fall, and never below the highest allowed, so whichever is lowered first, they end at the same.
    """
    changed = False
    for row in range(value.shape[0]):
        for product in range(value.shape[1]):
            for place in range(adjacent.shape[1]):
                near = adjacent[row, place]
                if near < value.shape[0] and value[near, product] + step < value[row, product]:
                    value[row, product] = value[near, product] + step
                    changed = True
    return changed
