"""The memory of one chunk of columns: its values laid end to end, and an array row per value."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numba import njit

from topics.arrays import Bools, Bytes, Int64s
from topics.columns_plan import LIST, REAL, SYMBOL, TEXT, Column
from topics.hashing import hash_list, hash_text


class Joined(NamedTuple):
    """Byte strings laid end to end: number i is data[starts[i]:ends[i]]; None is empty, and True in `absent`."""

    data: bytes
    starts: Int64s
    ends: Int64s
    absent: Bools

    @property
    def buf(self) -> Bytes:
        """`data` as an array uint8[bytes]."""
        return np.frombuffer(self.data, np.uint8)

    def part(self, row: int) -> bytes | None:
        """Byte string number `row`."""
        return None if self.absent[row] else self.data[self.starts[row] : self.ends[row]]

    def chosen(self, rows: Int64s) -> "Joined":
        """Those numbered `rows`, in that order, of the same data."""
        return Joined(self.data, self.starts[rows], self.ends[rows], self.absent[rows])


class Chunk(NamedTuple):
    """Arrays of one chunk, a row per value; see `topics.compiled` for their shapes."""

    ints: Int64s
    present: Bools
    spans: Int64s
    status: Int64s
    fault: Int64s


class Default(NamedTuple):
    """What a column holds where the writer did not know the field; `first` and `last` count from the values' end."""

    bits: int
    present: bool
    first: int
    last: int


def join(parts: Sequence[bytes | None]) -> Joined:
    """`parts` end to end."""
    absent = np.zeros(len(parts), np.bool_)
    whole = parts
    if None in parts:
        absent[:] = [part is None for part in parts]
        whole = [part or b"" for part in parts]
    sizes = np.fromiter(map(len, whole), np.int64, len(parts))  # type: ignore[arg-type]  # no None is left
    ends = np.cumsum(sizes)
    return Joined(b"".join(whole), ends - sizes, ends, absent)  # type: ignore[arg-type]  # as above


def joined(parts: Joined | Sequence[bytes | None]) -> Joined:
    """`parts`, end to end if they are not yet."""
    return parts if isinstance(parts, Joined) else join(parts)


def empty_chunk(columns: tuple[Column, ...], count: int) -> Chunk:
    """Arrays for `count` values, all good so far."""
    spans = sum(column.span >= 0 for column in columns)
    return Chunk(
        ints=np.empty((len(columns), count), np.int64),
        present=np.empty((len(columns), count), np.bool_),
        spans=np.empty((2, spans, count), np.int64),
        status=np.zeros(count, np.int64),
        fault=np.full(count, -1, np.int64),
    )


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


def defaults_of(columns: tuple[Column, ...]) -> tuple[bytes, dict[str, Default]]:
    """Default of each column that has one, and the bytes their texts and lists stand in."""
    tail = b""
    made: dict[str, Default] = {}
    for column in columns:
        if column.has_default:
            bits, coded = held(column, column.default)
            made[column.name] = Default(bits, column.default is not None, len(tail), len(tail) + len(coded))
            tail += coded
    return tail, made


def held(column: Column, value: object) -> tuple[int, bytes]:
    """What `column` holds for a decoded value: a number, hash or bits of a float; and the bytes of a text or list."""
    if value is None:
        return 0, b""
    if column.holds == TEXT:
        return hash_text(str(value)), str(value).encode()
    if column.holds == LIST:
        assert isinstance(value, list)
        return hash_list(value), coded_list(value)
    if column.holds == SYMBOL:
        return column.symbols.index(str(value)), b""
    if column.holds == REAL:
        return int(np.float64(value).view(np.int64)), b""  # type: ignore[arg-type]  # the schema says it is a number
    return int(value), b""  # type: ignore[call-overload]  # as above


def coded_list(texts: list[str]) -> bytes:
    """A list of texts as Avro writes it: one block, then the end."""
    if not texts:
        return b"\0"
    items = [text.encode() for text in texts]
    return varint_of(len(items)) + b"".join(varint_of(len(item)) + item for item in items) + b"\0"


def list_of(coded: bytes) -> list[str]:
    """The list of texts Avro wrote as `coded`, which is well formed.

    >>> list_of(coded_list(["standard", "xl"]))
    ['standard', 'xl']
    """
    texts: list[str] = []
    count, p = _number(coded, 0) if coded else (0, 0)
    while count:
        if count < 0:
            _, p = _number(coded, p)
        for _ in range(abs(count)):
            size, p = _number(coded, p)
            texts.append(coded[p : p + size].decode())
            p += size
        count, p = _number(coded, p)
    return texts


def varint_of(count: int) -> bytes:
    """Avro's zigzag varint of a count."""
    left, out = count << 1, bytearray()
    while left > 127:
        out.append(left & 127 | 128)
        left >>= 7
    out.append(left)
    return bytes(out)


def _number(coded: bytes, p: int) -> tuple[int, int]:
    """The zigzag varint at `p` and the position after it."""
    bits = shift = 0
    while True:
        byte = coded[p]
        p += 1
        bits |= (byte & 127) << shift
        if byte < 128:
            return (bits >> 1) ^ -(bits & 1), p
        shift += 7
