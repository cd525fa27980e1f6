"""Fetched record batches as runs of records, in aiokafka's own fetcher.

aiokafka makes an object of every record, 5 µs of them from fetch to agent; for the topics in `RawTopics` a run of
thousands is one item instead: 0.05 µs a record. Fetch positions, aborted transactions, control batches, high
watermarks, seeks and checksums of batches stay aiokafka's: `PartitionRecords` walks batches as ever, only that those
it is given here yield runs. Replaced in `aiokafka.consumer.fetcher` (pinned by `pins`), without effect for consumers
whose `value_deserializer` is no `RawTopics`:

MemoryRecords       keeps the bytes of a response; its batches are `_Lenient`, for all consumers
PartitionRecords    reads them by `_Batches` for raw topics

    response ──> batches, neighbours read together ──> CRC ──> decompressed ──> walked ──> RecordRun of some thousands

A batch that fails its checksum is an error as it is for aiokafka, before which everything else is read: it was damaged
on the way, and is fetched again. One that does not decompress, or to more than LARGEST_BYTES, is a single broken
record, since it would come the same for ever. Of a raw topic's response no more is read once so many bytes are
decompressed; the rest is fetched again.
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
from aiokafka.consumer import fetcher
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
_HEADER = struct.Struct(">qiibIhiqqqhii")
_AFTER_LENGTH, _AFTER_CRC, _ATTRIBUTES = 12, 21, 22
_MAGIC = 2
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 7, 8, 16, 32
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


class _Batches:
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
            if heads and (head.alone or (head.attributes ^ heads[0].attributes) & (_CODEC | _APPEND_TIME)):
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
            if packed := head.attributes & _CODEC:
                body = _unpacked(packed, self._view[head.first : head.end])
                bodies.append(body)
                size += 0 if body is None else len(body)
            if head.alone:
                break
        self._unpacked_bytes += size
        return _Group(heads, self._runs(heads, bodies))

    def _end(self, at: int) -> int | None:
        """Where the batch at `at` ends by its own word, None if not even that stands there."""
        if at + _AFTER_LENGTH > len(self._data):
            return None
        return at + _AFTER_LENGTH + max(0, int.from_bytes(self._view[at + 8 : at + _AFTER_LENGTH], "big", signed=True))

    def _head(self) -> _Head:
        at = self._at
        if at + _HEADER.size > len(self._data):
            raise CorruptRecordException(f"a record batch must have {_HEADER.size} bytes, got {len(self._data) - at}")
        base, length, _, magic, _, attributes, last, first_ms, max_ms, producer, _, _, records = _HEADER.unpack_from(
            self._data, at
        )
        end = at + _AFTER_LENGTH + length
        if magic != _MAGIC or end < at + _HEADER.size:
            raise CorruptRecordException(
                f"the batch at offset {base} must be of format {_MAGIC}, got {magic} in {length} bytes: "
                "raise log.message.format.version at the broker"
            )
        return _Head(at + _HEADER.size, end, attributes, base, base + last, first_ms, max_ms, producer, max(0, records))

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


def _unpacked(packed: int, body: memoryview) -> Any | None:
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


class RawTopics:
    """As `value_deserializer` of a consumer: records of these topics come as runs, all others as objects."""

    def __init__(self, is_raw: Callable[[str], bool]) -> None:
        self.is_raw = is_raw


EVERY_RAW = RawTopics(lambda _: True)


class _Lenient:
    """A batch of aiokafka's that can be read although it does not decompress, or the name of a header is no UTF-8.

    Anybody can write such a record. aiokafka raises at it, does not move on, and would meet it again for ever.
    `data` are the bytes of the batch.
    """

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch, self._data = batch, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        read = self._batch.base_offset - 1
        batch = self._plain()
        try:
            for record in self._left(read) if batch is None else batch:
                read = record.offset
                yield record
        except UnicodeDecodeError:
            yield from self._left(read)

    def _plain(self) -> Any | None:
        """The batch as if it had never been compressed, None if it does not decompress."""
        if not isinstance(self._batch, DefaultRecordBatch) or not self._batch.compression_type:
            return self._batch
        body = _unpacked(self._batch.compression_type, self._data[_HEADER.size :])
        if body is None:
            return None
        header = bytearray(self._data[: _HEADER.size])
        header[_ATTRIBUTES] &= ~_CODEC
        return DefaultRecordBatch(b"".join((header, body)))

    def _left(self, read: int) -> Iterator[Any]:
        """The records after offset `read`, names made readable."""
        for run in _Batches(bytes(self._data), read + 1).next_batch():
            yield from run


class _MemoryRecords(fetcher.MemoryRecords):
    """The records of a response, and its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data, self._at = data, 0

    def next_batch(self) -> Any:
        batch, begun = super().next_batch(), self._at
        if batch is None:
            return None
        length = int.from_bytes(self.data[begun + 8 : begun + _AFTER_LENGTH], "big", signed=True)
        self._at = begun + _AFTER_LENGTH + length
        return batch if batch.is_control_batch else _Lenient(batch, memoryview(self.data)[begun : self._at])


class _PartitionRecords(fetcher.PartitionRecords):
    """The records of one partition in a response: objects, or runs if its topic is raw."""

    def __init__(
        self,
        tp: Any,
        records: Any,
        aborted_transactions: Any,
        fetch_offset: int,
        key_deserializer: Any,
        value_deserializer: Any,
        check_crcs: bool,  # noqa: FBT001  aiokafka's
        isolation_level: int,
    ) -> None:
        self._raw = False
        if isinstance(value_deserializer, RawTopics):
            self._raw, value_deserializer = value_deserializer.is_raw(tp.topic), None
        if self._raw:
            records = _Batches(records.data, fetch_offset)
        super().__init__(
            tp, records, aborted_transactions, fetch_offset, key_deserializer, value_deserializer, check_crcs,
            isolation_level,
        )  # fmt: skip

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        if not self._raw:
            return super()._consumer_record(tp, record)
        record.topic, record.partition = tp.topic, tp.partition
        return record


def install() -> None:
    """Have aiokafka's fetchers know raw topics. Again is no harm."""
    fetcher.MemoryRecords, fetcher.PartitionRecords = _MemoryRecords, _PartitionRecords


def warm_up() -> None:
    """Compile or load the walk before the group counts on this worker."""
    walk(np.zeros(1, np.uint8), np.zeros((7, 0), np.int64), 0, np.empty((8, 0), np.int64), np.empty(0, np.bool_))
