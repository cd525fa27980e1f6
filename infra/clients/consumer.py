"""Read any topic of the catalogue outside every consumer group, decoded, dead letters included.

Reading leaves no trace: nothing is committed and no worker is disturbed. A record that cannot be decoded is an entry
like any other, with the reason in place of the record.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from infra.clients.connection import Connection, kafka_consumer
from infra.clients.errors import ClientError, TopicMissingError, UnreadableError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.schema_ids import SchemaIds
from infra.clients.starting import start as start_client
from topics import wire
from topics.catalogue import Topic
from topics.codec import ObjectCodec
from topics.refusals import Undecodable

FETCH_BYTES = 4 * 2**20
POLL_MS = 500
WITHIN_S = 20.0
"""How long the next record before the end is awaited."""


class Edge(StrEnum):
    """An end of a topic: the oldest record kept, or what comes next."""

    EARLIEST = "earliest"
    LATEST = "latest"


# An edge, or an append time in epoch milliseconds: the first record at or after it.
Start = Edge | int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One record where it stands. `record` is None if it could not be decoded: `problem` says why, `raw` are its bytes.

    `timestamp_ms` is the broker's append time, epoch milliseconds UTC.
    """

    topic: Topic
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    schema_id: int | None
    record: Any
    problem: str = ""
    raw: bytes | None = None

    def decoded(self) -> Any:  # noqa: ANN401  the topic's record class
        """The record. Raises UnreadableError saying where it stands and why, if it could not be decoded."""
        if self.problem:
            raise UnreadableError(f"{self.topic.name}[{self.partition}]@{self.offset}: {self.problem}")
        return self.record


@dataclass(slots=True)
class Decoder:
    """Turns raw records of one topic into entries, asking for schemas it has not met."""

    topic: Topic
    ids: SchemaIds
    codec: ObjectCodec = field(init=False)

    def __post_init__(self) -> None:
        self.codec = ObjectCodec(self.topic, schema_id=0)

    async def entry(self, raw: ConsumerRecord) -> Entry:
        """The entry of one raw record. Raises RegistryUnavailable if its schema cannot be asked for now."""
        schema_id = wire.schema_id(raw.value) if raw.value is not None else None
        record, problem = None, ""
        if schema_id is not None:
            await self.ids.lookup(schema_id)
        if schema_id is not None and not self.ids.known(schema_id):
            problem = f"the registry has no Avro schema of id {schema_id}"
        else:
            try:
                record = self.codec.decode(raw.value, None if schema_id is None else self.ids.schema(schema_id))
            except Undecodable as error:
                problem = error.sentence
        return Entry(
            topic=self.topic,
            partition=raw.partition,
            offset=raw.offset,
            timestamp_ms=raw.timestamp,
            key=raw.key,
            headers=tuple(raw.headers),
            schema_id=schema_id,
            record=record,
            problem=problem,
            raw=raw.value if problem else None,
        )


async def tail(
    connection: Connection,
    topic: Topic,
    ids: SchemaIds,
    *,
    start: Start = Edge.LATEST,
    partition: int | None = None,
    follow: bool = True,
) -> AsyncGenerator[Entry, None]:
    """Entries of `topic` (of one `partition` if given) from `start` on, in order within each partition.

    Goes on for ever, or ends at what was the end when it began if `follow` is False.

    Raises TopicMissingError, UnreachableError, RegistryUnavailable; ClientError if there is no such partition. Whoever
    follows is not told of brokers that fall silent: they may come back.
    """
    bootstrap = connection.endpoints.bootstrap
    decoder = Decoder(topic, ids)
    async with open_consumer(connection) as consumer:
        with kafka_errors(bootstrap, f"reading {topic.name}"):
            places = await _places(consumer, topic, partition)
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            for place, offset in (await _offsets(consumer, places, start, ends)).items():
                consumer.seek(place, offset)
        heard_s = time.monotonic()
        while follow or await _unread(consumer, places, ends):
            with kafka_errors(bootstrap, f"reading {topic.name}"):
                batches = await consumer.getmany(timeout_ms=POLL_MS)
                if not (batches or follow) and time.monotonic() - heard_s > WITHIN_S:
                    raise TimeoutError(f"no record for {WITHIN_S:g} s before the end of the topic")
            for place, batch in batches.items():
                for raw in batch:
                    if follow or raw.offset < ends[place]:
                        yield await decoder.entry(raw)
            if batches:
                heard_s = time.monotonic()  # only now: whoever takes the entries may take their time


@asynccontextmanager
async def open_consumer(connection: Connection, **reading: Any) -> AsyncIterator[AIOKafkaConsumer]:  # noqa: ANN401
    """A consumer of no group that sees committed records only; `reading` are further options of aiokafka's.

    Raises UnreachableError, ClientError.
    """
    consumer = kafka_consumer(
        connection.kafka(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # applies where the seek target has been deleted meanwhile
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        **reading,
    )
    try:
        await start_client(consumer, connection)
        yield consumer
    finally:
        await consumer.stop()


async def _places(consumer: AIOKafkaConsumer, topic: Topic, partition: int | None) -> list[TopicPartition]:
    """Partitions to read. All topics are listed first, since asking for one by name may create it."""
    if topic.name not in await consumer.topics():
        raise TopicMissingError(f"the brokers have no topic {topic.name}: create it with `faretide topics create`")
    first = TopicPartition(topic.name, 0)
    consumer.assign([first])
    await consumer.end_offsets([first])  # returns when the consumer knows the topic's partitions
    numbers = sorted(consumer.partitions_for_topic(topic.name) or {0})
    if partition is not None and partition not in numbers:
        raise ClientError(f"partition must be one of {topic.name}'s 0 to {numbers[-1]}, got {partition}")
    return [TopicPartition(topic.name, number) for number in numbers if partition in {None, number}]


async def places_of(consumer: AIOKafkaConsumer, topics: Iterable[Topic]) -> dict[Topic, list[TopicPartition]]:
    """All partitions of each of `topics`; the consumer is left assigned to their first ones.

    Raises TopicMissingError.
    """
    chosen = list(topics)
    firsts = [TopicPartition(topic.name, 0) for topic in chosen]
    missing = [topic for topic in chosen if topic.name not in await consumer.topics()]
    if missing:
        raise TopicMissingError(f"the brokers have no topic {missing[0].name}: create it with `faretide topics create`")
    consumer.assign(firsts)
    await consumer.end_offsets(firsts)  # returns when the consumer knows the topics' partitions
    return {
        topic: [TopicPartition(topic.name, n) for n in sorted(consumer.partitions_for_topic(topic.name) or {0})]
        for topic in chosen
    }


async def _offsets(
    consumer: AIOKafkaConsumer, places: list[TopicPartition], start: Start, ends: dict[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """First offset to read of each partition."""
    if start is Edge.EARLIEST:
        return dict(await consumer.beginning_offsets(places))
    if isinstance(start, Edge):
        return ends
    found = await consumer.offsets_for_times(dict.fromkeys(places, start))
    return {place: ends[place] if found[place] is None else found[place].offset for place in places}


async def _unread(consumer: AIOKafkaConsumer, places: list[TopicPartition], ends: dict[TopicPartition, int]) -> bool:
    """Whether any partition is before its end."""
    return any([await consumer.position(place) < ends[place] for place in places])
