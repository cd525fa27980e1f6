"""A record as the broker gave it, and the frames in which a file holds many.

    offset int64 | append time int64, ms | key size int32 | value size int32 | headers uint16 | key | value | headers

Big-endian; a size of -1 means null. A header is the size of its name (uint16), of its value (int32), and both. A header
whose name is longer than that can say is left out, and so are those beyond 65,535: no service reads such.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

import numpy as np
from numba import njit

from topics.arrays import Bytes, Int64, Int64s

_HEAD = struct.Struct(">qqiiH")
_HEADER = struct.Struct(">Hi")
_MOST = 0xFFFF
_HEAD_BYTES, _HEADER_BYTES = _HEAD.size, _HEADER.size
NULL = -1


class CutShortError(ValueError):
    """A file of frames ends inside one."""


class Readable(Protocol):
    """Anything bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; fewer at the end only."""


class Raw(NamedTuple):
    """One record of one partition, undecoded."""

    offset: int
    appended_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def packed(raw: Raw) -> bytes:
    """The frame of a record.

    >>> import io
    >>> raw = Raw(7, 1_000, b"k", None, (("ce_id", b"1"),))
    >>> list(unpacked(io.BytesIO(packed(raw)))) == [raw]
    True
    """
    named = [(name.encode(), value) for name, value in raw.headers]
    held = [(name, value) for name, value in named if len(name) <= _MOST][:_MOST]
    head = _HEAD.pack(raw.offset, raw.appended_ms, _size(raw.key), _size(raw.value), len(held))
    parts = [head, raw.key or b"", raw.value or b""]
    for encoded, value in held:
        parts += [_HEADER.pack(len(encoded), _size(value)), encoded, value or b""]
    return b"".join(parts)


def unpacked(source: Readable, piece_bytes: int = 1 << 18) -> Iterator[Raw]:
    """The records of a run of frames, a piece of them in memory at a time. Raises CutShortError.

    Frames are found by a compiled loop: sought record by record they took a tenth of a replay from pings.
    """
    rest = b""
    while piece := source.read(piece_bytes):
        data = rest + piece
        frames, at = _frames(np.frombuffer(data, np.uint8))
        for offset, appended_ms, key_size, value_size, headers, key in frames.tolist():
            value = key + max(key_size, 0)
            end = value + max(value_size, 0)
            yield Raw(
                offset,
                appended_ms,
                None if key_size == NULL else data[key:value],
                None if value_size == NULL else data[value:end],
                _headers(data, end, headers) if headers else (),
            )
        rest = data[at:]
    if rest:
        raise CutShortError("the records end inside one")


def _headers(data: bytes, at: int, count: int) -> tuple[tuple[str, bytes | None], ...]:
    """The headers that begin at `at`."""
    named = []
    for _ in range(count):
        name_size, size = _HEADER.unpack_from(data, at)
        name = at + _HEADER.size
        value = name + name_size
        at = value + max(size, 0)
        named.append((data[name:value].decode(), None if size == NULL else data[value:at]))
    return tuple(named)


@njit(cache=True, nogil=True)
def _frames(buf: Bytes) -> tuple[Int64s, int]:
    """The whole frames of a piece, int64[m, 6], and where the next one begins.

    Offset, append time, sizes of key and value, number of headers, and where the key begins.
    """
    head, header = _HEAD_BYTES, _HEADER_BYTES
    found = np.empty((buf.size // head, 6), np.int64)
    count, at = 0, 0
    while at + head <= buf.size:
        found[count, 0], found[count, 1] = _number(buf, at, 8), _number(buf, at + 8, 8)
        found[count, 2], found[count, 3] = _number(buf, at + 16, 4), _number(buf, at + 20, 4)
        found[count, 4], found[count, 5] = np.int64(buf[at + 24]) << 8 | np.int64(buf[at + 25]), at + head
        end = at + head + max(found[count, 2], 0) + max(found[count, 3], 0)
        for _ in range(found[count, 4]):
            if end + header > buf.size:
                end = buf.size + 1
                break
            name_size = np.int64(buf[end]) << 8 | np.int64(buf[end + 1])
            end += header + name_size + max(_number(buf, end + 2, 4), 0)
        if end > buf.size:
            break
        at = end
        count += 1
    return found[:count], at


@njit(cache=True, nogil=True)
def _number(buf: Bytes, at: int, size: int) -> Int64:
    """A big-endian number of `size` bytes, the first of them signed."""
    number = np.int64(np.int8(buf[at]))
    for place in range(at + 1, at + size):
        number = number << 8 | np.int64(buf[place])
    return number


def _size(part: bytes | None) -> int:
    return NULL if part is None else len(part)


class Cursor:
    """Reads one log forward, up to a named offset at a time."""

    __slots__ = ("_next", "_rest")

    def __init__(self, records: Iterable[Raw]) -> None:
        self._rest = iter(records)
        self._next = next(self._rest, None)

    def through(self, offset: int) -> Iterator[Raw]:
        """Records not read yet, up to and including `offset`."""
        while (raw := self._next) is not None and raw.offset <= offset:
            self._next = next(self._rest, None)
            yield raw

    def before(self, appended_ms: int) -> Iterator[Raw]:
        """Records not read yet that were appended before that instant, up to the first that was not."""
        while (raw := self._next) is not None and raw.appended_ms < appended_ms:
            self._next = next(self._rest, None)
            yield raw


class Recent:
    """Looks up records of one log by offsets that mostly ascend; those older than `kept_ms` are forgotten."""

    __slots__ = ("_cursor", "_held", "_kept_ms")

    def __init__(self, records: Iterable[Raw], kept_ms: int) -> None:
        self._cursor, self._kept_ms = Cursor(records), kept_ms
        self._held: dict[int, Raw] = {}

    def at(self, offset: int) -> Raw | None:
        """The record at that offset; None if it is not in the log or was forgotten."""
        for raw in self._cursor.through(offset):
            self._held[raw.offset] = raw
            self._forget(raw.appended_ms - self._kept_ms)
        return self._held.get(offset)

    def _forget(self, before_ms: int) -> None:
        while self._held:
            first = next(iter(self._held))
            if self._held[first].appended_ms >= before_ms:
                return
            del self._held[first]
