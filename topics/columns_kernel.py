"""The compiled readers of `topics.columns`: frames, and whole chunks of flat Avro values into arrays.

Arrays of a chunk of n values, all written at the value's own position: `ints` int64[columns, n] holds whole numbers, symbol
numbers, hashes of text, and floats as their bits (`floats` is the same memory as float64); `present` bool[columns, n]; `spans`
int64[2, texts, n] first and last position in `buf`; `status` and `fault` int64[n] outcome and the writer's field at fault.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from topics.hashing import FNV_START, hash_span
from topics.layout import ARRAY, BOOLEAN, DOUBLE, ENUM, FLOAT, INT, STRING, Int64s
from topics.refusals import MISMATCH, NO_SYMBOL, NOT_UTF8, TRAILING
from topics.walk import block, is_utf8, sized, skip, skip_scalar, varint

Bytes = npt.NDArray[np.uint8]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

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
            unsigned = np.int64(buf[p + 1]) << 24 | np.int64(buf[p + 2]) << 16 | np.int64(buf[p + 3]) << 8 | np.int64(buf[p + 4])
            ids[r] = unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned
    return ids


@njit(cache=True, nogil=True)
def equal_spans(buf: Bytes, firsts: Int64s, lasts: Int64s, other: Bytes, starts: Int64s, ends: Int64s) -> Bools:
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
def _bits(buf: Bytes, start: int, size: int) -> int:
    """Little-endian bytes as an unsigned number."""
    bits = np.uint64(0)
    for i in range(size):
        bits |= np.uint64(buf[start + i]) << np.uint64(8 * i)
    return bits


@njit(cache=True, nogil=True)
def _number(buf: Bytes, p: int, end: int, op: Int64s, row: int, symbols: Int64s, ints: Int64s, floats: Float64s) -> int:
    """Read a number, boolean or enum into its column; position after it, or minus why it is none."""
    kind, slot = op[0], op[1]
    after = np.int64(skip_scalar(buf, p, end, kind, op[6]))
    if after < 0:
        return after
    if kind == DOUBLE:
        ints[slot, row] = np.int64(_bits(buf, p, 8))
    elif kind == FLOAT:
        floats[slot, row] = np.float64(np.uint32(_bits(buf, p, 4)).view(np.float32))
    elif kind == BOOLEAN:
        ints[slot, row] = buf[p]
    else:
        value, after = varint(buf, p, end)
        if kind == ENUM:
            value = symbols[op[5] + value]
            if value < 0:
                return np.int64(-NO_SYMBOL)
        if op[4] == 1:
            floats[slot, row] = np.float64(value)
        else:
            ints[slot, row] = value
    return after


@njit(cache=True, nogil=True)
def _list(buf: Bytes, start: int, end: int) -> tuple[int, int]:
    """Hash of the list of texts at `start`, and the position after it or minus why it is none."""
    state = np.uint64(FNV_START)
    count, p = block(buf, start, end)
    while p >= 0 and count > 0:
        for _ in range(count):
            first, p = sized(buf, p, end)
            if p < 0:
                return state, p
            if not is_utf8(buf, first, p):
                return state, np.int64(-NOT_UTF8)
            state = (hash_span(buf, first, p, state) ^ np.uint64(255)) * np.uint64(1_099_511_628_211)
        count, p = block(buf, p, end)
    return state, p


@njit(cache=True, nogil=True)
def _field(
    buf: Bytes, p: int, end: int, op: Int64s, row: int, symbols: Int64s, ints: Int64s, floats: Float64s, present: Bools, spans: Int64s
) -> int:
    """Read one field into its column; position after it, or minus why it is none."""
    kind, slot, span, null_at = op[0], op[1], op[2], op[3]
    present[slot, row] = True
    if null_at >= 0:
        branch, p = varint(buf, p, end)
        if p < 0 or branch < 0 or branch > 1:
            return np.int64(-MISMATCH)
        if branch == null_at:
            present[slot, row] = False
            ints[slot, row] = 0
            if span >= 0:
                spans[0, span, row] = spans[1, span, row] = p
            return p
    if kind == STRING:
        first, p = sized(buf, p, end)
        if p < 0:
            return p
        if not is_utf8(buf, first, p):
            return np.int64(-NOT_UTF8)
        ints[slot, row] = np.int64(hash_span(buf, first, p, np.uint64(FNV_START)))
    elif kind == ARRAY:
        first = np.int64(p)
        state, p = _list(buf, p, end)
        ints[slot, row] = np.int64(state)
    else:
        return _number(buf, p, end, op, row, symbols, ints, floats)
    spans[0, span, row], spans[1, span, row] = first, p
    return p


@njit(cache=True, nogil=True)
def decode_rows(
    buf: Bytes,
    starts: Int64s,
    ends: Int64s,
    rows: Int64s,
    ops: Int64s,
    symbols: Int64s,
    nodes: Int64s,
    children: Int64s,
    ints: Int64s,
    floats: Float64s,
    present: Bools,
    spans: Int64s,
    status: Int64s,
    fault: Int64s,
) -> None:
    """Decode the framed values of one schema, those numbered `rows`; `ops` and `symbols` are a plan's, `nodes` a layout's."""
    for row in rows:
        p, end = starts[row] + 5, ends[row]
        for f in range(ops.shape[0]):
            if ops[f, 1] < 0:
                p = skip(buf, p, end, children[nodes[0, 2] + f], nodes, children)
            else:
                p = _field(buf, p, end, ops[f], row, symbols, ints, floats, present, spans)
            if p < 0:
                status[row], fault[row] = -p, f
                break
        if p >= 0 and p != end:
            status[row] = TRAILING
