"""Read quotes and booking decisions for many riders with one consumer, and give each to who waits for it.

    stand(partition) ─> at the end of quotes.v1 and booking-decisions.v1 there, from then on continuously
    await an answer  ─> key somebody waits for? ─> decode ─> correlation id ─> future

Answers stand in the partition number of what they answer, so only partitions of riders who asked are read. Standing
comes first and publishing second: no answer can slip by, however fast it comes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from faretide.waiting import Waiting
from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, Entry, open_consumer, places_of
from infra.clients.errors import ClientError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.schema_ids import SchemaIds
from topics import wire
from topics.catalogue import BOOKING_DECISIONS, QUOTES

POLL_MS = 1_000
HEARD = (QUOTES, BOOKING_DECISIONS)


class Answers:
    """One consumer outside every group; use it as an async context.

    `quotes` wait by request id, `decisions` by ride id, both under the rider's key.
    """

    def __init__(self, connection: Connection, ids: SchemaIds) -> None:
        """Read from `connection`'s brokers; schemas of records are looked up by `ids`."""
        self.quotes, self.decisions = Waiting(), Waiting()
        self.partitions = 0
        self._connection, self._bootstrap = connection, connection.endpoints.bootstrap
        self._ids = ids
        self._decoders = {topic.name: Decoder(topic, ids) for topic in HEARD}
        self._next: dict[TopicPartition, int] = {}
        self._fetched: dict[TopicPartition, int] = {}
        self._widening = asyncio.Lock()
        self._reading: asyncio.Task[None] | None = None
        self._failed: ClientError | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Connect and learn the partitions. Raises UnreachableError, TopicMissingError, ClientError."""
        async with AsyncExitStack() as opening:
            self._consumer: AIOKafkaConsumer = await opening.enter_async_context(open_consumer(self._connection))
            with kafka_errors(self._bootstrap, "reading answers"):
                places = await places_of(self._consumer, HEARD)
                self._consumer.pause(*self._consumer.assignment())  # nobody has asked yet
            self.partitions = len(places[QUOTES])
            if self.partitions != len(places[BOOKING_DECISIONS]):
                raise ClientError(
                    f"{QUOTES.name} and {BOOKING_DECISIONS.name} must have equally many partitions: "
                    "see `faretide topics check`"
                )
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self.tell_closed()
        await self._open.aclose()

    def tell_closed(self) -> None:
        """Tell all who wait that no answer will be read any more."""
        closed = ClientError("the client was closed while an answer was awaited: wait for answers before closing")
        for waiting in (self.quotes, self.decisions):
            waiting.fail(closed)

    async def stand(self, partition: int) -> None:
        """Read that partition from now on; at once if it is read already.

        Raises UnreachableError, or what ended the reading.
        """
        if self._failed is not None:
            raise self._failed
        places = [TopicPartition(topic.name, partition) for topic in HEARD]
        if places[0] in self._next:
            return
        async with self._widening:
            if places[0] in self._next:
                return
            with kafka_errors(self._bootstrap, "reading answers"):
                ends = await self._consumer.end_offsets(places)
                # A new assignment forgets positions: they are all said again before anything else can run.
                self._next |= ends
                self._fetched = dict(self._next)
                self._consumer.assign(list(self._next))
                for place, offset in self._next.items():
                    self._consumer.seek(place, offset)
            if self._reading is None:
                self._reading = asyncio.create_task(self._read(), name="faretide-answers")

    async def _read(self) -> None:
        """Hand over answers for ever; what ends it is told to all who wait, and to those who ask later."""
        try:
            while True:
                with kafka_errors(self._bootstrap, "reading answers"):
                    batches = await self._consumer.getmany(timeout_ms=POLL_MS)
                for place, batch in batches.items():
                    self._note_fetched(place, batch)
                await self._ids.lookup_all(self._schemas_of(batches))
                for place, batch in batches.items():
                    for raw in batch:
                        await self._hand_over(place, raw)
        except Exception as error:  # noqa: BLE001  whatever it was, nobody may wait for answers that nobody reads
            self._failed = error if isinstance(error, ClientError) else _unforeseen(error)
            for waiting in (self.quotes, self.decisions):
                waiting.fail(self._failed)

    def _schemas_of(self, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> set[int]:
        """Ids of the schemas of what somebody waits for."""
        return {
            schema_id
            for place, batch in batches.items()
            for raw in batch
            if raw.value is not None
            and self._waiting(place).knows(raw.key)
            and (schema_id := wire.schema_id(raw.value)) is not None
        }

    def _waiting(self, place: TopicPartition) -> Waiting:
        return self.quotes if place.topic == QUOTES.name else self.decisions

    def _note_fetched(self, place: TopicPartition, batch: Sequence[ConsumerRecord]) -> None:
        """Note how far the partition is fetched. One that goes back by itself was made anew, and all in it is new."""
        if batch[0].offset < self._fetched[place]:
            self._next[place] = batch[0].offset
        self._fetched[place] = batch[-1].offset + 1

    async def _hand_over(self, place: TopicPartition, raw: ConsumerRecord) -> None:
        if raw.offset < self._next[place]:
            return  # fetched before the last new assignment and again after it
        self._next[place] = raw.offset + 1
        waiting = self._waiting(place)
        if not waiting.knows(raw.key):
            return
        try:
            entry: Entry = await self._decoders[place.topic].entry(raw)
            record = entry.decoded()
        except ClientError as error:  # it, or its schema for now, cannot be read: others' answers may be readable
            waiting.fail(error, raw.key)
            return
        waiting.resolve(raw.key, record.request_id if waiting is self.quotes else record.ride_id, entry)


def _unforeseen(error: Exception) -> ClientError:
    return ClientError(f"answers cannot be read any more: {type(error).__name__}: {error}")
