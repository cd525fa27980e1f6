"""Ask for a quote over the topics and wait for its answer, as a rider's app does.

    find the rider's partition ─> stand at the end of quotes.v1 there ─> publish the request ─> read until its answer

Standing first and publishing second means that no answer can slip by, however fast it comes. Answers stand in the same
partition number as their requests, so one partition is all there is to read.
"""

import asyncio
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, Entry, open_consumer
from infra.clients.errors import ClientError, NoAnswerError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.producer import Publisher
from infra.clients.schema_ids import SchemaIds
from topics.catalogue import QUOTE_REQUESTS, QUOTES
from topics.events import QuoteRequested
from topics.partitioners import Partitioner, partition_of
from topics.prices import QuoteAnswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer and where it stands; `latency_ms` from handing over the request to having read the answer."""

    quote: QuoteAnswered
    partition: int
    offset: int
    latency_ms: float


class QuoteClient:
    """Asks one question at a time; several at once take several clients. Use it as an async context."""

    def __init__(self, connection: Connection, publisher: Publisher, ids: SchemaIds) -> None:
        """Publish with an entered `publisher` that knows `quote-requests.v1`; read answers by `ids`."""
        self._connection, self._publisher = connection, publisher
        self._bootstrap = connection.endpoints.bootstrap
        self._decoder = Decoder(QUOTES, ids)
        self._turn = asyncio.Lock()
        self._opened = open_consumer(connection)
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions = 0

    async def __aenter__(self) -> Self:
        self._consumer = await self._opened.__aenter__()
        try:
            self._partitions = await self._common_partitions()
        except BaseException:
            await self._opened.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._opened.__aexit__(None, None, None)

    async def ask(self, request: QuoteRequested, *, timeout_s: float) -> Answer:
        """Publish `request` and return the first answer to it. Its `request_id` must be new.

        Raises NoAnswerError after `timeout_s`, ClientError, UnreachableError, RegistryUnavailable.
        """
        async with self._turn:
            place = TopicPartition(
                QUOTES.name, partition_of(Partitioner.MURMUR2, request.rider_id.encode(), self._partitions)
            )
            started = time.perf_counter()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._stand_at_end(place)
                    started = time.perf_counter()
                    sent = await self._publisher.publish(QUOTE_REQUESTS, request, partition=place.partition)
                    await self._publisher.written(QUOTE_REQUESTS, [sent])
                    found = await self._first_answer(place, request.request_id)
            except TimeoutError:
                raise NoAnswerError(
                    f"no answer to request {request.request_id} in {timeout_s:g} s: is the service `quotes` running?"
                ) from None
            elapsed_ms = (time.perf_counter() - started) * 1000
            return Answer(quote=found.decoded(), partition=found.partition, offset=found.offset, latency_ms=elapsed_ms)

    async def _common_partitions(self) -> int:
        """Partitions that requests and quotes both have. Raises ClientError if they differ."""
        requests = await self._publisher.partitions_of(QUOTE_REQUESTS)
        quotes = await self._publisher.partitions_of(QUOTES)
        if requests != quotes:
            raise ClientError(
                f"{QUOTES.name} must have as many partitions as {QUOTE_REQUESTS.name}, got {quotes} and {requests}"
            )
        return requests

    async def _stand_at_end(self, place: TopicPartition) -> None:
        with kafka_errors(self._bootstrap, f"reading {QUOTES.name}"):
            consumer = self._open()
            consumer.assign([place])
            end = (await consumer.end_offsets([place]))[place]
            consumer.seek(place, end)

    async def _first_answer(self, place: TopicPartition, request_id: str) -> Entry:
        """The first readable answer to the request; later ones of the same id do not count."""
        while True:
            with kafka_errors(self._bootstrap, f"reading {QUOTES.name}"):
                raw = await self._open().getone(place)
            entry = await self._decoder.entry(raw)
            if entry.record is not None and entry.record.request_id == request_id:
                return entry

    def _open(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise RuntimeError("a QuoteClient must be entered before it asks")
        return self._consumer
