"""Records of every recorded topic, some of which nobody can read, at an even pace."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

from agents.runtime.publisher import Publisher, Record
from infra.clients.connection import Connection
from infra.clients.registry import Registry
from tests.broker.services import partitions
from topics.catalogue import BOOKING_DECISIONS, QUOTES, RIDE_EVENTS, SURGE, Topic, dead_letters_of
from topics.codec import ObjectCodec
from topics.events import RideEventHappened, RideEventKind
from topics.ledger import DeadLettered, Header
from topics.partitioners import Partitioner, partition_of
from topics.prices import BookingJudged, BookingOutcome, PriceReason, QuoteAnswered, QuoteOutcome, SurgeTicked

NOW_MS = 1_790_000_000_000
CELL, ZONE = 0x882A100D25FFFFF, 0x862A100D7FFFFFF
RIDE_EVENTS_DLQ = dead_letters_of(RIDE_EVENTS)
TOPICS = (QUOTES, SURGE, BOOKING_DECISIONS, RIDE_EVENTS, RIDE_EVENTS_DLQ)
HEADERS = (("ce_id", b"q-1"), ("odd", b"\xff\x00"))


def quote(number: int, rider: str, *, amount_minor: int = 1990) -> QuoteAnswered:
    """A quote at 1.3×, whose tick stands at offset `number` of partition 1."""
    return QuoteAnswered(
        quote_id=f"quote-{rider}-{number}",
        request_id=f"request-{rider}-{number}",
        rider_id=rider,
        outcome=QuoteOutcome.PRICED,
        at_ms=NOW_MS,
        now_ms=NOW_MS + 5,
        valid_until_ms=NOW_MS + 120_005,
        product="standard",
        zone=ZONE,
        cell=CELL,
        currency="USD",
        amount_minor=amount_minor,
        multiplier_hundredths=130,
        reasons=[PriceReason(code="rate-limit", before_hundredths=150, after_hundredths=130)],
        request_offset=number,
        tick_partition=1,
        tick_offset=number,
        tick_now_ms=NOW_MS - 100,
    )


def tick(number: int) -> SurgeTicked:
    """A tick of two cells, the second at 1.7×."""
    offsets = ("previous", "supply", "demand", "city", "policy", "markets", "models", "forecast")
    return SurgeTicked(
        zone=ZONE,
        market="new-york",
        epoch_generation=1,
        epoch_started_ms=NOW_MS,
        now_ms=NOW_MS + number,
        **{f"{name}_offset": number for name in offsets},
        model="demand/1",
        supply_complete=True,
        demand_complete=True,
        data_age_ms=200,
        products=["standard"],
        cells=[CELL, CELL + 1],
        multiplier_hundredths=[100, 170],
    )


def decision(number: int, rider: str) -> BookingJudged:
    """An accepted booking of the quote of that number."""
    return BookingJudged(
        decision_id=f"decision-{rider}-{number}",
        quote_id=f"quote-{rider}-{number}",
        ride_id=f"ride-{rider}-{number}",
        rider_id=rider,
        outcome=BookingOutcome.ACCEPTED,
        at_ms=NOW_MS + 10,
        now_ms=NOW_MS + 20,
        zone=ZONE,
        cell=CELL,
        product="standard",
        currency="USD",
        amount_minor=1990,
        acceptance_offset=number,
        quote_offset=number,
    )


def completed(number: int, rider: str) -> RideEventHappened:
    """The end of the ride of that number."""
    return RideEventHappened(
        event_id=f"event-{rider}-{number}",
        rider_id=rider,
        ride_id=f"ride-{rider}-{number}",
        kind=RideEventKind.RIDE_COMPLETED,
        at_ms=NOW_MS + 900_000,
    )


def refused(number: int) -> DeadLettered:
    """A ride event that was refused, bytes and all."""
    return DeadLettered(
        topic=RIDE_EVENTS.name,
        partition=2,
        offset=number,
        timestamp_ms=NOW_MS,
        key=b"rider-1",
        value=b"\x00\xff{}",
        headers=[Header(name="ce_id", value=b"\xfe")],
        error_class="InvalidField",
        field="quote_id",
        rule="quote-id-given",
        sentence="quote_id must be given, got none",
        service="quotes",
        now_ms=NOW_MS + 3,
    )


class Load:
    """Publishes records and says what it published."""

    def __init__(self, publisher: Publisher, codecs: dict[Topic, ObjectCodec], partitions: dict[str, int]) -> None:
        self._publisher, self._codecs, self._partitions = publisher, codecs, partitions
        self.written = 0

    async def publish(self, topic: Topic, key: str, *records: Any) -> list[int]:
        """Publish records under one key and return their offsets; bytes are published as they are."""
        partition = partition_of(Partitioner.MURMUR2, key.encode(), self._partitions[topic.name])
        codec = self._codecs[topic]
        values = [record if isinstance(record, bytes) else codec.encode(record) for record in records]
        made = [Record(topic.name, partition, key.encode(), value, HEADERS) for value in values]
        offsets = await self._publisher.send(made)
        self.written += len(made)
        return offsets

    async def run(self, enough: asyncio.Event) -> None:
        """Publish some of everything, again and again, until there is enough."""
        number = 0
        while not enough.is_set():
            rider = f"rider-{number % 40}"
            await self.publish(QUOTES, rider, *(quote(number + i, rider) for i in range(20)))
            await self.publish(SURGE, f"{ZONE:x}", tick(number))
            await self.publish(BOOKING_DECISIONS, rider, decision(number, rider))
            await self.publish(RIDE_EVENTS, rider, completed(number, rider), *_broken(number))
            await self.publish(RIDE_EVENTS_DLQ, rider, refused(number))
            number += 20
            await asyncio.sleep(0.02)  # the pace of the load, not a wait for anything


def _broken(number: int) -> Iterator[bytes]:
    """Now and then something that is no ride event."""
    if number % 100 == 0:
        yield b"{}"
        yield b"\x00\x00\x00\x00\x01\xff"


@asynccontextmanager
async def prepared_load(connection: Connection) -> AsyncIterator[Load]:
    """A load for servers with the catalogue's topics and schemas."""
    bootstrap = connection.endpoints.bootstrap
    async with Registry(connection) as registry, Publisher(bootstrap) as publisher:
        ids = await registry.ids_of(TOPICS)
        codecs = {topic: ObjectCodec(topic, ids[topic.name]) for topic in TOPICS}
        yield Load(publisher, codecs, await partitions(bootstrap))
