"""The compiled walk over Avro values, and the readers made of it: of faults, of lists of numbers, of whole chunks.

The walk is stricter than most Avro libraries, which read a negative enum index from the wrong end and a cut string as
a short one: every length is checked against the end of the value, an `int` has 32 bits, a varint has 64, a boolean is
0 or 1, indexes of enums and unions exist, text is UTF-8. Nothing outside [start, end) is ever read. A reader returns
the next position, or minus one of the outcomes of `topics.refusals`.

Arrays of a chunk of n values, all written at the value's own position: `ints` int64[columns, n] holds whole numbers,
symbol numbers, hashes of text, and floats as the bits of a float64; `present` bool[columns, n]; `spans` int64[2,
texts, n] first and last position in `buf`; `status` and `fault` int64[n] outcome and the writer's field at fault.

One file, longer than house size, because numba's cache sees a change only in a function's own file: a caller
elsewhere would go on with the old code. So all that calls the walk stands here, and a compiled loop that does not
stands where it is used. For the same reason the numbers of outcomes and kinds imported here are only ever added to.
"""

import numpy as np
from numba import njit

from topics.arrays import Bools, Bytes, Int64, Int64s, UInt64
from topics.layout import (
    ARRAY,
    BOOLEAN,
    BYTES,
    DOUBLE,
    ENUM,
    FIXED,
    FLOAT,
    INT,
    LONG,
    MAP,
    NULL,
    RECORD,
    STRING,
    UNION,
)
from topics.refusals import MISMATCH, NO_SYMBOL, NOT_UTF8, OK, TRAILING

FNV_START = 14_695_981_039_346_656_037
FNV_PRIME = 1_099_511_628_211
LIST_SEPARATOR = 255  # in no UTF-8 text
_LAST_SHIFT = 63
_INT_MAX = 2**31 - 1
_INT_MIN = -(2**31)


@njit(cache=True, nogil=True)
def varint(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Zigzag varint at `start`: its value and the next position, which is negative if it does not end before `end`.

    One way out of the loop with a number and one without: any other shape of it took six times as long.
    """
    bits = np.uint64(0)
    shift = np.uint64(0)
    p = start
    while p < end and shift <= np.uint64(_LAST_SHIFT):
        byte = np.uint64(buf[p])
        p += 1
        bits |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
            if shift == np.uint64(_LAST_SHIFT) and byte > np.uint64(1):
                p = -MISMATCH  # more than 64 bits
            return np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1)), p
        shift += np.uint64(7)
    return 0, -MISMATCH


@njit(cache=True, nogil=True)
def sized(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Length-prefixed bytes at `start`: where they begin and end; the end is negative if they do not fit."""
    size, p = varint(buf, start, end)
    if p < 0 or size < 0 or size > end - p:
        return 0, -MISMATCH
    return p, p + size


@njit(cache=True, nogil=True)
def is_utf8(buf: Bytes, start: Int64, end: Int64) -> bool:
    """Whether buf[start:end] is UTF-8: no overlong form, no surrogate, nothing above U+10FFFF (Unicode table 3-7)."""
    p = start
    while p < end:
        lead = buf[p]
        p += 1
        if lead < 0x80:
            continue
        more = 1 if 0xC2 <= lead <= 0xDF else 2 if 0xE0 <= lead <= 0xEF else 3 if 0xF0 <= lead <= 0xF4 else 0
        if more == 0 or end - p < more:
            return False
        low = 0xA0 if lead == 0xE0 else 0x90 if lead == 0xF0 else 0x80
        high = 0x9F if lead == 0xED else 0x8F if lead == 0xF4 else 0xBF
        if buf[p] < low or buf[p] > high:
            return False
        for i in range(p + 1, p + more):
            if buf[i] & 0xC0 != 0x80:
                return False
        p += more
    return True


@njit(cache=True, nogil=True)
def skip_scalar(buf: Bytes, start: Int64, end: Int64, kind: Int64, argument: Int64) -> Int64:
    """Position after a value without parts, or minus why it is none."""
    p: Int64 = np.int64(start)
    if kind in (STRING, BYTES):
        first, p = sized(buf, start, end)
        if p >= 0 and kind == STRING and not is_utf8(buf, first, p):
            p = -NOT_UTF8
    elif kind in (FLOAT, DOUBLE, FIXED):
        size = 4 if kind == FLOAT else 8 if kind == DOUBLE else argument
        p = p + size if end - p >= size else -MISMATCH
    elif kind == BOOLEAN:
        p = p + 1 if p < end and buf[p] <= 1 else -MISMATCH
    elif kind != NULL:
        value, p = varint(buf, start, end)
        wide = kind == INT and (value < _INT_MIN or value > _INT_MAX)
        if wide or (kind == ENUM and (value < 0 or value >= argument)):
            p = -MISMATCH
    return p


@njit(cache=True, nogil=True)
def block(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Items of the array or map block at `start` and where they begin; the position is negative if it is malformed.

    A block of negative count also states its bytes, which this reads past: items say their own length. No item is
    shorter than a byte here, so a count above the bytes left is refused before it is believed.
    """
    count, p = varint(buf, start, end)
    if p >= 0 and count < 0:
        size, p = varint(buf, p, end)
        if p >= 0 and (size < 0 or size > end - p):
            p = -MISMATCH
        count = -count
    if p < 0 or count < 0 or count > end - p:
        return 0, -MISMATCH
    return count, p


@njit(cache=True, nogil=True)
def numbers_in(buf: Bytes, start: Int64, end: Int64, kind: Int64, numbers: Int64s, count: Int64) -> tuple[Int64, Int64]:
    """Put the items of an array of `kind`, INT or LONG, into `numbers` from `count` on: next position and new count.

    The position is negative if the array is malformed. No item is shorter than a byte, so room for as many numbers as
    there are bytes is enough.
    """
    items, p = block(buf, start, end)
    while p >= 0 and items > 0:
        for _ in range(items):
            value, p = varint(buf, p, end)
            if p < 0 or (kind == INT and (value < _INT_MIN or value > _INT_MAX)):
                return -MISMATCH, count
            numbers[count] = value
            count += 1
        items, p = block(buf, p, end)
    return p, count


@njit(cache=True, nogil=True)
def _pass_numbers(buf: Bytes, start: Int64, end: Int64, kind: Int64) -> Int64:
    """Position after an array of `kind`, INT or LONG: a call for each item took ten times as long."""
    items, p = block(buf, start, end)
    while p >= 0 and items > 0:
        for _ in range(items):
            value, p = varint(buf, p, end)
            if p < 0 or (kind == INT and (value < _INT_MIN or value > _INT_MAX)):
                return -MISMATCH
        items, p = block(buf, p, end)
    return p


@njit(cache=True, nogil=True)
def skip(  # noqa: C901  a branch for each shape of type
    buf: Bytes, start: Int64, end: Int64, node: Int64, nodes: Int64s, children: Int64s
) -> Int64:
    """Position after a value of type `node`, or minus why it is none."""
    kind, argument, first, below = nodes[node, 0], nodes[node, 1], nodes[node, 2], nodes[node, 3]
    p: Int64 = np.int64(start)
    if kind == RECORD:
        for i in range(below):
            if p >= 0:
                p = np.int64(skip(buf, p, end, children[first + i], nodes, children))
        return p
    if kind == UNION:
        branch, p = varint(buf, p, end)
        if p < 0 or branch < 0 or branch >= argument:
            return -MISMATCH
        return np.int64(skip(buf, p, end, children[first + branch], nodes, children))
    if kind not in (ARRAY, MAP):
        return np.int64(skip_scalar(buf, p, end, kind, argument))
    if kind == ARRAY and nodes[children[first], 0] in (INT, LONG):
        return np.int64(_pass_numbers(buf, p, end, nodes[children[first], 0]))
    count, p = block(buf, p, end)
    while p >= 0 and count > 0:
        for _ in range(count):
            if p >= 0 and kind == MAP:
                p = np.int64(skip_scalar(buf, p, end, STRING, 0))
            if p >= 0:
                p = np.int64(skip(buf, p, end, children[first], nodes, children))
        if p >= 0:
            count, p = block(buf, p, end)
    return p


@njit(cache=True, nogil=True)
def fault_of(buf: Bytes, start: Int64, nodes: Int64s, children: Int64s) -> tuple[Int64, Int64]:
    """Outcome of walking the record in buf[start:], and the number of the field at fault (-1: none)."""
    p: Int64 = np.int64(start)
    for i in range(nodes[0, 3]):
        p = skip(buf, p, buf.size, children[nodes[0, 2] + i], nodes, children)
        if p < 0:
            return -p, i
    return (OK if p == buf.size else TRAILING), -1


@njit(cache=True, nogil=True)
def fields_of(
    buf: Bytes, start: Int64, nodes: Int64s, children: Int64s, numbers: Int64s, spans: Int64s
) -> tuple[Int64, Int64, Int64]:
    """Read the record in buf[start:]: the outcome, the number of the field at fault as `fault_of` has it, and `count`.

    Numbers of all fields are put into `numbers` int64[buf.size], `count` of them; `spans` int64[fields, 2] says which
    are a field's, and of a text or any other field its first and last position in `buf`.
    """
    p: Int64 = np.int64(start)
    count: Int64 = np.int64(0)
    for i in range(nodes[0, 3]):
        node = children[nodes[0, 2] + i]
        kind, argument, below = nodes[node, 0], nodes[node, 1], children[nodes[node, 2]]
        first: Int64 = count
        if kind == ARRAY and nodes[below, 0] in (INT, LONG):
            p, count = numbers_in(buf, p, buf.size, nodes[below, 0], numbers, count)
            last = count
        elif kind in (BOOLEAN, INT, LONG, ENUM):
            after = skip_scalar(buf, p, buf.size, kind, argument)
            if after >= 0:
                numbers[count] = buf[p] if kind == BOOLEAN else varint(buf, p, buf.size)[0]
                count += 1
            p, last = after, count
        else:
            first = sized(buf, p, buf.size)[0] if kind == STRING else p
            p = np.int64(skip(buf, p, buf.size, node, nodes, children))
            last = p
        spans[i, 0], spans[i, 1] = first, last
        if p < 0:
            return -p, i, count
    return (OK if p == buf.size else TRAILING), -1, count


@njit(cache=True, nogil=True, inline="always")
def _four(buf: Bytes, start: Int64) -> UInt64:
    """Four little-endian bytes as an unsigned number."""
    bits = np.uint64(0)
    for i in range(4):
        bits |= np.uint64(buf[start + i]) << np.uint64(8 * i)
    return bits


@njit(cache=True, nogil=True)
def _texts(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Hash of the list of texts at `start`, and the position after it or minus why it is none."""
    state: UInt64 = np.uint64(FNV_START)
    count, p = block(buf, start, end)
    while p >= 0 and count > 0:
        for _ in range(count):
            size, p = varint(buf, p, end)
            if p < 0 or size < 0 or size > end - p:
                return 0, -MISMATCH
            first, seen = p, np.uint8(0)
            for i in range(p, p + size):
                seen |= buf[i]
                state = (state ^ np.uint64(buf[i])) * np.uint64(FNV_PRIME)
            p += size
            if seen >= np.uint8(128) and not is_utf8(buf, first, p):
                return 0, -NOT_UTF8
            state = (state ^ np.uint64(LIST_SEPARATOR)) * np.uint64(FNV_PRIME)
        count, p = block(buf, p, end)
    return np.int64(state), p


@njit(cache=True, nogil=True)
def decode_rows(  # noqa: C901, PLR0912, PLR0915  one loop, see below
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

    Longer than house size: this loop handed every field to functions of its own before and took 2.2 times as long a
    ping. The slow form it must equal is `columns_rows.fill_rows`.
    """
    for row in rows:
        p: Int64 = np.int64(starts[row] + 5)
        end = ends[row]
        for f in range(ops.shape[0]):
            kind, slot, span = ops[f, 0], ops[f, 1], ops[f, 2]
            if slot < 0:
                p = np.int64(skip(buf, p, end, children[nodes[0, 2] + f], nodes, children))
                if p < 0:
                    status[row], fault[row] = -p, f
                    break
                continue
            value: Int64 = np.int64(0)
            null = False
            if ops[f, 3] >= 0:
                branch, p = varint(buf, p, end)
                null = branch == ops[f, 3]
                if p >= 0 and (branch < 0 or branch > 1):
                    p = np.int64(-MISMATCH)
            first: Int64 = p
            if null or p < 0:
                pass
            elif kind == STRING:
                size, p = varint(buf, p, end)
                if p >= 0 and (size < 0 or size > end - p):
                    p = np.int64(-MISMATCH)
                if p >= 0:
                    first = p
                    p += size
                    state: UInt64 = np.uint64(FNV_START)
                    seen = np.uint8(0)
                    for i in range(first, p):
                        seen |= buf[i]
                        state = (state ^ np.uint64(buf[i])) * np.uint64(FNV_PRIME)
                    value = np.int64(state)
                    if seen >= np.uint8(128) and not is_utf8(buf, first, p):
                        p = np.int64(-NOT_UTF8)
            elif kind == ARRAY:
                value, p = _texts(buf, p, end)
            elif kind == ENUM:
                value, p = varint(buf, p, end)
                if p >= 0 and (value < 0 or value >= ops[f, 6]):
                    p = np.int64(-MISMATCH)
                if p >= 0:
                    value = symbols[ops[f, 5] + value]
                    if value < 0:
                        p = np.int64(-NO_SYMBOL)
            elif kind == INT or kind == LONG:  # noqa: PLR1714, SIM109  two comparisons compile, a tuple allocates
                value, p = varint(buf, p, end)
                if kind == INT and (value < _INT_MIN or value > _INT_MAX):
                    p = np.int64(-MISMATCH)
                if ops[f, 4] == 1:
                    value = np.float64(value).view(np.int64)
            elif kind == DOUBLE and end - p >= 8:
                value = np.int64(_four(buf, p) | _four(buf, p + 4) << np.uint64(32))
                p += 8
            elif kind == FLOAT and end - p >= 4:
                value = np.float64(np.uint32(_four(buf, p)).view(np.float32)).view(np.int64)
                p += 4
            elif kind == BOOLEAN and p < end and buf[p] <= np.uint8(1):
                value = np.int64(buf[p])
                p += 1
            else:
                p = np.int64(-MISMATCH)
            if p < 0:
                status[row], fault[row] = -p, f
                break
            ints[slot, row], present[slot, row] = value, not null
            if span >= 0:
                spans[0, span, row], spans[1, span, row] = first, p
        if p >= 0 and p != end:
            status[row] = TRAILING
