"""Values of `supply-cells.v1` for many zones at once, straight from arrays, as the object codec would write them.

A worker publishes some hundred zones every flush; making an object of each and coding it cost more than the counting.

    start ┊ zone ┊ products ┊ cells ┊ idle ┊ idle by product ┊ busy ┊ soon free
    shared by all of them    └ each: number of items, the items, 0; or 0 alone if there are none
"""

from dataclasses import dataclass

import numpy as np
from numba import njit

from topics.arrays import Bytes, Int64, Int64s
from topics.wire import frame

_MOST_BYTES = 10  # of a varint
_ARRAYS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneRows:
    """Rows of a table of cells by zone: those of `zones[i]` are `rows[bounds[i]:bounds[i + 1]]`, all int64."""

    zones: Int64s
    bounds: Int64s
    rows: Int64s


def coded_supply(
    schema_id: int, start: tuple[int, ...], of: ZoneRows, products: list[str], cells: Int64s, table: Int64s
) -> list[bytes]:
    """A framed value for each zone of `of`.

    `start` are the fields before the zone, enums by number; `cells` int64[n], `table` int64[n, 3 + products]: idle,
    busy, soon free and idle by product of each.
    """
    head = frame(schema_id, b"".join(_coded(number) for number in start))
    names = b"".join(_coded(len(name.encode())) + name.encode() for name in products)
    listed = _coded(len(products)) + names + b"\0" if products else b"\0"
    sizes = np.diff(of.bounds)
    numbers = of.rows.size * (1 + table.shape[1]) + of.zones.size * (1 + 2 * _ARRAYS)
    room = np.empty(numbers * _MOST_BYTES + of.zones.size * (len(head) + len(listed)), np.uint8)
    ends = np.empty(sizes.size, np.int64)
    shared = np.frombuffer(head, np.uint8), np.frombuffer(listed, np.uint8)
    size = _write(of.zones, of.bounds, of.rows, cells, table, *shared, room, ends)
    data, first = room[:size].tobytes(), 0
    values = []
    for end in ends.tolist():
        values.append(data[first:end])
        first = end
    return values


def _coded(number: int) -> bytes:
    room = np.empty(_MOST_BYTES, np.uint8)
    return room[: _put(room, 0, number)].tobytes()


@njit(cache=True, nogil=True)
def _put(room: Bytes, at: Int64, number: Int64) -> Int64:
    """Write a zigzag varint; the position after it."""
    bits = np.uint64((number << 1) ^ (number >> 63))
    while bits > np.uint64(127):
        room[at] = (bits & np.uint64(127)) | np.uint64(128)
        bits >>= np.uint64(7)
        at += 1
    room[at] = bits
    return at + 1


@njit(cache=True, nogil=True)
def _put_column(room: Bytes, at: Int64, rows: Int64s, table: Int64s, first: int, last: int) -> Int64:
    """Write an array of the columns from `first` to before `last`, row by row; the position after it."""
    items = rows.size * (last - first)
    if items:
        at = _put(room, at, items)
        for row in rows:
            for column in range(first, last):
                at = _put(room, at, table[row, column])
    room[at] = 0
    return at + 1


@njit(cache=True, nogil=True)
def _write(
    zones: Int64s,
    bounds: Int64s,
    rows: Int64s,
    cells: Int64s,
    table: Int64s,
    head: Bytes,
    listed: Bytes,
    room: Bytes,
    ends: Int64s,
) -> Int64:
    """Write the value of every zone one after the other; the position after the last."""
    at: Int64 = np.int64(0)
    by_cell = cells.reshape((cells.size, 1))
    for i in range(zones.size):
        mine = rows[bounds[i] : bounds[i + 1]]
        room[at : at + head.size] = head
        at = _put(room, at + head.size, zones[i])
        room[at : at + listed.size] = listed
        at = _put_column(room, at + listed.size, mine, by_cell, 0, 1)
        at = _put_column(room, at, mine, table, 0, 1)
        at = _put_column(room, at, mine, table, 3, table.shape[1])
        at = _put_column(room, at, mine, table, 1, 2)
        at = _put_column(room, at, mine, table, 2, 3)
        ends[i] = at
    return at
