"""Dense panes for fast windows: one slot per pane in a ring, refilled only where the zone's state changed.

    slot = (pane start / 10 s) mod 256        a slot whose stamp is another pane's is empty
    windows end in the open pane, and 1, 2, 4, … 32 minutes are nested:
        ├─32─────────────┬─16───────┬─8────┬─4──┬─2─┬1┤ open    sums of whole panes, kept from reading to reading:
         ╰ -1 pane                                  +1 pane ╯   another pane has opened

Sums are of integers, so neither order nor grouping can change them, nor what was added and taken away meanwhile.
Adding all panes up at each reading took a seventh of a tick.

Inside, panes are numbered by start / 10 s. What other modules say comes to compiled functions as an argument: once
cached, they see no change of a constant in another file.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from windows.panes import PANE_MS, WINDOWS_MS, pane_start

SLOTS = 256
_NO_PANE = -1
_LONG_AGO = -(1 << 40)
_WHOLE = np.array(WINDOWS_MS, np.int64) // PANE_MS
"""Whole panes in each window, the open one among them."""


class PaneRing:
    """Values int64[width] of the panes of the longest window and of those up to ten minutes ahead."""

    __slots__ = ("_first", "_newest", "_stamps", "_sums", "_values")

    def __init__(self, width: int) -> None:
        self._stamps = np.full(SLOTS, _NO_PANE, np.int64)
        self._values = np.zeros((SLOTS, width), np.int64)
        # Sums of the windows whose open pane is `_newest`, panes before `_first` left out.
        self._sums = np.zeros((_WHOLE.size, width), np.int64)
        self._first = self._newest = _LONG_AGO

    def put(self, pane: int, values: NDArray[np.int64] | None) -> None:
        """Replace the pane's values, int64[width]; None empties it."""
        new = np.zeros(self._values.shape[1], np.int64) if values is None else values
        number = pane // PANE_MS
        back = self._newest - number if number >= self._first else _LONG_AGO
        _replace(self._values, self._stamps, self._sums, new, number, back, _WHOLE)

    def windows(self, now_ms: int, known_from_ms: int) -> NDArray[np.int64]:
        """Sums over each window that ends at `now_ms`, in units of value x PANE_MS: int64[width, windows].

        The open pane counts in full, the oldest by the milliseconds of it that lie in the window; panes that start
        before `known_from_ms` do not count.
        """
        newest, first = now_ms // PANE_MS, -(-known_from_ms // PANE_MS)
        ring = self._values, self._stamps, self._sums
        if first != self._first or not 0 <= newest - self._newest <= _WHOLE[0]:
            _add_up(*ring, newest, first, _WHOLE)
        elif newest != self._newest:
            _open(*ring, self._newest, newest, first, _WHOLE)
        self._newest, self._first = newest, first
        oldest_ms = PANE_MS - (now_ms - pane_start(now_ms))
        sums: NDArray[np.int64] = _weighted(*ring, newest, first, _WHOLE, PANE_MS, oldest_ms)
        return sums

    def since(self, now_ms: int, since_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Starts int64[m], oldest first, and values float64[m, width] of the panes that start from `since_ms` to now.

        Panes longer ago than the longest window are left out; those nobody put are zero.
        """
        newest = now_ms // PANE_MS
        first = max(-(-since_ms // PANE_MS), newest - int(_WHOLE[-1]))
        return np.arange(first, newest + 1) * PANE_MS, _taken(self._values, self._stamps, first, newest)


@njit(cache=True, nogil=True)
def _slot(stamps, pane, first):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Slot of a pane; -1 if it lies before the first that counts, or nobody put it."""
    return pane % SLOTS if pane >= first and stamps[pane % SLOTS] == pane else -1


@njit(cache=True, nogil=True)
def _replace(values, stamps, sums, new, pane, back, whole):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Put a pane that lies `back` panes before the open one, in the sums too of the windows that hold it."""
    slot = pane % SLOTS
    if stamps[slot] != pane:
        values[slot] = 0
        stamps[slot] = pane
    for window in range(whole.size):
        if 0 <= back < whole[window]:
            for place in range(new.size):
                sums[window, place] += new[place] - values[slot, place]
    values[slot] = new


@njit(cache=True, nogil=True)
def _add_up(values, stamps, sums, newest, first, whole):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Set the sums: of each window those of the next shorter one, and the panes before it."""
    sums[...] = 0
    done = 0
    for window in range(whole.size):
        if window:
            sums[window] = sums[window - 1]
        for back in range(done, whole[window]):
            slot = _slot(stamps, newest - back, first)
            if slot >= 0:
                sums[window] += values[slot]
        done = whole[window]


@njit(cache=True, nogil=True)
def _open(values, stamps, sums, before, newest, first, whole):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Move the sums from windows whose open pane is `before` on to those whose open pane is `newest`."""
    for pane in range(before + 1, newest + 1):
        enters = _slot(stamps, pane, first)
        for window in range(whole.size):
            leaves = _slot(stamps, pane - whole[window], first)
            if enters >= 0:
                sums[window] += values[enters]
            if leaves >= 0:
                sums[window] -= values[leaves]


@njit(cache=True, nogil=True)
def _weighted(values, stamps, sums, newest, first, whole, pane_ms, oldest_ms):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Whole panes and `oldest_ms` of the one before them, int64[width, windows]."""
    weighted = np.empty((sums.shape[1], whole.size), np.int64)
    for window in range(whole.size):
        slot = _slot(stamps, newest - whole[window], first)
        for place in range(sums.shape[1]):
            oldest = values[slot, place] * oldest_ms if slot >= 0 else 0
            weighted[place, window] = sums[window, place] * pane_ms + oldest
    return weighted


@njit(cache=True, nogil=True)
def _taken(values, stamps, first, newest):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Values of the panes from `first` to `newest`, float64[m, width]."""
    taken = np.zeros((max(0, newest + 1 - first), values.shape[1]))
    for pane in range(first, newest + 1):
        slot = _slot(stamps, pane, first)
        if slot >= 0:
            taken[pane - first] = values[slot]
    return taken
