"""The city's wire on Kafka: it sees of the system what any operator's apps would see, its topics.

Requests and ride events go out one by one without linger, under idempotence. Pings go out a step at a time as one ready
batch per partition, without idempotence: a lost ping is made good by the next one. Answers are read outside every
consumer group, from the end that stood when the wire was opened, so none to this city's requests is missed.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import numpy as np
from aiokafka import AIOKafkaConsumer

from infra.clients.connection import Connection, kafka_producer
from infra.clients.consumer import Decoder, open_consumer, places_of
from infra.clients.kafka_errors import kafka_errors
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from infra.clients.starting import start
from simulation.city import Answer, City
from simulation.fleet import Pings
from simulation.pings import PingEncoder
from topics.catalogue import BOOKING_DECISIONS, DRIVER_PINGS, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS, Topic
from topics.events import RideEventHappened, RideEventKind
from topics.partitioners import Partitioner, partition_of

SOURCE = "city"
# Pings carry no other header: workers name the producers of a mixture by this one, the rest is in the record.
_PING_HEADERS = [("ce_source", SOURCE.encode())]
_BATCH_BYTES = 256 * 2**10
_POLL_MS = 200
_SENT = (DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS)
_HEARD = (QUOTES, BOOKING_DECISIONS)
_FIRST_RECORD = RideEventHappened(event_id="", rider_id="", ride_id="", kind=RideEventKind.RIDE_STARTED, at_ms=0)


class TopicsWire:
    """Connects one city to the brokers; use it as an async context.

    `lost` counts records the brokers did not take after all retries; `unreadable` answers that could not be decoded.
    """

    def __init__(self, connection: Connection, city: City) -> None:
        """Nothing is opened yet; `city` gives the drivers and the map."""
        self._connection = connection
        self._bootstrap = connection.endpoints.bootstrap
        self._drivers, self._products = city.driver_ids, city.driver_products()
        self._plane = city.history.plane
        self._open = AsyncExitStack()
        self.lost = 0
        self.unreadable = 0

    async def __aenter__(self) -> Self:
        """Connect, and stand at the end of the answers.

        Raises UnreachableError, TopicMissingError, SchemaMissingError, RegistryUnavailable.
        """
        async with AsyncExitStack() as opening:
            registry = await opening.enter_async_context(Registry(self._connection))
            schema_ids = await registry.ids_of(_SENT)
            ids = SchemaIds(registry)
            self._decoders = {topic.name: Decoder(topic, ids) for topic in _HEARD}
            self._encoder = PingEncoder(schema_ids[DRIVER_PINGS.name], self._drivers, self._products, self._plane)
            self._publisher = await opening.enter_async_context(
                Publisher(self._connection, schema_ids, source=SOURCE, linger_ms=0)
            )
            self._pinging = kafka_producer(
                self._connection.kafka(), acks=1, max_batch_size=_BATCH_BYTES, compression_type="lz4"
            )
            opening.push_async_callback(self._pinging.stop)
            await start(self._pinging, self._connection)
            await self._know_partitions()
            self._consumer = await opening.enter_async_context(open_consumer(self._connection))
            await self._stand_at_end()
            self._open = opening.pop_all()
        # Codecs are compiled at their first record, for about a second: now, not while riders wait.
        self._publisher.encode(RIDE_EVENTS, _FIRST_RECORD)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.__aexit__(kind, error, trace)

    async def send(self, topic: Topic, records: Sequence[Any]) -> None:
        """Hand over records, in order; waits while the buffer is full. Raises ClientError, ValueError."""
        for record in records:
            written = await self._publisher.publish(topic, record)
            written.add_done_callback(lambda done: self._count_lost(done, 1))

    async def send_pings(self, pings: Pings) -> None:
        """Hand over a step's pings, one batch per partition; waits while the one before has not left."""
        values = self._encoder.encode(pings)
        partitions = self._partitions[pings.car]
        for partition in np.unique(partitions).tolist():
            rows = np.flatnonzero(partitions == partition).tolist()
            await self._send_batches(partition, [(self._keys[int(pings.car[row])], values[row]) for row in rows], pings)

    async def answers(self) -> AsyncIterator[Sequence[Answer]]:
        """Quotes and booking decisions as they become readable."""
        while True:
            with kafka_errors(self._bootstrap, "reading answers"):
                batches = await self._consumer.getmany(timeout_ms=_POLL_MS)
            for place, batch in batches.items():
                decoder = self._decoders[place.topic]
                entries = [await decoder.entry(raw) for raw in batch]
                readable = [entry.record for entry in entries if entry.record is not None]
                self.unreadable += len(entries) - len(readable)
                yield readable

    async def _send_batches(self, partition: int, pairs: list[tuple[bytes, bytes]], pings: Pings) -> None:
        batch, held = self._pinging.create_batch(), 0
        for key, value in pairs:
            if batch.append(key=key, value=value, timestamp=pings.at_ms, headers=_PING_HEADERS) is None:
                await self._send_batch(batch, held, partition)
                batch, held = self._pinging.create_batch(), 0
                batch.append(key=key, value=value, timestamp=pings.at_ms, headers=_PING_HEADERS)
            held += 1
        await self._send_batch(batch, held, partition)

    async def _send_batch(self, batch: Any, held: int, partition: int) -> None:  # noqa: ANN401  aiokafka's, untyped
        with kafka_errors(self._bootstrap, f"publishing to {DRIVER_PINGS.name}"):
            written = await self._pinging.send_batch(batch, DRIVER_PINGS.name, partition=partition)
        written.add_done_callback(lambda done: self._count_lost(done, held))

    async def _know_partitions(self) -> None:
        """The partition each driver's pings go to, int64[drivers], by the partitioner all producers use."""
        with kafka_errors(self._bootstrap, f"asking for the partitions of {DRIVER_PINGS.name}"):
            count = len(await self._pinging.partitions_for(DRIVER_PINGS.name))
        self._keys = [driver.encode() for driver in self._drivers]
        self._partitions = np.array([partition_of(Partitioner.MURMUR2, key, count) for key in self._keys])

    async def _stand_at_end(self) -> None:
        consumer: AIOKafkaConsumer = self._consumer
        with kafka_errors(self._bootstrap, "reading answers"):
            places = [place for found in (await places_of(consumer, _HEARD)).values() for place in found]
            consumer.assign(places)
            for place, end in (await consumer.end_offsets(places)).items():
                consumer.seek(place, end)

    def _count_lost(self, done: Any, records: int) -> None:  # noqa: ANN401  a future of aiokafka's
        if done.cancelled() or done.exception() is not None:
            self.lost += records
