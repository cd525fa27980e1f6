"""Publishing many records at once, to explicit partitions, and knowing when they are safe.

Records of one partition are packed into prepared batches (1 µs a record instead of 5 for single sends) and stay in the
order of the calls. The producer is idempotent: a retry neither repeats nor reorders. The partition is the caller's
choice, since outputs follow their input's partition number or their key's partitioner.
"""

# ruff: noqa: ANN401  # aiokafka ships no types

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from infra.clients.connection import kafka_producer

MAX_BATCH_BYTES = 512 * 1024
MAX_RECORD_BYTES = 1_100_000
"""Largest record published: the dead letter of a record as large as a broker takes. Topics say what they take."""


class Record(NamedTuple):
    """One record to publish; `timestamp_ms` None means now (topics with LogAppendTime ignore it)."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp_ms: int | None = None


class OvertakenError(Exception):
    """What was to be sent is no longer this worker's to say."""


async def at_once() -> None:
    """Have nothing to wait for."""


def always() -> bool:
    """That what nothing can overtake may be sent."""
    return True


class Publisher:
    """Publishes on behalf of one worker."""

    def __init__(
        self,
        bootstrap: str,
        *,
        client_id: str = "faretide",
        confirmed: Callable[[], Awaitable[None]] = at_once,
        compression: str | None = None,
        max_batch_bytes: int = MAX_BATCH_BYTES,
        request_timeout_s: float = 30.0,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare; nothing is connected before `start`.

        `confirmed` is awaited before each send, for a worker that must not publish before its place in the group is
        certain. `compression` is None, "gzip", "snappy", "lz4" or "zstd".
        """
        self._confirmed = confirmed
        self._options: dict[str, Any] = {
            "bootstrap_servers": bootstrap,
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            "linger_ms": 0,
            "compression_type": compression,
            "max_batch_size": max_batch_bytes,
            "max_request_size": MAX_RECORD_BYTES,
            "request_timeout_ms": int(request_timeout_s * 1000),
            **(security or {}),
        }
        self._producer: AIOKafkaProducer | None = None
        self._turns: defaultdict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._underway: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        """Connect. Raises KafkaConnectionError if no broker answers."""
        producer = kafka_producer(self._options)
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        self._producer = producer

    async def stop(self) -> None:
        """Send what is underway and disconnect. Idempotent."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def send(self, records: Sequence[Record], *, still: Callable[[], bool] = always) -> list[int]:
        """Publish and return the records' offsets, in their order, once all replicas have acknowledged all of them.

        `still` is asked when nothing but the broker stands between the records and their log. Raises OvertakenError if
        it says no; nothing is sent then.
        Raises MessageSizeTooLargeError for a record above MAX_RECORD_BYTES; nothing is sent then. Raises KafkaError if
        the broker refused or did not acknowledge in time: others may have been written, and this publisher cannot go
        on, since later records of the partition would be out of sequence. Raises RuntimeError before `start` and after
        `stop`.
        """
        if self._producer is None:
            raise RuntimeError("the publisher is not started")
        await self._confirmed()
        if not still():
            raise OvertakenError
        done = asyncio.get_running_loop().create_future()
        self._underway.add(done)
        try:
            return await self._send(self._producer, records)
        finally:
            self._underway.discard(done)
            done.set_result(None)

    async def settled(self) -> None:
        """Return once everything that was on its way to the broker at the call is acknowledged, or has failed."""
        if self._underway:
            await asyncio.wait([*self._underway])

    async def _send(self, producer: AIOKafkaProducer, records: Sequence[Record]) -> list[int]:
        where: defaultdict[TopicPartition, list[int]] = defaultdict(list)
        for index, record in enumerate(records):
            where[TopicPartition(record.topic, record.partition)].append(index)
        packed = {tp: _pack(producer, [records[i] for i in indexes]) for tp, indexes in where.items()}
        sends = [self._send_to(producer, tp, builders) for tp, builders in packed.items()]
        results = await asyncio.gather(*sends, return_exceptions=True)
        offsets = [0] * len(records)
        for indexes, result in zip(where.values(), results, strict=True):
            if isinstance(result, BaseException):
                raise result
            for index, offset in zip(indexes, result, strict=True):
                offsets[index] = offset
        return offsets

    async def partitions(self, topic: str) -> int:
        """Return the number of partitions of an existing topic."""
        if self._producer is None:
            raise RuntimeError("the publisher is not started")
        return len(await self._producer.partitions_for(topic))

    async def _send_to(self, producer: AIOKafkaProducer, tp: TopicPartition, builders: list[Any]) -> list[int]:
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        async with self._turns[tp]:  # a send is not interleaved with another one
            for builder in builders:
                future = await producer.send_batch(builder, tp.topic, partition=tp.partition)
                sent.append((builder.record_count(), future))
        acknowledged = await asyncio.gather(*(future for _, future in sent))
        return [
            metadata.offset + i
            for (count, _), metadata in zip(sent, acknowledged, strict=True)
            for i in range(count)
        ]  # fmt: skip


def _pack(producer: AIOKafkaProducer, records: list[Record]) -> list[Any]:
    """Return closed batches, each at most the maximum size, except for one holding a single larger record."""
    builders = [producer.create_batch()]
    for record in records:
        if not _append(builders[-1], record):
            builders.append(producer.create_batch())
            _append(builders[-1], record)
    for builder in builders:
        if builder.size() > MAX_RECORD_BYTES:
            raise MessageSizeTooLargeError(f"a record of {builder.size()} bytes is above {MAX_RECORD_BYTES}")
        builder.close()
    return builders


def _append(builder: Any, record: Record) -> bool:
    added = builder.append(
        timestamp=record.timestamp_ms, key=record.key, value=record.value, headers=list(record.headers)
    )
    return added is not None
