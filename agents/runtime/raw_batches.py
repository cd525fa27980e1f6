"""The batches of one fetched response, read together as runs of records.

    response ──> batches, neighbours read together ──> CRC ──> decompressed ──> walked ──> RecordRun of some thousands

A batch that fails its checksum is an error as it is for aiokafka, before which everything else is read: it was damaged
on the way, and is fetched again. One that does not decompress, or to more than LARGEST_BYTES, is a single broken
record, since it would come the same for ever. Of a response no more is read once so many bytes are decompressed; the
rest is fetched again.
"""

# ruff: noqa: ANN401  # aiokafka ships no types

import gzip
import io
import struct
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import cramjam
import numpy as np
from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from crc32c import crc32c  # 30 GB/s by its own instruction; aiokafka's 2.2 GB/s cost 15 ns a record

from agents.runtime.record_run import RecordRun
from topics.record_walk import COUNT, END, START, walk

TOGETHER_RECORDS = 8192
"""Neighbouring batches are read together until they hold so many: small ones would not pay the calls."""
TOGETHER_BYTES = 2**24
"""Or so many decompressed bytes."""
LARGEST_BYTES = 2**26
"""Of a batch: a megabyte, which brokers take, could be thirty gigabytes decompressed."""
USUAL_RATIO = 8
"""Batches of pings become three times as large."""
HEADER = struct.Struct(">qiibIhiqqqhii")
AFTER_LENGTH, _AFTER_CRC, ATTRIBUTES = 12, 21, 22
_MAGIC = 2
CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 7, 8, 16, 32
_SMALLEST_RECORD = 2
_PIECE_BYTES = 2**20
_UNPACKING = (ValueError, OSError, EOFError, KeyError, struct.error, cramjam.DecompressionError)


class _Head(NamedTuple):
    """What the header of one batch says; `first` and `end` bound its records in the response."""

    first: int
    end: int
    attributes: int
    base_offset: int
    last_offset: int
    first_ms: int
    max_ms: int
    producer_id: int
    records: int

    @property
    def alone(self) -> bool:
        """Whether aiokafka must judge this batch by itself."""
        return bool(self.attributes & (_TRANSACTIONAL | _CONTROL))


class _Group:
    """Neighbouring batches in the form aiokafka expects of one."""

    is_control_batch = False

    def __init__(self, heads: list[_Head], runs: Iterator[RecordRun], *, valid: bool = True) -> None:
        self._runs, self._valid = runs, valid
        self.base_offset, self.next_offset = heads[0].base_offset, heads[-1].last_offset + 1
        self.producer_id, self.is_transactional = heads[0].producer_id, heads[0].alone

    def validate_crc(self) -> bool:
        return self._valid

    def __iter__(self) -> Iterator[RecordRun]:
        return self._runs


class Batches:
    """The batches of one response, without the records below offset `following`."""

    def __init__(self, data: bytes, following: int) -> None:
        self._data, self._view, self._following, self._at = data, memoryview(data), following, 0
        self._unpacked_bytes = 0

    def has_next(self) -> bool:
        """Whether a whole batch is left that may be read; brokers cut the last one where the response is full."""
        end = self._end(self._at)
        return end is not None and end <= len(self._data) and self._unpacked_bytes < LARGEST_BYTES

    def next_batch(self) -> Any:
        """Batches that can be read together, or one that must be judged alone.

        Raises CorruptRecordException if the header is of another format.
        """
        heads: list[_Head] = []
        bodies: list[Any | None] = []
        known = size = 0
        while known < TOGETHER_RECORDS and size < TOGETHER_BYTES and self.has_next():
            head = self._head()
            if heads and (head.alone or (head.attributes ^ heads[0].attributes) & (CODEC | _APPEND_TIME)):
                break
            if not self._sound(head):
                if heads:
                    break  # what comes before it can still be read
                return _Group([head], iter(()), valid=False)
            begun, self._at = self._at, head.end
            if head.attributes & _CONTROL:
                return DefaultRecordBatch(bytes(self._view[begun : head.end]))
            heads.append(head)
            known += head.records
            if packed := head.attributes & CODEC:
                body = decompressed(packed, self._view[head.first : head.end])
                bodies.append(body)
                size += 0 if body is None else len(body)
            if head.alone:
                break
        self._unpacked_bytes += size
        return _Group(heads, self._runs(heads, bodies))

    def _end(self, at: int) -> int | None:
        """Where the batch at `at` ends by its own word, None if not even that stands there."""
        if at + AFTER_LENGTH > len(self._data):
            return None
        return at + AFTER_LENGTH + max(0, int.from_bytes(self._view[at + 8 : at + AFTER_LENGTH], "big", signed=True))

    def _head(self) -> _Head:
        at = self._at
        if at + HEADER.size > len(self._data):
            raise CorruptRecordException(f"a record batch must have {HEADER.size} bytes, got {len(self._data) - at}")
        base, length, _, magic, _, attributes, last, first_ms, max_ms, producer, _, _, records = HEADER.unpack_from(
            self._data, at
        )
        end = at + AFTER_LENGTH + length
        if magic != _MAGIC or end < at + HEADER.size:
            raise CorruptRecordException(
                f"the batch at offset {base} must be of format {_MAGIC}, got {magic} in {length} bytes: "
                "raise log.message.format.version at the broker"
            )
        return _Head(at + HEADER.size, end, attributes, base, base + last, first_ms, max_ms, producer, max(0, records))

    def _sound(self, head: _Head) -> bool:
        said = int.from_bytes(self._view[self._at + 17 : self._at + _AFTER_CRC], "big")
        return crc32c(self._view[self._at + _AFTER_CRC : head.end]) == said

    def _runs(self, heads: list[_Head], unpacked: list[Any | None]) -> Iterator[RecordRun]:
        """The records of some batches as one run; none if all of them stand below the position asked for.

        `unpacked` are their bodies if they are compressed.
        """
        table = np.array([_row(head) for head in heads], np.int64).T.copy()
        data = self._data
        if unpacked:
            table[COUNT, [body is None for body in unpacked]] = 0  # its bytes, as they are, become one broken record
            bodies = [
                self._view[head.first : head.end] if body is None else body
                for head, body in zip(heads, unpacked, strict=True)
            ]
            data = b"".join(bodies)
            table[END] = np.cumsum([len(body) for body in bodies])
            table[START, 0], table[START, 1:] = 0, table[END, :-1]
        room = int(np.minimum(table[COUNT], (table[END] - table[START]) // _SMALLEST_RECORD).sum()) + len(heads)
        places, broken = np.empty((8, room), np.int64), np.empty(room, np.bool_)
        known = walk(np.frombuffer(data, np.uint8), table, self._following, places, broken)
        if known:
            self._following = int(places[0, known - 1]) + 1
            appended = bool(heads[0].attributes & _APPEND_TIME)
            yield RecordRun(data, places[:, :known], broken[:known], appended=appended)


def _row(head: _Head) -> tuple[int, ...]:
    """A head as `walk` takes it; its last offset bounds those of its records."""
    appended_ms = head.max_ms if head.attributes & _APPEND_TIME else -1
    return head.first, head.end, head.records, head.base_offset, head.last_offset, head.first_ms, appended_ms


def decompressed(packed: int, body: memoryview) -> Any | None:
    """The records of a compressed batch, None if they cannot be had."""
    try:
        records = _UNPACK[packed](body)
    except _UNPACKING:
        return None
    return records if len(records) <= LARGEST_BYTES else None


def _gunzipped(body: memoryview) -> bytes:
    read = partial(gzip.GzipFile(fileobj=io.BytesIO(body)).read, _PIECE_BYTES)
    return b"".join(islice(iter(read, b""), LARGEST_BYTES // _PIECE_BYTES + 1))


def _unsnapped(body: memoryview) -> Any:
    """A snappy batch becomes no more than twenty-two times as large, whatever it states."""
    return codec.snappy_decode(body.tobytes())


def _into(decompress_into: Callable[[memoryview, Any], int], body: memoryview) -> Any:
    """Decompressed into the room that batches usually take, which costs less to have, or else into the most allowed."""
    room = np.empty(USUAL_RATIO * len(body), np.uint8)
    try:
        return room[: decompress_into(body, room)]
    except cramjam.DecompressionError:
        room = np.empty(LARGEST_BYTES, np.uint8)
        return room[: decompress_into(body, room)]


_UNPACK: dict[int, Callable[[memoryview], Any]] = {
    1: _gunzipped,
    2: _unsnapped,
    3: partial(_into, cramjam.lz4.decompress_into),
    4: partial(_into, cramjam.zstd.decompress_into),
}
