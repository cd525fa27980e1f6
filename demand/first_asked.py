"""Who asked for what in one two-minute bucket, and in which pane first.

The earliest pane is a minimum, so neither the order of arrival nor duplicates matter. Open addressing on all three
parts of the key, compiled; it only grows, and is dropped whole when the last pane of its bucket has closed.
"""

from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

NEVER = -1

ASKED = np.dtype([("who", np.int64), ("cell", np.int64), ("pane_ms", np.int64), ("product", np.int32)], align=True)
Rows = np.ndarray[Any, np.dtype[np.void]]

_EMPTY = -1
_FEWEST_ROWS = 256
# Fibonacci hashing (Knuth, TAOCP 3, 6.4), folded once per part of the key.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HIGH_HALF = np.uint64(32)


class Moves(NamedTuple):
    """What a batch changed: the rows of it that did, and the pane each was counted in before, NEVER if in none."""

    rows: NDArray[np.int64]
    before_ms: NDArray[np.int64]


class FirstAsked:
    """Earliest pane per (who, cell, product); `who` is a 64-bit hash of a rider's or a decision's id."""

    __slots__ = ("_rows", "_size", "_slots")

    def __init__(self) -> None:
        self._size = 0
        self._rows: Rows = np.zeros(_FEWEST_ROWS, ASKED)
        self._slots = np.full(2 * _FEWEST_ROWS, _EMPTY, np.int32)

    def __len__(self) -> int:
        return self._size

    def put(self, asked: Rows) -> Moves:
        """Take requests of this bucket in any order, `asked` of dtype ASKED."""
        needed = self._size + asked.size
        if needed > self._rows.size:
            self._grow(1 << (needed - 1).bit_length())
        self._size, rows, before_ms = _put(self._slots, self._rows, self._size, asked)
        return Moves(rows, before_ms)

    def _grow(self, room: int) -> None:
        known = self._rows[: self._size]
        self._rows = np.zeros(room, ASKED)
        self._slots = np.full(2 * room, _EMPTY, np.int32)
        _put(self._slots, self._rows, 0, known)


@nb.njit(cache=True, nogil=True)
def _place(asked: Any, mask: int) -> np.int64:  # noqa: ANN401  numba's record
    spread = np.uint64(asked.who) * _GOLDEN
    spread = (spread ^ np.uint64(asked.cell)) * _GOLDEN
    spread = (spread ^ (spread >> _HIGH_HALF) ^ np.uint64(asked.product)) * _GOLDEN
    return np.int64((spread ^ (spread >> _HIGH_HALF)) & np.uint64(mask))


@nb.njit(cache=True, nogil=True)
def _put(
    slots: NDArray[np.int32], known: Rows, size: int, asked: Rows
) -> tuple[int, NDArray[np.int64], NDArray[np.int64]]:
    """Number of keys known now, and the moves; needs room for all of `asked`."""
    mask = slots.size - 1
    rows = np.empty(asked.size, np.int64)
    before_ms = np.empty(asked.size, np.int64)
    moved = 0
    for i in range(asked.size):
        new = asked[i]
        place = _place(new, mask)
        while slots[place] != _EMPTY:
            old = known[slots[place]]
            if old.who == new.who and old.cell == new.cell and old.product == new.product:
                break
            place = (place + 1) & mask
        before = NEVER
        if slots[place] == _EMPTY:
            slots[place] = size
            size += 1
        else:
            before = known[slots[place]].pane_ms
            if before <= new.pane_ms:
                continue
        known[slots[place]] = new
        rows[moved], before_ms[moved] = i, before
        moved += 1
    return size, rows[:moved], before_ms[:moved]
