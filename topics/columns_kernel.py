"""The compiled readers of `topics.columns`: frames, and whole chunks of flat Avro values into arrays.

Arrays of a chunk of n values, all written at the value's own position: `ints` int64[columns, n] holds whole numbers,
symbol numbers, hashes of text, and floats as the bits of a float64; `present` bool[columns, n]; `spans` int64[2,
texts, n] first and last position in `buf`; `status` and `fault` int64[n] outcome and the writer's field at fault.
"""

import numpy as np
from numba import njit

from topics.arrays import Bools, Bytes, Int64, Int64s, UInt64
from topics.hashing import FNV_START, LIST_SEPARATOR, hash_byte, hash_span
from topics.layout import ARRAY, BOOLEAN, DOUBLE, ENUM, FLOAT, INT, LONG, STRING
from topics.refusals import MISMATCH, NO_SYMBOL, NOT_UTF8, TRAILING
from topics.walk import INT_MAX, INT_MIN, block, is_utf8, sized, skip, varint

NO_ID = -(2**31) - 1


@njit(cache=True, nogil=True)
def frame_ids(buf: Bytes, starts: Int64s, ends: Int64s) -> Int64s:
    """Schema id of each framed value in buf[starts:ends]; NO_ID where there is no frame."""
    ids = np.empty(starts.size, np.int64)
    for r in range(starts.size):
        p = starts[r]
        if ends[r] - p < 5 or buf[p] != 0:
            ids[r] = NO_ID
        else:
            unsigned = (
                np.int64(buf[p + 1]) << 24
                | np.int64(buf[p + 2]) << 16
                | np.int64(buf[p + 3]) << 8
                | np.int64(buf[p + 4])
            )
            ids[r] = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
    return ids


@njit(cache=True, nogil=True)
def equal_spans(  # noqa: PLR0917 - compiled code takes arguments by position
    buf: Bytes, firsts: Int64s, lasts: Int64s, other: Bytes, starts: Int64s, ends: Int64s
) -> Bools:
    """Whether buf[firsts:lasts] and other[starts:ends] are the same bytes, row by row."""
    same = np.empty(firsts.size, np.bool_)
    for r in range(firsts.size):
        size = lasts[r] - firsts[r]
        same[r] = size == ends[r] - starts[r]
        for i in range(size if same[r] else 0):
            if buf[firsts[r] + i] != other[starts[r] + i]:
                same[r] = False
                break
    return same


@njit(cache=True, nogil=True)
def _bits(buf: Bytes, start: Int64, size: int) -> UInt64:
    """Little-endian bytes as an unsigned number."""
    bits = np.uint64(0)
    for i in range(size):
        bits |= np.uint64(buf[start + i]) << np.uint64(8 * i)
    return bits


@njit(cache=True, nogil=True)
def _number(buf: Bytes, p: Int64, end: Int64, kind: Int64, real: Int64) -> tuple[Int64, Int64]:
    """Number or boolean at `p` as its column holds it, and the position after it, or minus why it is none."""
    if kind in (INT, LONG):
        value, after = varint(buf, p, end)
        if kind == INT and (value < INT_MIN or value > INT_MAX):
            after = -MISMATCH
        return np.float64(value).view(np.int64) if real == 1 else value, after
    size = 8 if kind == DOUBLE else 4 if kind == FLOAT else 1
    if size > end - p or (kind == BOOLEAN and buf[p] > 1):
        return 0, -MISMATCH
    if kind == DOUBLE:
        return np.int64(_bits(buf, p, 8)), np.int64(p + 8)
    if kind == FLOAT:
        return np.float64(np.uint32(_bits(buf, p, 4)).view(np.float32)).view(np.int64), np.int64(p + 4)
    return np.int64(buf[p]), np.int64(p + 1)


@njit(cache=True, nogil=True)
def _text(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64, Int64]:
    """Hash of the text at `start`, where its bytes begin, and the position after it or minus why it is none."""
    first, p = sized(buf, start, end)
    if p < 0:
        return 0, first, p
    state, ascii_only = hash_span(buf, first, p, np.uint64(FNV_START))
    if not ascii_only and not is_utf8(buf, first, p):
        return 0, first, -NOT_UTF8
    return np.int64(state), first, p


@njit(cache=True, nogil=True)
def _texts(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Hash of the list of texts at `start`, and the position after it or minus why it is none."""
    state: UInt64 = np.uint64(FNV_START)
    count, p = block(buf, start, end)
    while p >= 0 and count > 0:
        for _ in range(count):
            first, p = sized(buf, p, end)
            if p < 0:
                return 0, p
            state, ascii_only = hash_span(buf, first, p, state)
            if not ascii_only and not is_utf8(buf, first, p):
                return 0, -NOT_UTF8
            state = hash_byte(state, LIST_SEPARATOR)
        count, p = block(buf, p, end)
    return np.int64(state), p


@njit(cache=True, nogil=True)
def _symbol(  # noqa: PLR0917 - as above
    buf: Bytes, start: Int64, end: Int64, symbols: Int64s, first: Int64, count: Int64
) -> tuple[Int64, Int64]:
    """The reader's number of the enum symbol at `start`, and the position after it or minus why it is none."""
    value, p = varint(buf, start, end)
    if p < 0 or value < 0 or value >= count:
        return 0, -MISMATCH
    mapped = symbols[first + value]
    return mapped, p if mapped >= 0 else -NO_SYMBOL


@njit(cache=True, nogil=True)
def _is_null(buf: Bytes, start: Int64, end: Int64, null_at: Int64) -> tuple[bool, Int64]:
    """Whether a union with null holds it, and where the value starts, or minus why the union is none."""
    if null_at < 0:
        return False, np.int64(start)
    branch, p = varint(buf, start, end)
    return branch == null_at, p if p >= 0 and 0 <= branch <= 1 else -MISMATCH


@njit(cache=True, nogil=True)
def decode_rows(  # noqa: PLR0917 - as above
    buf: Bytes,
    starts: Int64s,
    ends: Int64s,
    rows: Int64s,
    ops: Int64s,
    symbols: Int64s,
    nodes: Int64s,
    children: Int64s,
    ints: Int64s,
    present: Bools,
    spans: Int64s,
    status: Int64s,
    fault: Int64s,
) -> None:
    """Decode the framed values numbered `rows`, all of one schema; `ops`, `symbols` are a plan's, `nodes` a layout's.

    Longer than house size: arrays handed on per field would cost more than reading the field.
    """
    for row in rows:
        p: Int64 = np.int64(starts[row] + 5)
        end = ends[row]
        for f in range(ops.shape[0]):
            kind, slot, span = ops[f, 0], ops[f, 1], ops[f, 2]
            if slot < 0:
                p = np.int64(skip(buf, p, end, children[nodes[0, 2] + f], nodes, children))
            else:
                value: Int64 = 0
                null, p = _is_null(buf, p, end, ops[f, 3])
                first: Int64 = p
                if p >= 0 and not null:
                    if kind == STRING:
                        value, first, p = _text(buf, p, end)
                    elif kind == ARRAY:
                        value, p = _texts(buf, p, end)
                    elif kind == ENUM:
                        value, p = _symbol(buf, p, end, symbols, ops[f, 5], ops[f, 6])
                    else:
                        value, p = _number(buf, p, end, kind, ops[f, 4])
                ints[slot, row], present[slot, row] = value, not null
                if span >= 0:
                    spans[0, span, row], spans[1, span, row] = first, p
            if p < 0:
                status[row], fault[row] = -p, f
                break
        if p >= 0 and p != end:
            status[row] = TRAILING
