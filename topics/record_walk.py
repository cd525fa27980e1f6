"""Where the records of Kafka record batches stand: one compiled pass, no object per record.

A batch (format v2, magic 2) is a header and, after decompression, its records one after the other, each

    length  attributes  timestamp delta  offset delta  key  value  headers            lengths are zigzag varints
    └──────────────────────────────────── `length` bytes ────────────────────────────────────────────┘

The bodies of several batches lie end to end in `buf`; `batches` int64[7, b] says of each where it begins and ends and
what its header states. For every record a column of `places` int64[8, n] is filled: offset, timestamp, first and last
position of key and value (a null begins at -1), the position of its headers and the end of the record.

Nothing is read outside `buf`: arrays are indexed, and every length is checked against the end of what holds it first.
A record whose parts do not fit into its length is told as `broken`, its value then being all its bytes; when even the
length is wrong, what is left of the batch is one such record. So whatever the bytes are, the pass ends and says so.

The varint is that of `topics.compiled`, copied: numba's cache sees a change only in a function's own file.
"""

import numpy as np
from numba import njit

from topics.arrays import Bools, Bytes, Int64, Int64s

# Rows of `batches`.
START, END, COUNT, BASE, LAST, FIRST_MS, APPENDED_MS = range(7)
# Rows of `places`.
OFFSET, TIMESTAMP, KEY, KEY_END, VALUE, VALUE_END, HEADERS, RECORD_END = range(8)

_LAST_SHIFT = 63


@njit(cache=True, nogil=True)
def _varint(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Zigzag varint at `start`: its value and the next position, -1 if it does not end before `end`."""
    if start < end and buf[start] < 128:  # nearly all of them: one byte
        byte = np.int64(buf[start])
        return (byte >> 1) ^ -(byte & 1), start + 1
    bits = np.uint64(0)
    shift = np.uint64(0)
    p = start
    while p < end and shift <= np.uint64(_LAST_SHIFT):
        byte_ = np.uint64(buf[p])
        p += 1
        bits |= (byte_ & np.uint64(127)) << shift
        if byte_ < np.uint64(128):
            return np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1)), p
        shift += np.uint64(7)
    return np.int64(0), np.int64(-1)


@njit(cache=True, nogil=True)
def _part(buf: Bytes, start: Int64, end: Int64) -> tuple[Int64, Int64]:
    """Key or value at `start`: where it begins, -1 if it is null, and the position after it, -1 if it does not fit."""
    size, p = _varint(buf, start, end)
    if p < 0 or size > end - p:
        return np.int64(-1), np.int64(-1)
    return (p, p + size) if size >= 0 else (np.int64(-1), p)


@njit(cache=True, nogil=True)
def _after_headers(buf: Bytes, start: Int64, end: Int64) -> Int64:
    """Position after the headers at `start`, -1 if they do not fit."""
    count, p = _varint(buf, start, end)
    if p < 0 or count < 0 or count > end - p:
        return np.int64(-1)
    for _ in range(count):
        name, p = _part(buf, p, end)
        if p < 0 or name < 0:
            return np.int64(-1)
        _, p = _part(buf, p, end)
        if p < 0:
            return np.int64(-1)
    return p


@njit(cache=True, nogil=True)
def _read(buf: Bytes, start: Int64, end: Int64, place: Int64s) -> bool:
    """Fill `place` from the record in buf[start:end] but for what its batch must add; False if it is none.

    Offset and timestamp are the deltas to those of the batch.
    """
    place[TIMESTAMP], p = _varint(buf, start + 1, end)
    if p < 0:
        return False
    place[OFFSET], p = _varint(buf, p, end)
    if p < 0:
        return False
    place[KEY], p = _part(buf, p, end)
    if p < 0:
        return False
    place[KEY_END] = p
    place[VALUE], p = _part(buf, p, end)
    if p < 0:
        return False
    place[VALUE_END] = place[HEADERS] = p
    return bool(_after_headers(buf, p, end) == end)


@njit(cache=True, nogil=True)
def walk(buf: Bytes, batches: Int64s, following: Int64, places: Int64s, broken: Bools) -> Int64:
    """Fill `places` with the records at offset `following` and above; their number.

    `places` needs a column, `broken` bool[n] an entry, for every record the batches state and one more per batch. A
    broken record stands at the next offset that is free, since its own is not to be trusted.
    """
    n = np.int64(0)
    place = np.empty(8, np.int64)
    for b in range(batches.shape[1]):
        p, end = batches[START, b], batches[END, b]
        if p < 0 or end > buf.size:
            continue
        left = batches[COUNT, b]
        while left > 0 or p < end:
            length, body = _varint(buf, p, end)
            whole = left > 0 and body >= 0 and 1 <= length <= end - body
            first, last = (body, body + length) if whole else (p, end)
            well = whole and _read(buf, first, last, place)
            offset = batches[BASE, b] + place[OFFSET]
            well = well and place[OFFSET] >= 0 and offset <= batches[LAST, b]
            if not well:
                place[KEY], place[KEY_END], place[VALUE], place[VALUE_END] = -1, first, first, last
                place[HEADERS], place[TIMESTAMP], offset = last, 0, max(following, batches[BASE, b])
            p, left = last, left - 1 if whole else 0
            if offset < following or (not well and offset > batches[LAST, b]):
                continue  # before the position asked for; or nothing left to stand at
            following = offset + 1
            appended_ms = batches[APPENDED_MS, b]
            places[:, n] = place
            places[OFFSET, n] = offset
            places[TIMESTAMP, n] = appended_ms if appended_ms >= 0 else batches[FIRST_MS, b] + place[TIMESTAMP]
            places[RECORD_END, n] = last
            broken[n] = not well
            n += 1
    return n
