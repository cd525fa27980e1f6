"""Drivers in arrays: open addressing on the id hash, one compiled pass per batch and per count.

`slots[i]` is the row of the driver whose hash probes to place `i`, or -1. The table is at most half full, so a probe is
short, and it never deletes: rows are dropped by building it anew.
"""

from typing import Any, NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

# Codes of DriverStatus, in the order of its schema.
IDLE = 1
BUSY = 2

ROW = np.dtype(
    [
        ("driver", np.int64),
        ("at_ms", np.int64),
        ("cell", np.int64),
        ("free_at_ms", np.int64),
        ("products", np.uint64),
        ("status", np.int8),
    ],
    align=True,  # one driver is one cache line
)
Rows = np.ndarray[Any, np.dtype[np.void]]

_EMPTY = -1
_FEWEST_ROWS = 256
_MANY_CELLS = 64
# Columns of the counts before those of the products.
_TOTALS = 3

# Fibonacci hashing (Knuth, TAOCP 3, 6.4): spreads ids and cells, whose low bits are alike.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HIGH_HALF = np.uint64(32)


class Counted(NamedTuple):
    """Drivers in all, their cells ascending int64[c], and int32[c, 3 + p]: idle, busy, soon free, idle per product."""

    drivers: int
    cells: NDArray[np.int64]
    table: NDArray[np.int32]


class DriverTable:
    """One row per driver; grows by doubling."""

    __slots__ = ("_products", "_rows", "_slots", "size")

    def __init__(self) -> None:
        self.size = 0
        self._products = 0
        self._rows: Rows = np.zeros(_FEWEST_ROWS, ROW)
        self._slots = np.full(2 * _FEWEST_ROWS, _EMPTY, np.int32)

    def put(self, pings: Rows) -> None:
        """Keep of each driver the ping with the latest `at_ms`, of equal ones the last; `pings` in arrival order."""
        if self.size + pings.size > self._rows.size:
            self._rebuild(self._rows[: self.size], room=self.size + pings.size)
        self.size = _put(self._slots, self._rows, self.size, pings)
        self._products |= int(np.bitwise_or.reduce(pings["products"]))

    def count(self, *, since_ms: int, free_by_ms: int) -> Counted:
        """Rows with `at_ms` from `since_ms` on; soon free are the busy ones free by `free_by_ms`, if that is known."""
        products = self._products.bit_length()
        drivers, cells, table = _count(self._rows[: self.size], since_ms, free_by_ms, products)
        order = np.argsort(cells)
        return Counted(drivers, cells[order], table[order])

    def drop_before(self, since_ms: int) -> None:
        """Forget the rows with `at_ms` before `since_ms`, and give their memory back."""
        rows = self._rows[: self.size]
        kept = rows[rows["at_ms"] >= since_ms]
        self._rebuild(kept, room=kept.size)

    def _rebuild(self, kept: Rows, *, room: int) -> None:
        size = max(_FEWEST_ROWS, 1 << (room - 1).bit_length())
        self._rows = np.zeros(size, ROW)
        self._slots = np.full(2 * size, _EMPTY, np.int32)
        self.size = _put(self._slots, self._rows, 0, kept)


@nb.njit(cache=True, nogil=True)
def _place(key: int, mask: int) -> np.int64:
    """First place to probe for `key` in a table of `mask` + 1 places, a power of two."""
    spread = np.uint64(key) * _GOLDEN
    return np.int64((spread ^ (spread >> _HIGH_HALF)) & np.uint64(mask))


@nb.njit(cache=True, nogil=True)
def _put(slots: NDArray[np.int32], rows: Rows, size: int, pings: Rows) -> int:
    """Number of rows after taking the pings; needs room for all of them."""
    mask = slots.size - 1
    for i in range(pings.size):
        ping = pings[i]
        place = _place(ping.driver, mask)
        while slots[place] != _EMPTY and rows[slots[place]].driver != ping.driver:
            place = (place + 1) & mask
        row = slots[place]
        if row == _EMPTY:
            slots[place] = row = size
            size += 1
        elif ping.at_ms < rows[row].at_ms:
            continue
        rows[row] = ping
    return size


@nb.njit(cache=True, nogil=True)
def _count(
    rows: Rows, since_ms: int, free_by_ms: int, products: int
) -> tuple[int, NDArray[np.int64], NDArray[np.int32]]:
    """Drivers with a row since, cells in order of first appearance, and their counts."""
    cells = np.empty(_MANY_CELLS, np.int64)
    table = np.zeros((_MANY_CELLS, _TOTALS + products), np.int32)
    slots = np.full(2 * _MANY_CELLS, _EMPTY, np.int32)
    drivers = known = 0
    for i in range(rows.size):
        row = rows[i]
        if row.at_ms < since_ms:
            continue
        drivers += 1
        if row.status != IDLE and row.status != BUSY:  # noqa: PLR1714  two comparisons compile, a tuple allocates
            continue
        if known == cells.size:
            cells, table, slots = _doubled(cells, table)
        place = _place(row.cell, slots.size - 1)
        while slots[place] != _EMPTY and cells[slots[place]] != row.cell:
            place = (place + 1) & (slots.size - 1)
        if slots[place] == _EMPTY:
            slots[place] = known
            cells[known] = row.cell
            known += 1
        _add(table[slots[place]], row, free_by_ms, products)
    return drivers, cells[:known], table[:known]


@nb.njit(cache=True, nogil=True)
def _add(counts: NDArray[np.int32], row: Any, free_by_ms: int, products: int) -> None:  # noqa: ANN401  numba's record
    if row.status == BUSY:
        counts[1] += 1
        if 0 <= row.free_at_ms <= free_by_ms:
            counts[2] += 1
        return
    counts[0] += 1
    for product in range(products):
        counts[_TOTALS + product] += (row.products >> np.uint64(product)) & np.uint64(1)


@nb.njit(cache=True, nogil=True)
def _doubled(
    cells: NDArray[np.int64], table: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32]]:
    """Twice the room for cells, and the places to find them by."""
    more_cells = np.empty(2 * cells.size, np.int64)
    more_cells[: cells.size] = cells
    more_table = np.zeros((2 * cells.size, table.shape[1]), np.int32)
    more_table[: cells.size] = table
    slots = np.full(4 * cells.size, _EMPTY, np.int32)
    for row in range(cells.size):
        place = _place(cells[row], slots.size - 1)
        while slots[place] != _EMPTY:
            place = (place + 1) & (slots.size - 1)
        slots[place] = row
    return more_cells, more_table, slots
