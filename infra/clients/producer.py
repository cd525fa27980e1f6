"""Publish records of the catalogue: encoded, keyed, with their event attributes, acknowledged by all in-sync replicas.

Idempotence is on, so a retry inside the client never writes a record twice and never out of order.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.structs import RecordMetadata

from infra.clients.connection import Connection, kafka_producer
from infra.clients.envelopes import event_of, key_of
from infra.clients.errors import UnreachableError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.registry import Registry
from infra.clients.starting import start
from infra.clients.topic_settings import MODEL_BYTES
from topics import wire
from topics.catalogue import Topic
from topics.codec import ObjectCodec

Acknowledgement = asyncio.Future[RecordMetadata]

LINGER_MS = 5
BATCH_BYTES = 256 * 2**10
WRITTEN_S = 60.0
"""How long an acknowledgement is awaited."""
FLUSH_S = 10.0
"""How long the end of a Publisher's block waits for acknowledgements."""
FAILED_FLUSH_S = 2.0
"""The same where an error leaves the block: whoever is told of it should not wait for the brokers first."""
CLOSE_S = 1.0


class Publisher:
    """Publishes into some topics under the schema ids given; use it as an async context, which flushes at its end."""

    def __init__(
        self, connection: Connection, schema_ids: Mapping[str, int], *, source: str, linger_ms: int = LINGER_MS
    ) -> None:
        """Publish to `connection`'s brokers. `schema_ids` by topic name; `source` names the sender in `ce_source`.

        `linger_ms` is how long a record waits for others to share its batch: longer is cheaper, shorter is sooner.
        """
        self._connection, self._source = connection, source
        self._bootstrap = connection.endpoints.bootstrap
        self._schema_ids = dict(schema_ids)
        self._linger_ms = linger_ms
        self._codecs: dict[str, ObjectCodec] = {}
        self._producer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        self._producer = kafka_producer(
            self._connection.kafka(),
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_batch_size=BATCH_BYTES,
            max_request_size=MODEL_BYTES,
            compression_type="lz4",
        )
        try:
            await start(self._producer, self._connection)
        except BaseException:
            await self._producer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Flush and disconnect. Raises UnreachableError if brokers do not acknowledge, unless `error` says more."""
        if self._producer is None:
            return
        try:
            await _flush(self._producer, FLUSH_S if error is None else FAILED_FLUSH_S)
        finally:
            left = sum(batch.record_count for batch in _unacknowledged(self._producer))
            await (_abandon(self._producer) if left else self._producer.stop())
        if left and error is None:
            raise UnreachableError(
                f"the brokers at {self._bootstrap} do not answer: {left} records were handed over and not acknowledged"
            )

    def encode(self, topic: Topic, record: Any) -> bytes:  # noqa: ANN401  the topic's record class
        """The framed value of `record`. Raises ValueError naming the field if a value does not fit its type."""
        codec = self._codecs.get(topic.name)
        if codec is None:
            codec = self._codecs[topic.name] = ObjectCodec(topic, self._schema_ids[topic.name])
        return codec.encode(record)

    async def publish(
        self,
        topic: Topic,
        record: Any,  # noqa: ANN401  as above
        *,
        partition: int | None = None,
        trace: wire.Trace | None = None,
    ) -> Acknowledgement:
        """Hand `record` over and return what resolves when it is written; waits while the buffer is full.

        Its key decides the partition (murmur2) unless `partition` does.

        Raises ValueError if it cannot be encoded, ClientError.
        """
        return await self.publish_encoded(topic, record, self.encode(topic, record), partition=partition, trace=trace)

    async def publish_encoded(
        self,
        topic: Topic,
        record: Any,  # noqa: ANN401  as above
        value: bytes,
        *,
        partition: int | None = None,
        trace: wire.Trace | None = None,
    ) -> Acknowledgement:
        """As `publish`, for a record whose `value` was encoded before."""
        headers = wire.headers(event_of(topic, record, self._source), trace)
        with kafka_errors(self._bootstrap, f"publishing to {topic.name}"):
            future: Acknowledgement = await self._open().send(
                topic.name, value=value, key=key_of(topic, record), headers=headers, partition=partition
            )
            return future

    async def publish_again(
        self,
        topic: Topic,
        value: bytes,
        *,
        key: bytes | None,
        headers: Sequence[tuple[str, bytes | None]],
        partition: int | None,
        timestamp_ms: int | None,
    ) -> Acknowledgement:
        """Publish a record that stood in `topic` before: all around its `value` is given, nothing is derived."""
        with kafka_errors(self._bootstrap, f"publishing to {topic.name}"):
            future: Acknowledgement = await self._open().send(
                topic.name, value=value, key=key, headers=headers, partition=partition, timestamp_ms=timestamp_ms
            )
            return future

    async def written(self, topic: Topic, acknowledgements: Iterable[Acknowledgement]) -> list[RecordMetadata]:
        """Wait until all are written; where each stands, in order.

        Raises ClientError for the first that was not, UnreachableError if that is not known after a minute.
        """
        with kafka_errors(self._bootstrap, f"publishing to {topic.name}"):
            try:
                async with asyncio.timeout(WRITTEN_S):
                    return await asyncio.gather(*acknowledgements)
            except TimeoutError:
                raise TimeoutError(f"no acknowledgement for {WRITTEN_S:g} s") from None

    async def partitions_of(self, topic: Topic) -> int:
        """How many partitions `topic` has. Raises TopicMissingError, UnreachableError."""
        with kafka_errors(self._bootstrap, f"asking for the partitions of {topic.name}"):
            return len(await self._open().partitions_for(topic.name))

    def _open(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise RuntimeError("a Publisher must be entered before it publishes")
        return self._producer


async def publisher_of(
    connection: Connection, topics: Iterable[Topic], *, source: str, linger_ms: int = LINGER_MS
) -> Publisher:
    """A publisher for `topics`, not yet entered, with their schema ids asked of the registry.

    Raises SchemaMissingError, RegistryUnavailable.
    """
    async with Registry(connection) as registry:
        schema_ids = await registry.ids_of(topics)
    return Publisher(connection, schema_ids, source=source, linger_ms=linger_ms)


async def _flush(producer: AIOKafkaProducer, within_s: float) -> None:
    """Wait until all is acknowledged, at most so long: an idempotent producer tries for ever."""
    with suppress(TimeoutError):
        await asyncio.wait_for(producer.flush(), within_s)


def _unacknowledged(producer: AIOKafkaProducer) -> list[Any]:
    """The batches of records that were handed over and not acknowledged; nothing public tells."""
    held = producer._message_accumulator
    batches = [*chain.from_iterable(held._batches.values()), *held._pending_batches]
    return [batch for batch in batches if not batch.future.done()]


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close without the flush, which may never end; tell those who wait for acknowledgements."""
    futures = [future for batch in _unacknowledged(producer) for future, _ in batch._msg_futures]
    producer._sender.sender_task.cancel()  # else `stop` would go on trying
    producer._message_accumulator.fail_all(KafkaTimeoutError("closed before an acknowledgement"))
    for future in futures:
        if not future.cancelled():
            future.exception()  # else each that nobody waits for is complained about when it is collected
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait([stopping], timeout=CLOSE_S)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await producer.client.close()  # `stop` has not come so far if a request is under way to a broker that is silent
