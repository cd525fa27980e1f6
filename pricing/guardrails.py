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
    """The previous multiplier where the wanted one differs by less than `hysteresis`; 1.00 may always be reached.

    So a small change across 1.00 ends there: a cell that wants more never gets less than one that wants 1.00.

    >>> steadied(np.array([99, 100, 101, 102]), np.array([99, 99, 99, 99]), 3).tolist()
    [99, 100, 100, 102]
    """
    across = (previous - UNMOVED) * (wanted - UNMOVED) <= 0
    small = np.abs(wanted - previous) < hysteresis
    return np.where(small, np.where(across, UNMOVED, previous), wanted)


def rate_limited(wanted: Hundredths, previous: Hundredths, *, rise: int, fall: int) -> Hundredths:
    """At most `rise` above and `fall` below the previous multiplier."""
    return bounded(wanted, previous - fall, previous + rise)


def bounded(value: Hundredths, floor: Hundredths, cap: Hundredths) -> Hundredths:
    """Value within floor and cap, `numpy.clip` without its checks of types, which cost five times the comparison."""
    return np.minimum(np.maximum(value, floor), cap)


def within(value: Hundredths, floor: Hundredths, cap: Hundredths, emergency_cap: int | None) -> Hundredths:
    """Value within all bounds, the emergency cap included where there is one."""
    inside = bounded(value, floor, cap)
    return inside if emergency_cap is None else np.minimum(inside, emergency_cap)


def frozen(value: Hundredths, cap: Hundredths, emergency_cap: int | None) -> Hundredths:
    """1.00 everywhere, or the cap where one is lower: an order that is to calm prices raises none above it."""
    return within(np.full_like(value, UNMOVED), np.minimum(cap, UNMOVED), cap, emergency_cap)


def stepped_in_space(
    wanted: Hundredths, adjacent: NDArray[np.int64], by_hand: NDArray[np.bool_], step: int
) -> Hundredths:
    """At most `step` above any adjacent cell of the zone; the highest values for which this holds, none raised.

    `adjacent` int64[n, 6]: rows of the neighbours, n where there is none in the zone. What is set `by_hand`, bool[n,
    P], stays and lowers no neighbour.
    """
    value = wanted.copy()
    while _lowered(value, adjacent, by_hand, step):
        pass
    return value


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


@njit(cache=True, nogil=True)
def _lowered(value, adjacent, by_hand, step):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Lower in place whatever is too far above a neighbour; say whether anything was.

    Values only fall, and never below the highest allowed, so whichever is lowered first, they end at the same.
    """
    changed = False
    for row in range(value.shape[0]):
        for product in range(value.shape[1]):
            if by_hand[row, product]:
                continue
            for place in range(adjacent.shape[1]):
                near = adjacent[row, place]
                if near >= value.shape[0] or value[near, product] + step >= value[row, product]:
                    continue
                if not by_hand[near, product]:
                    value[row, product] = value[near, product] + step
                    changed = True
    return changed
