"""Drivers in arrays: open addressing on the id hash, one compiled pass per batch and per count.

`slots[i]` is the row of the driver whose hash probes to place `i`, or -1. The table is at most half full, so a probe is
short, and it never deletes: rows are dropped by building it anew.
"""

from typing import NamedTuple

import numba as nb
import numpy as np
from numpy.typing import NDArray

IDLE = 1
BUSY = 2
_EMPTY = -1
_FEWEST_ROWS = 256

# Fibonacci hashing (Knuth, TAOCP 3, 6.4): spreads ids and cells whose low bits are alike.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)


class _Counted(NamedTuple):
    alive: int
    cells: NDArray[np.int64]
    idle: NDArray[np.int32]
    busy: NDArray[np.int32]
    soon_free: NDArray[np.int32]
    idle_by_product: NDArray[np.int32]


class DriverTable:
    """Rows of drivers, one each; grows by doubling."""

    __slots__ = ("_at_ms", "_cell", "_driver", "_free_at_ms", "_products", "_seen_products", "_slots", "_status", "size")

    def __init__(self) -> None:
        self.size = 0
        self._seen_products = 0
        self._driver = np.empty(_FEWEST_ROWS, np.int64)
        self._at_ms = np.empty(_FEWEST_ROWS, np.int64)
        self._cell = np.empty(_FEWEST_ROWS, np.int64)
        self._status = np.empty(_FEWEST_ROWS, np.int8)
        self._products = np.empty(_FEWEST_ROWS, np.uint64)
        self._free_at_ms = np.empty(_FEWEST_ROWS, np.int64)
        self._slots = np.full(2 * _FEWEST_ROWS, _EMPTY, np.int32)

    def put(
        self,
        driver: NDArray[np.int64],
        at_ms: NDArray[np.int64],
        cell: NDArray[np.int64],
        status: NDArray[np.int8],
        products: NDArray[np.uint64],
        free_at_ms: NDArray[np.int64],
    ) -> None:
        """Keep of each driver the row with the latest `at_ms`, of equal ones the last."""
        if not driver.size:
            return
        self._fit(self.size + driver.size, np.arange(self.size))
        new = (driver, at_ms, cell, status, products, free_at_ms)
        self.size = _put(self._slots, self._columns, self.size, new)
        self._seen_products |= int(np.bitwise_or.reduce(products))

    def count(self, *, since_ms: int, free_by_ms: int) -> _Counted:
        """Rows with `at_ms` from `since_ms` on, in all and per cell; soon free are busy ones free by `free_by_ms`."""
        width = self._seen_products.bit_length()
        alive, cells, table = _count(self._columns, self.size, since_ms, free_by_ms, width)
        order = np.argsort(cells)
        table = table[order]
        return _Counted(alive, cells[order], table[:, 0], table[:, 1], table[:, 2], table[:, 3:])

    def drop_before(self, since_ms: int) -> None:
        """Forget the rows with `at_ms` before `since_ms`, and give their memory back."""
        self._fit(0, np.flatnonzero(self._at_ms[: self.size] >= since_ms))

    @property
    def _columns(
        self,
    ) -> tuple[
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.int8],
        NDArray[np.uint64],
        NDArray[np.int64],
    ]:
        return self._driver, self._at_ms, self._cell, self._status, self._products, self._free_at_ms

    def _fit(self, rows: int, kept: NDArray[np.int64]) -> None:
        """Make room for `rows`, keeping the rows `kept`; does nothing if there is room and all are kept."""
        needed = _FEWEST_ROWS
        while needed < max(rows, kept.size):
            needed *= 2
        if kept.size == self.size and needed <= self._driver.size:
            return
        old, self.size = self._columns, kept.size
        self._driver, self._at_ms, self._cell, self._status, self._products, self._free_at_ms = (
            _resized(column, kept, needed) for column in old
        )
        self._slots = np.full(2 * needed, _EMPTY, np.int32)
        _index(self._slots, self._driver, self.size)
