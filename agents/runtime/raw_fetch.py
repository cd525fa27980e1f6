"""Fetched record batches as runs of records, in aiokafka's own fetcher.

aiokafka makes an object of every record, 5 µs of them from fetch to agent; for the topics in `RawTopics` a run of
thousands is one item instead: 0.05 µs a record. Fetch positions, aborted transactions, control batches, high
watermarks, seeks and checksums of batches stay aiokafka's: `PartitionRecords` walks batches as ever, only that those
it is given here yield runs. Replaced in `aiokafka.consumer.fetcher` (pinned by `pins`), without effect for consumers
whose `value_deserializer` is no `RawTopics`:

MemoryRecords       keeps the bytes of a response; its batches are `_Lenient`, for all consumers
PartitionRecords    reads them by `raw_batches` for raw topics
"""

# ruff: noqa: ANN401  # aiokafka ships no types

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatch

from agents.runtime.raw_batches import AFTER_LENGTH, ATTRIBUTES, CODEC, HEADER, Batches, decompressed
from topics.record_walk import walk


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
        body = decompressed(self._batch.compression_type, self._data[HEADER.size :])
        if body is None:
            return None
        header = bytearray(self._data[: HEADER.size])
        header[ATTRIBUTES] &= ~CODEC
        return DefaultRecordBatch(b"".join((header, body)))

    def _left(self, read: int) -> Iterator[Any]:
        """The records after offset `read`, names made readable."""
        for run in Batches(bytes(self._data), read + 1).next_batch():
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
        length = int.from_bytes(self.data[begun + 8 : begun + AFTER_LENGTH], "big", signed=True)
        self._at = begun + AFTER_LENGTH + length
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
            records = Batches(records.data, fetch_offset)
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
