"""What an agent receives: runs of consecutive records of one partition, acknowledged as a whole.

    async for batch in batches(stream):     # next batch of the current epoch
        ...                                 # work, publish, await the broker's acknowledgement
                                            # going on acknowledges; an exception, break or return does not

    async for batch, ack in held_batches(stream):       # the same, acknowledged by calling `ack()`, in any order,
        ...                                             # for agents that publish for several batches at once

A batch of a former epoch is dropped unseen: its partitions were taken away and will be read again by their new owner.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any, Protocol, cast

import faust
from aiokafka import ConsumerRecord
from faust.types import TP, AppT, ConsumerMessage, Message

from agents.runtime.record_run import RecordRun
from agents.runtime.rewind import Rewind
from agents.runtime.schema_ids import SchemaIds
from windows.epochs import Epoch

_OFFSET = attrgetter("offset")


class Batch(ConsumerMessage):
    """Consecutive records of one partition; for Faust one message, with the offset of its last record.

    `records` are in offset order and never empty: a list, or of a raw topic a `RecordRun`.
    `count` is their number, of which the first `replayed` lie below the offset committed at the assignment: they
    rebuild state and have no other effect. `append_ms` is the append time of the last one.
    """

    __slots__ = ("append_ms", "count", "epoch", "first_offset", "records", "replayed")

    records: Sequence[ConsumerRecord]
    epoch: Epoch
    count: int
    replayed: int
    first_offset: int
    append_ms: int

    @classmethod
    def of(cls, tp: TP, records: Sequence[ConsumerRecord], *, epoch: Epoch, resume: int) -> "Batch":
        """Return `records` as a batch of `epoch`, in which everything below offset `resume` is replayed."""
        last = records[-1]
        batch = cls.spanning(tp, records[0].offset, last.offset, append_ms=last.timestamp, epoch=epoch)
        batch.records, batch.count = records, len(records)
        if isinstance(records, RecordRun):
            batch.replayed = records.below(resume)
        else:
            batch.replayed = bisect_left(records, resume, key=_OFFSET)
        return batch

    @classmethod
    def spanning(cls, tp: TP, first_offset: int, last_offset: int, *, append_ms: int, epoch: Epoch) -> "Batch":
        """Return a batch of `[first_offset, last_offset]` that its caller fills with records or columns."""
        batch = cls(
            tp.topic, tp.partition, last_offset, append_ms / 1000, 1, None, None, None, None, 0, 0, tp,
            generation_id=epoch.generation,
        )  # fmt: skip
        batch.first_offset, batch.append_ms, batch.epoch = first_offset, append_ms, epoch
        return batch

    @property
    def last_offset(self) -> int:
        """Offset of the last record."""
        return int(self.offset)

    @property
    def next_offset(self) -> int:
        """Offset to commit once this batch is done."""
        return int(self.offset) + 1

    @property
    def live(self) -> bool:
        """Whether any record lies at or above the offset committed at the assignment."""
        return self.replayed < self.count


@dataclass(frozen=True, slots=True)
class Reading:
    """How a batched topic is read.

    `rewind` None means that reading resumes at the committed offset. With `schema_ids`, records whose schema id is not
    known yet wait, and with them only their partition, until the registry has answered. `max_records` bounds a batch
    and thereby the time for which one step of an agent holds the event loop. A `raw` topic's records come as arrays
    over the fetched bytes: for agents that take in whole batches as columns and look at single records seldom.
    """

    rewind: Rewind | None = None
    schema_ids: SchemaIds | None = None
    max_records: int = 1000
    raw: bool = False

    def __post_init__(self) -> None:
        if self.max_records < 1:
            raise ValueError(f"max_records must be positive, got {self.max_records}")


class BatchSchema(faust.Schema[None, Any]):
    """Marks a topic as batched. Nothing is decoded here: a record that cannot be decoded is for the agent to judge."""

    def __init__(self, reading: Reading) -> None:
        super().__init__(key_type=bytes, value_type=bytes)
        self.reading = reading

    def loads_key(self, app: AppT, message: Message, **options: object) -> None:
        """Return None: a batch has no key."""

    def loads_value(self, app: AppT, message: Message, **options: object) -> Message:  # noqa: ARG002  # Faust's
        """Return the batch itself."""
        return message


class _Reader(Protocol):
    """What `batches` needs of the consumer."""

    epoch: Epoch | None

    def begin(self, batch: Batch) -> None: ...

    def end(self, batch: Batch) -> None: ...


async def batches(stream: faust.StreamT[Any]) -> AsyncIterator[Batch]:
    """Yield each batch of the current epoch; it is acknowledged when the loop asks for the next one."""
    async for batch, ack in held_batches(stream):
        yield batch
        ack()


async def held_batches(stream: faust.StreamT[Any]) -> AsyncIterator[tuple[Batch, Callable[[], None]]]:
    """Yield each batch of the current epoch with the function that acknowledges it, to be called in the event loop.

    The order of acknowledging does not matter: an offset is committed once everything below it is acknowledged. An
    acknowledgement after the end of the epoch has no effect.
    """
    stream.enable_acks = False  # else the stream acknowledges also when the agent raised
    reader = cast("_Reader", stream.app.consumer)
    async for event in stream.events():
        batch = cast("Batch", event.message)
        if batch.epoch == reader.epoch:
            reader.begin(batch)
            yield batch, partial(_finish, event, reader)


def _finish(event: faust.EventT[Any], reader: _Reader) -> None:
    event.ack()
    reader.end(cast("Batch", event.message))
