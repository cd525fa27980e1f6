"""A seeded load for the four services: drivers who move, riders who ask and accept, and everything that goes wrong.

What is wrong on purpose is marked in a header, so that a reader of the topics knows what must have been refused without
asking the services. Nothing else of the load is remembered: what is late or repeated shows in the topics themselves.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from agents.runtime.publisher import Publisher, Record
from infra.clients.connection import Connection
from infra.clients.consumer import Edge, tail
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from tests.broker.services import now_ms, partitions
from tests.broker.services_pings import DISORDER_MS, LATE_MS, PING_EVERY_STEPS, PingFleet
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS, Topic
from topics.codec import ObjectCodec
from topics.events import DriverPinged, DriverStatus, QuoteRequested, RideEventHappened, RideEventKind
from topics.partitioners import Partitioner, partition_of
from topics.prices import QuoteAnswered, QuoteOutcome

FAULT = "fault"
STEP_S = 0.05
LONGEST_OUTAGE_S = 120.0
"""A killed broker is back after seconds, on full cores after more than half a minute: that does not end the load."""
SENDS_UNDERWAY = 8
BEHIND_S = 1.0
"""A load that is further behind than this, after an outage, lets go of what it has missed."""
PRODUCTS = ("standard", "xl", "premium")
TOPICS = (DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS)
NOWHERE = 400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much: each driver but the silent third pings every 1.5 s, a silent one every 15 s; `requests` per 50 ms."""

    drivers: int = 300
    riders: int = 150
    requests: int = 1

    @property
    def silent(self) -> int:
        """Drivers with smaller numbers: what a worker knew of them before a crash must come back."""
        return self.drivers // 3

    @classmethod
    def of_rates(cls, pings_per_s: float, requests_per_s: float) -> "Size":
        """The size that comes nearest to these rates, on a machine that keeps the pace."""
        return cls(
            drivers=max(30, round(pings_per_s * PING_EVERY_STEPS * STEP_S / 0.7)),
            riders=max(30, round(requests_per_s * 7.5)),
            requests=max(1, round(requests_per_s * STEP_S)),
        )


@dataclass(slots=True)
class Load:
    """One seeded load. `riders` and `drivers` of different seeds share no id."""

    seed: int
    size: Size
    publisher: Publisher
    codecs: dict[Topic, ObjectCodec]
    partitions: dict[str, int]
    dice: random.Random = field(init=False)
    fleet: PingFleet = field(init=False)
    promised: list[tuple[int, QuoteAnswered, str]] = field(default_factory=list)
    asked: list[QuoteRequested] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(10**9)))
    broken: int = 0
    late_asked: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.fleet = PingFleet(
            self.seed,
            drivers=self.size.drivers,
            silent=self.size.silent,
            schema_id=self.codecs[DRIVER_PINGS].schema_id,
            partitions=self.partitions[DRIVER_PINGS.name],
        )

    @property
    def late(self) -> int:
        """Requests and pings so old that they are late."""
        return self.late_asked + self.fleet.late

    async def run(self, enough: asyncio.Event) -> None:
        """Publish at an even pace until there is enough."""
        step, due_s = 0, time.monotonic()
        underway: set[asyncio.Task[list[int]]] = set()
        while not enough.is_set():
            asked = [record for _ in range(self.size.requests) for record in self._requests()]
            records = [*self.fleet.pings(step, self._broken_ping), *asked, *self._acceptances()]
            underway.add(asyncio.create_task(self.publisher.send(records)))
            if len(underway) >= SENDS_UNDERWAY:
                done, underway = await asyncio.wait(underway, return_when=asyncio.FIRST_COMPLETED)
                for sent in done:
                    sent.result()
            step, due_s = step + 1, max(due_s + STEP_S, time.monotonic() - BEHIND_S)
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))  # the pace of the load, not a wait for anything
        await asyncio.gather(*underway)

    def hear(self, quote: QuoteAnswered) -> None:
        """Take in a quote: some of those priced for our riders will be accepted, a few twice or by two rides."""
        if quote.outcome is not QuoteOutcome.PRICED or not quote.rider_id.startswith(f"rider-{self.seed}-"):
            return
        at_ms, chance = now_ms() + self.dice.randrange(2_000), self.dice.random()
        if chance < 0.6:
            self.promised.append((at_ms, quote, "good"))
        if chance < 0.15:
            kind = self.dice.choice(["good", "again", "other-ride", "other-ride"])
            self.promised.append((at_ms + self.dice.randrange(8_000), quote, kind))
        if 0.6 < chance < 0.75:
            self.promised.append((at_ms, quote, self.dice.choice(["altered", "unknown", "started"])))

    # ---- records

    def _broken_ping(self, number: int, at_ms: int) -> Record:
        ping = DriverPinged(
            driver_id=self.fleet.keys[number].decode(),
            at_ms=at_ms,
            lat=float(self.fleet.lat[number]),
            lon=float(self.fleet.lon[number]),
            status=DriverStatus.IDLE,
            products=["standard"],
            free_at_ms=None,
        )
        return self._broken(DRIVER_PINGS, ping, ping.driver_id)

    def _requests(self) -> Iterator[Record]:
        if self.asked and self.dice.random() < 0.1:
            again = self.dice.choice(self.asked[-200:])
            yield from self._published(QUOTE_REQUESTS, replace(again, at_ms=self._at_ms()), again.rider_id)
        lat, lon = self._place()
        request = QuoteRequested(
            request_id=f"request-{self.seed}-{next(self.numbers)}",
            rider_id=f"rider-{self.seed}-{self.dice.randrange(self.size.riders)}",
            at_ms=self._at_ms(),
            pickup_lat=lat,
            pickup_lon=lon,
            dropoff_lat=lat + 0.03,
            dropoff_lon=lon,
            product=self.dice.choices([*PRODUCTS, "boat"], [80, 10, 9, 1])[0],
        )
        if self.dice.random() < 0.01:
            request = replace(request, pickup_lat=0.0, pickup_lon=0.0)
        self.asked.append(request)
        yield from self._published(QUOTE_REQUESTS, request, request.rider_id)

    def _acceptances(self) -> Iterator[Record]:
        due = [promise for promise in self.promised if promise[0] <= now_ms()]
        self.promised = [promise for promise in self.promised if promise[0] > now_ms()]
        for _, quote, kind in due:
            event = RideEventHappened(
                event_id=f"event-{self.seed}-{next(self.numbers)}",
                rider_id=quote.rider_id,
                ride_id=f"ride-{quote.quote_id}{'-other' if kind == 'other-ride' else ''}",
                kind=RideEventKind.RIDE_STARTED if kind == "started" else RideEventKind.QUOTE_ACCEPTED,
                at_ms=now_ms() - self.dice.choices([0, 500, 12_000, 60_000], [50, 40, 8, 2])[0],
                quote_id=f"{quote.quote_id}0" if kind == "unknown" else quote.quote_id,
                amount_minor=quote.amount_minor + (kind == "altered"),
                currency=quote.currency,
            )
            yield from self._published(RIDE_EVENTS, event, event.rider_id)

    def _published(self, topic: Topic, record: Any, key: str) -> Iterator[Record]:
        """The record; now and then twice, and now and then a broken one before it."""
        value = self.codecs[topic].encode(record)
        if self.dice.random() < 0.01:
            yield self._broken(topic, record, key)
        yield self._record(topic, key, value)
        if self.dice.random() < 0.03:
            yield self._record(topic, key, value)

    def _broken(self, topic: Topic, record: Any, key: str) -> Record:
        fault = self.dice.choice([name for name in FAULTS if topic in FAULTS[name]])
        self.broken += 1
        value = self.codecs[topic].encode(_harmed(record, fault))
        if fault == "cut":
            value = value[:-3]
        if fault == "unframed":
            value = b"{}"
        if fault == "unknown-schema":
            value = b"\x00\x00\x0f\xff\xff" + value[5:]
        if fault == "negative-schema":
            value = b"\x00\xff\xff\xff\xff" + value[5:]
        return self._record(topic, f"{key}-other" if fault == "wrong-key" else key, value, fault)

    def _record(self, topic: Topic, key: str, value: bytes, fault: str = "") -> Record:
        partition = partition_of(Partitioner.MURMUR2, key.encode(), self.partitions[topic.name])
        return Record(topic.name, partition, key.encode(), value, ((FAULT, fault.encode()),) if fault else ())

    # ---- chance

    def _at_ms(self) -> int:
        """Event time: mostly of this moment, some up to 20 s old, a few so old that they are late."""
        chance = self.dice.random()
        if chance < 0.02:
            self.late_asked += 1
            return now_ms() - self.dice.randrange(*LATE_MS)
        return now_ms() - self.dice.randrange(DISORDER_MS if chance < 0.25 else 300)

    def _place(self) -> tuple[float, float]:
        """Somewhere between the Battery and Harlem, or in Brooklyn: several zones and their borders."""
        return self.dice.uniform(40.69, 40.80), self.dice.uniform(-74.00, -73.94)


FAULTS: dict[str, Sequence[Topic]] = {
    "cut": TOPICS,
    "unframed": TOPICS,
    "unknown-schema": TOPICS,
    "negative-schema": TOPICS,
    "wrong-key": TOPICS,
    "from-the-future": TOPICS,
    "nowhere": (DRIVER_PINGS, QUOTE_REQUESTS),
    "no-products": (DRIVER_PINGS,),
    "no-product": (QUOTE_REQUESTS,),
    "no-request-id": (QUOTE_REQUESTS,),
    "no-quote": (RIDE_EVENTS,),
}
UNANSWERED_FAULTS = {"cut", "unframed", "unknown-schema", "negative-schema", "wrong-key", "no-request-id"}
"""Requests with these have nobody to answer; others are refused in `quotes.v1`, too."""


def _harmed(record: Any, fault: str) -> Any:
    match fault:
        case "from-the-future":
            return replace(record, at_ms=now_ms() + 3_600_000)
        case "nowhere":
            return replace(record, **{"lat" if isinstance(record, DriverPinged) else "pickup_lat": NOWHERE})
        case "no-products":
            return replace(record, products=[])
        case "no-product":
            return replace(record, product="")
        case "no-request-id":
            return replace(record, request_id="")
        case "no-quote":
            return replace(record, kind=RideEventKind.QUOTE_ACCEPTED, quote_id=None)
    return record


@asynccontextmanager
async def loading(connection: Connection, seed: int, size: Size = Size()) -> AsyncIterator[Load]:
    """Publish the load of that seed while the block runs; all of it is written when the block is left."""
    bootstrap = connection.endpoints.bootstrap
    publisher = Publisher(bootstrap, compression="lz4", request_timeout_s=LONGEST_OUTAGE_S)
    async with Registry(connection) as registry, publisher:
        ids = await registry.ids_of(TOPICS)
        codecs = {topic: ObjectCodec(topic, ids[topic.name]) for topic in TOPICS}
        load = Load(seed, size, publisher, codecs, await partitions(bootstrap))
        enough = asyncio.Event()

        async def hear() -> None:
            async for entry in tail(connection, QUOTES, SchemaIds(registry), start=Edge.LATEST):
                load.hear(entry.decoded())

        hearing, publishing = asyncio.create_task(hear()), asyncio.create_task(load.run(enough))
        try:
            yield load
            enough.set()
            await publishing
            assert not hearing.done() or hearing.result()
        finally:
            hearing.cancel()
            publishing.cancel()
