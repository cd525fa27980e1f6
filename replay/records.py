"""A record as the broker gave it, and the frames in which a file holds many.

    offset int64 | append time int64, ms | key size int32 | value size int32 | headers uint16 | key | value | headers

Big-endian; a size of -1 means null. A header is the size of its name (uint16), of its value (int32), and both.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple, Protocol

_HEAD = struct.Struct(">qqiiH")
_HEADER = struct.Struct(">Hi")
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
    head = _HEAD.pack(raw.offset, raw.appended_ms, _size(raw.key), _size(raw.value), len(raw.headers))
    parts = [head, raw.key or b"", raw.value or b""]
    for name, value in raw.headers:
        encoded = name.encode()
        parts += [_HEADER.pack(len(encoded), _size(value)), encoded, value or b""]
    return b"".join(parts)


def unpacked(source: Readable, piece_bytes: int = 1 << 18) -> Iterator[Raw]:
    """The records of a run of frames, a piece of them in memory at a time. Raises CutShortError.

    A reading for every part of a record took a third of a replay from pings.
    """
    rest = b""
    while piece := source.read(piece_bytes):
        data, at = rest + piece, 0
        while (framed := _framed(data, at)) is not None:
            raw, at = framed
            yield raw
        rest = data[at:]
    if rest:
        raise CutShortError("the records end inside one")


def _framed(data: bytes, at: int) -> tuple[Raw, int] | None:
    """The record whose frame begins at `at`, and where the next one begins; None if it is not there whole."""
    key = at + _HEAD.size
    if key > len(data):
        return None
    offset, appended_ms, key_size, value_size, headers = _HEAD.unpack_from(data, at)
    value = key + max(key_size, 0)
    end = value + max(value_size, 0)
    if end > len(data):
        return None
    named, following = [], end
    for _ in range(headers):
        begin = following + _HEADER.size
        if begin > len(data):
            return None
        name_size, size = _HEADER.unpack_from(data, following)
        following = begin + name_size + max(size, 0)
        if following > len(data):
            return None
        name_end = begin + name_size
        named.append((data[begin:name_end].decode(), None if size == NULL else data[name_end:following]))
    own_key = None if key_size == NULL else data[key:value]
    return Raw(offset, appended_ms, own_key, None if value_size == NULL else data[value:end], tuple(named)), following


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


def write_all(records: Iterable[Raw], target: BinaryIO) -> None:
    """Write the frames of the records."""
    target.writelines(packed(raw) for raw in records)
