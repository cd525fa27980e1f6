"""Compiled walk over one Avro value: whether it follows its schema, and where each part ends.

Stricter than most Avro libraries, which read a negative enum index from the wrong end and a cut string as a short
one: every length is checked against the end of the value, an `int` has 32 bits, a varint has 64, a boolean is 0 or 1,
indexes of enums and unions exist, text is UTF-8. Nothing outside [start, end) is ever read. A walk returns the next
position, or minus one of the outcomes of `topics.refusals`.
"""

import numpy as np
from numba import njit

from topics.arrays import Bytes, Int64, Int64s
from topics.layout import (
    ARRAY,
    BOOLEAN,
    BYTES,
    DOUBLE,
    ENUM,
    FIXED,
    FLOAT,
    INT,
    MAP,
    NULL,
    RECORD,
    STRING,
    UNION,
    Layout,
)
from topics.refusals import MISMATCH, NOT_UTF8, OK, TRAILING

_LAST_SHIFT = 63
INT_MAX = 2**31 - 1
INT_MIN = -(2**31)


@njit(cache=True, nogil=True)
def varint(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Zigzag varint at `start`: its value and the next position, which is negative if it does not end before `end`."""
    bits = np.uint64(0)
    shift = np.uint64(0)
    p = start
    while p < end and shift <= np.uint64(_LAST_SHIFT):
        byte = np.uint64(buf[p])
        p += 1
        if shift == np.uint64(_LAST_SHIFT) and byte > np.uint64(1):
            break  # more than 64 bits
        bits |= (byte & np.uint64(127)) << shift
        if byte < np.uint64(128):
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
        wide = kind == INT and (value < INT_MIN or value > INT_MAX)
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
def skip(  # noqa: PLR0917 - compiled code takes arguments by position
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
def _fault(buf: Bytes, start: Int64, nodes: Int64s, children: Int64s) -> tuple[Int64, Int64]:
    """Outcome of walking the record in buf[start:], and the number of the field at fault (-1: none)."""
    p: Int64 = np.int64(start)
    for i in range(nodes[0, 3]):
        p = skip(buf, p, buf.size, children[nodes[0, 2] + i], nodes, children)
        if p < 0:
            return -p, i
    return (OK if p == buf.size else TRAILING), -1


def fault(value: bytes, start: int, layout: Layout) -> tuple[int, str]:
    """Why value[start:] is not exactly one record of `layout`, and the field at fault: (OK, "") if it is one."""
    status, index = _fault(np.frombuffer(value, np.uint8), start, layout.nodes, layout.children)
    return int(status), layout.fields[index] if index >= 0 else ""
