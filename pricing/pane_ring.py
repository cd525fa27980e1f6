"""Dense panes for fast windows: one slot per pane in a ring, refilled only where the zone's state changed.

    slot = (pane start / 10 s) mod 256        a slot whose stamp is another pane's is empty
    windows end in the open pane, and 1, 2, 4, … 32 minutes are nested:
        ├─32─────────────┬─16───────┬─8────┬─4──┬─2─┬1┤ now      each pane is added once

Sums are of integers, so neither order nor grouping can change them.
"""

import numpy as np
from numpy.typing import NDArray

from windows.panes import PANE_MS, WINDOWS_MS, pane_start

SLOTS = 256
_NO_PANE = -1


class PaneRing:
    """Values int64[width] of the panes of the longest window and of those up to ten minutes ahead."""

    __slots__ = ("_stamps", "_values")

    def __init__(self, width: int) -> None:
        self._stamps = np.full(SLOTS, _NO_PANE, np.int64)
        self._values = np.zeros((SLOTS, width), np.int64)

    def put(self, pane: int, values: NDArray[np.int64] | None) -> None:
        """Replace the pane's values; None empties it."""
        slot = pane // PANE_MS % SLOTS
        self._stamps[slot] = pane
        self._values[slot] = 0 if values is None else values

    def windows(self, now_ms: int, known_from_ms: int) -> NDArray[np.int64]:
        """Sums over each window that ends at `now_ms`, in units of value x PANE_MS: int64[windows, width].

        The open pane counts in full, the oldest by the milliseconds of it that lie in the window; panes that start
        before `known_from_ms` do not count.
        """
        newest = pane_start(now_ms)
        known = max(0, (newest - known_from_ms) // PANE_MS + 1)  # panes from the open one back
        rows = np.arange(newest // PANE_MS, newest // PANE_MS - min(known, SLOTS), -1)
        slots = rows % SLOTS
        stale = slots[(self._stamps[slots] != rows * PANE_MS) & (self._stamps[slots] != _NO_PANE)]
        if stale.size:
            self._values[stale], self._stamps[stale] = 0, _NO_PANE
        return self._nested(slots, PANE_MS - (now_ms - newest))

    def since(self, now_ms: int, since_ms: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Starts int64[m], oldest first, and values int64[m, width] of the panes that start from `since_ms` to now.

        Panes longer ago than the ring holds, and those nobody put, are left out.
        """
        newest = pane_start(now_ms)
        first = max(-(-since_ms // PANE_MS), newest // PANE_MS - WINDOWS_MS[-1] // PANE_MS)
        rows = np.arange(first, newest // PANE_MS + 1)
        held = rows[self._stamps[rows % SLOTS] == rows * PANE_MS]
        return held * PANE_MS, self._values[held % SLOTS]

    def _nested(self, slots: NDArray[np.int64], oldest_ms: int) -> NDArray[np.int64]:
        """Sums of ever longer runs of `slots`, youngest first, and of `oldest_ms` of the pane after each run."""
        sums = np.zeros((len(WINDOWS_MS), self._values.shape[1]), np.int64)
        running, done = np.zeros(self._values.shape[1], np.int64), 0
        for window, window_ms in enumerate(WINDOWS_MS):
            whole = window_ms // PANE_MS
            for run in _runs(slots[done:whole]):
                running += np.add.reduce(self._values[run], axis=0)
            done = whole
            np.multiply(running, PANE_MS, out=sums[window])
            if whole < slots.size:
                sums[window] += self._values[slots[whole]] * oldest_ms
        return sums


def _runs(slots: NDArray[np.int64]) -> list[slice]:
    """Slices of the ring that hold these descending slots: one, or two around its end; none if there are no slots."""
    if not slots.size:
        return []
    youngest, oldest = int(slots[0]), int(slots[-1])
    if oldest <= youngest:
        return [slice(oldest, youngest + 1)]
    return [slice(oldest, SLOTS), slice(0, youngest + 1)]
