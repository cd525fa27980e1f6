"""An hour of a city's traffic made in a fraction of it: the services' own rules over a clock that is only counted.

    cars, riders ──> pings, requests, acceptances ──> SUPPLY, DEMAND ──> counts ──> PRICING ──> ticks ──> QUOTES
                     └──────────────────────── files, at append times that are made up ────────────────────────┘

Every 250 ms of that clock the cars whose turn it is ping, riders ask and accept, both counting services flush, zones
that are due are priced, and what was asked is answered. The recording that comes out is like one taken from brokers on
which no worker ever stopped; it is there to measure replays, and to test them without servers.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from agents.counts_again import Delivered
from agents.pricing_desk import PricingDesk
from agents.quote_desk import QuoteDesk
from agents.runtime.counting import Outgoing
from agents.runtime.partitioning import partition_of
from bench.city import Places
from bench.counting_services import CountingServices
from bench.drifting_cars import DriftingCars
from bench.spool import Spool
from pricing.defaults import new_york_market, new_york_policy
from pricing.models.model_choice import ModelBook
from pricing.quotes.quote import QuoteContext, answer
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from pricing.zones.zone_rows import dirty_rows
from replay.answers import cell_of
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEMAND_CELLS,
    DRIVER_PINGS,
    EVERY_TOPIC,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
    PartitionGroup,
    Topic,
)
from topics.control import ModelAnnounced, PricingPolicySet
from topics.events import QuoteRequested, RideEventHappened, RideEventKind
from topics.prices import QuoteAnswered, QuoteOutcome
from windows.epochs import Epoch
from windows.hexagons import zone_key, zone_of

STEP_MS = 250
ALIVE_EVERY = 4
ACCEPTS_AFTER_STEPS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """How much of it: cars that ping every four seconds, requests a second, one in `accepted_of` taken.

    Outputs of the last `seconds` are expected, those of `warm_s` before warm up. `restart_s` after the start the
    counting services begin anew, as after a rebalance.
    """

    drivers: int
    requests_per_s: float
    seconds: int
    warm_s: int
    partitions: int = 4
    idle: float = 0.58
    accepted_of: int = 4
    with_events: bool = True
    restart_s: int | None = None
    policy: PricingPolicySet = field(default_factory=new_york_policy)
    seed: int = 1
    begin_ms: int = 1_793_620_800_000

    def partitions_of(self, topic: Topic) -> int:
        """How many partitions a topic has in this city."""
        return 1 if topic.group is PartitionGroup.ONE else self.partitions


def record(file: Path, traffic: Traffic, places: Places, model: ModelAnnounced, report: Callable[[int], None]) -> None:
    """Write a recording of that traffic; `report` hears of each second made. Raises ArchiveError."""
    with TemporaryDirectory(prefix="faretide-city-", dir=file.parent) as root:
        counts = {topic: traffic.partitions_of(topic) for topic in EVERY_TOPIC if not _is_aside(topic)}
        with Spool(Path(root), counts) as spool:
            city = RecordedCity(traffic, places, model, spool)
            for second in range(traffic.warm_s + traffic.seconds):
                for _ in range(1_000 // STEP_MS):
                    city.step()
                report(second)
            from_ms = traffic.begin_ms + traffic.warm_s * 1_000
            events = (DRIVER_PINGS, QUOTE_REQUESTS, BOOKING_DECISIONS) if traffic.with_events else ()
            spool.record(file, code="made in memory", from_ms=from_ms, to_ms=city.now_ms + 1, events=events)


def _is_aside(topic: Topic) -> bool:
    """Dead letters, late events and telemetry, of which no replay makes use."""
    return topic.name.endswith(".dlq") or topic.name in {"late-events.v1", "telemetry.v1"}


class RecordedCity:
    """The city at one instant, and everything it said so far in a spool."""

    def __init__(self, traffic: Traffic, places: Places, model: ModelAnnounced, spool: Spool) -> None:
        """Everything is drawn from the seed of `traffic`."""
        self.now_ms = traffic.begin_ms
        self._traffic, self._places, self._spool = traffic, places, spool
        self._dice = np.random.default_rng(traffic.seed)
        self._cars = DriftingCars(
            places,
            drivers=traffic.drivers,
            idle=traffic.idle,
            partitions=traffic.partitions,
            schema_id=spool.schema_id(DRIVER_PINGS),
            dice=self._dice,
        )
        self._books: dict[Topic, Any] = {MARKETS: MarketBook(), PRICING_POLICY: PolicyBook(), MODELS: ModelBook()}
        for topic, said in ((MARKETS, new_york_market()), (PRICING_POLICY, traffic.policy), (MODELS, model)):
            offset = self._append(topic, 0, b"all", said)
            self._books[topic].learn(said, offset)
        self._counting = CountingServices(
            spool=spool,
            partitions={topic.name: traffic.partitions_of(topic) for topic in EVERY_TOPIC},
            restart=bool(traffic.restart_s),
        )
        self._epoch = Epoch(1, self.now_ms)
        self._counting.begin(self._epoch, stamp_ms=None)
        self._desk = PricingDesk(
            markets=self._books[MARKETS],
            policies=self._books[PRICING_POLICY],
            models=self._books[MODELS],
            zone_partitions=traffic.partitions,
        )
        self._desk.assigned(self._epoch, [PartitionState(number) for number in range(traffic.partitions)])
        self._desk.read_back()
        self._desk.follow_markets(self.now_ms)
        self._quotes = QuoteDesk(markets=self._books[MARKETS], policies=self._books[PRICING_POLICY])
        self._quotes.assigned(range(traffic.partitions))
        self._asked = 0
        self._taken: deque[list[QuoteAnswered]] = deque()
        self._steps = 0

    def step(self) -> None:
        """Let 250 ms pass."""
        self.now_ms += STEP_MS
        self._steps += 1
        if self._traffic.restart_s and self.now_ms == self._traffic.begin_ms + self._traffic.restart_s * 1_000:
            self._epoch = Epoch(self._epoch.generation + 1, self.now_ms)
            self._counting.begin(self._epoch, stamp_ms=self.now_ms - STEP_MS)
        self._ping()
        asked = self._ask()
        for one in self._counting.flush(self.now_ms, is_alive=self._steps % ALIVE_EVERY == 1):
            self._hear(one, self._append(one.topic, one.partition, one.key, one.record))
        self._price()
        self._accept()
        self._taken.append([quote for one in asked if (quote := self._answer(*one)) is not None])

    def _append(self, topic: Topic, partition: int, key: bytes, said: Any) -> int:  # noqa: ANN401  its record class
        return self._spool.append(topic, partition, key, self._spool.encode(topic, said), self.now_ms)

    def _ping(self) -> None:
        for partition, key, value in self._cars.pings(self.now_ms, span_ms=STEP_MS):
            append = self._spool.append if self._traffic.with_events else self._numbered
            offset = append(DRIVER_PINGS, partition, key, value, self.now_ms)
            self._counting.deliver(DRIVER_PINGS, Delivered(partition, offset, self.now_ms, key, value))

    def _numbered(self, topic: Topic, partition: int, _key: bytes, _value: bytes, _appended_ms: int) -> int:
        return self._spool.pass_over(topic, partition)

    def _ask(self) -> list[tuple[int, int, QuoteRequested]]:
        """Riders ask; partition, offset and request of each."""
        asked = []
        for _ in range(int(self._dice.poisson(self._traffic.requests_per_s * STEP_MS / 1_000))):
            start, end = self._dice.integers(0, self._places.lat.size, 2).tolist()
            self._asked += 1
            rider = f"rider-{int(self._dice.integers(0, 500_000)):07d}"
            request = QuoteRequested(
                request_id=f"request-{self._asked:09d}",
                rider_id=rider,
                at_ms=self.now_ms - int(self._dice.integers(0, 2_000)),
                pickup_lat=float(self._places.lat[start]),
                pickup_lon=float(self._places.lon[start]),
                dropoff_lat=float(self._places.lat[end]),
                dropoff_lon=float(self._places.lon[end]),
                product=("standard", "xl", "premium")[int(self._dice.choice(3, p=(0.78, 0.14, 0.08)))],
            )
            partition = partition_of(rider.encode(), self._traffic.partitions)
            value = self._spool.encode(QUOTE_REQUESTS, request)
            offset = self._spool.append(QUOTE_REQUESTS, partition, rider.encode(), value, self.now_ms)
            delivered = Delivered(partition, offset, self.now_ms, rider.encode(), value)
            self._counting.deliver(QUOTE_REQUESTS, delivered)
            asked.append((partition, offset, request))
        return asked

    def _hear(self, one: Outgoing, offset: int) -> None:
        if one.topic is SUPPLY_CELLS:
            self._desk.supply(one.partition, one.record, offset, self.now_ms)
        elif one.topic is DEMAND_CELLS:
            self._desk.demand(one.partition, one.record, offset, self.now_ms)
        elif one.topic is CITY_DEMAND:
            self._desk.city_demand(one.record, offset)

    def _price(self) -> None:
        for zone in self._desk.due(self.now_ms):
            tick = self._desk.tick(zone, self.now_ms)
            if tick is not None:
                partition = self._desk.partition_of_zone(zone)
                offset = self._append(SURGE, partition, zone_key(zone), tick)
                self._desk.ticked(tick, offset)
                self._quotes.tick_read(tick, partition, offset)
        if self._steps % 20 == 0:
            for memory in self._desk.memories(self.now_ms):
                partition = self._desk.partition_of_zone(memory.zone)
                self._desk.remembered(memory, self._append(FORECAST_STATE, partition, zone_key(memory.zone), memory))
            self._desk.city.forget(self.now_ms)
            self._forget()

    def _forget(self) -> None:
        """As the services do when they save."""
        for state in self._desk.partitions.values():
            for _ in dirty_rows(state, self.now_ms):
                pass
        for answered in self._quotes.partitions.values():
            answered.forget(self.now_ms, self.now_ms - 600_000)

    def _answer(self, partition: int, offset: int, request: QuoteRequested) -> QuoteAnswered | None:
        """The quote, if its rider will take it."""
        cell = cell_of(request)
        zone = zone_of(cell) if cell else 0
        market = self._books[MARKETS].holding(cell, self.now_ms) if cell else None
        where = QuoteContext(
            cell=cell,
            zone=zone,
            market=market,
            policy=self._books[PRICING_POLICY].at(market.name, self.now_ms) if market else None,
            tick=self._quotes.ticks.get(zone),
        )
        quote = answer(request, where, appended_ms=self.now_ms, now_ms=self.now_ms, request_offset=offset)
        at = self._append(QUOTES, partition, request.rider_id.encode(), quote)
        self._quotes.partitions[partition].quote_read(quote, at)
        takes = quote.outcome is QuoteOutcome.PRICED and self._dice.integers(0, self._traffic.accepted_of) == 0
        return quote if takes else None

    def _accept(self) -> None:
        """Riders take quotes of three seconds ago."""
        if len(self._taken) < ACCEPTS_AFTER_STEPS:
            return
        for quote in self._taken.popleft():
            key = quote.rider_id.encode()
            partition = partition_of(key, self._traffic.partitions)
            accepted = RideEventHappened(
                event_id=f"taken-{quote.quote_id}",
                rider_id=quote.rider_id,
                ride_id=f"ride-{quote.quote_id}",
                kind=RideEventKind.QUOTE_ACCEPTED,
                at_ms=self.now_ms,
                quote_id=quote.quote_id,
            )
            offset = self._append(RIDE_EVENTS, partition, key, accepted)
            decision = self._quotes.judge(partition, accepted, appended_ms=self.now_ms, offset=offset)
            if decision is not None:
                value = self._spool.encode(BOOKING_DECISIONS, decision)
                at = self._spool.append(BOOKING_DECISIONS, partition, key, value, self.now_ms)
                self._counting.deliver(BOOKING_DECISIONS, Delivered(partition, at, self.now_ms, key, value))
