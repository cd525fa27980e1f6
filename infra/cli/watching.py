"""What `faretide up` sees of its own system, from outside: by reading topics.

Freshness is followed for the pings of one partition: they are a fair sample, since drivers are spread by a hash.
"""

import asyncio
import contextlib
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, Entry, open_consumer, places_of
from infra.clients.errors import RegistryUnavailable
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from simulation.freshness import FreshnessTracker, PingSample
from simulation.histogram import Histogram
from topics.catalogue import (
    DRIVER_PINGS,
    EVERY_TOPIC,
    QUOTES,
    SUPPLY_CELLS,
    SURGE,
    TELEMETRY,
)
from topics.counts import CountKind
from topics.ledger import TelemetrySampled
from topics.partitioners import Partitioner, partition_of
from topics.prices import QuoteAnswered, QuoteOutcome, SurgeTicked
from windows.hexagons import cells_of, zone_key, zone_of

WATCHED = (QUOTES, SURGE, SUPPLY_CELLS, TELEMETRY)
SAMPLED_PARTITION = 0


@dataclass(slots=True)
class Watch:
    """Counts since the start, and the newest of everything."""

    connection: Connection
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    surged: int = 0
    ticks: int = 0
    ticks_with_model: int = 0
    tick_fallbacks: Counter[str] = field(default_factory=Counter)
    freshness: Histogram = field(default_factory=Histogram)
    latest_quotes: deque[QuoteAnswered] = field(default_factory=lambda: deque(maxlen=5))
    surge: dict[int, SurgeTicked] = field(default_factory=dict)
    workers: dict[str, TelemetrySampled] = field(default_factory=dict)
    ends_at_start: dict[str, int] = field(default_factory=dict)
    _tracker: FreshnessTracker = field(default_factory=FreshnessTracker)
    _zone_partitions: int = 1
    _consumer: AIOKafkaConsumer | None = None
    _places: list[TopicPartition] = field(default_factory=list)

    async def run(self) -> None:
        """Read until cancelled, from what is the end now."""
        async with Registry(self.connection) as registry, open_consumer(self.connection) as consumer:
            ids = SchemaIds(registry)
            decoders = {topic.name: Decoder(topic, ids) for topic in (*WATCHED, DRIVER_PINGS)}
            self._consumer = consumer
            await self._stand_at_end(consumer)
            self.ready.set()
            while True:
                batches = await consumer.getmany(timeout_ms=100)
                for place, batch in batches.items():
                    for raw in batch:
                        with contextlib.suppress(RegistryUnavailable):
                            self._see(place, await decoders[place.topic].entry(raw))
                    await asyncio.sleep(0)

    async def moved(self) -> dict[str, int]:
        """Records written to each topic since the start."""
        ends = await self._ends()
        return {topic: end - self.ends_at_start[topic] for topic, end in ends.items()}

    def hottest(self, many: int) -> list[tuple[int, str, int]]:
        """Cells with the highest multipliers now: (cell, product, hundredths), highest first."""
        found = [
            (multiplier, cell, product)
            for tick in self.surge.values()
            for multiplier, (cell, product) in zip(
                tick.multiplier_hundredths,
                ((cell, product) for cell in tick.cells for product in tick.products),
                strict=True,
            )
            if multiplier > 100
        ]
        return [(cell, product, multiplier) for multiplier, cell, product in sorted(found, reverse=True)[:many]]

    def gauge(self, name: str) -> float:
        """Sum of a gauge over all workers."""
        return sum(sample.gauges.get(name, 0.0) for sample in self.workers.values())

    async def _stand_at_end(self, consumer: AIOKafkaConsumer) -> None:
        everywhere = await places_of(consumer, EVERY_TOPIC)
        self._places = [place for places in everywhere.values() for place in places]
        self._zone_partitions = len(everywhere[SUPPLY_CELLS])
        places = [place for topic in WATCHED for place in everywhere[topic]]
        places.append(TopicPartition(DRIVER_PINGS.name, SAMPLED_PARTITION))
        consumer.assign(places)
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, end)
        self.ends_at_start = await self._ends()

    async def _ends(self) -> dict[str, int]:
        consumer = self._consumer
        assert consumer is not None
        sums: dict[str, int] = dict.fromkeys((topic.name for topic in EVERY_TOPIC), 0)
        for place, end in (await consumer.end_offsets(self._places)).items():
            sums[place.topic] += end
        return sums

    def _see(self, place: TopicPartition, entry: Entry) -> None:
        record: Any = entry.record
        if record is None:
            return
        if place.topic == DRIVER_PINGS.name:
            self._see_ping(entry)
        elif place.topic == SUPPLY_CELLS.name:
            if record.kind in {CountKind.CELLS, CountKind.ALIVE}:
                self._tracker.counted(
                    source_partition=record.source_partition,
                    zone_partition=place.partition,
                    zone=record.zone,
                    pings_offset=record.pings_offset,
                    offset=entry.offset,
                )
        elif place.topic == SURGE.name:
            self._see_tick(record, entry.timestamp_ms)
        elif place.topic == QUOTES.name:
            self._see_quote(record)
        else:
            self.workers[record.worker] = record

    def _see_ping(self, entry: Entry) -> None:
        ping = entry.record
        zone = zone_of(int(cells_of(_array(ping.lat), _array(ping.lon))[0]))
        self._tracker.published(
            PingSample(
                source_partition=entry.partition,
                offset=entry.offset,
                published_ms=ping.at_ms,
                zone=zone,
                zone_partition=partition_of(Partitioner.MURMUR2, zone_key(zone), self._zone_partitions),
            )
        )

    def _see_tick(self, tick: SurgeTicked, appended_ms: int) -> None:
        self.ticks += 1
        if tick.model:
            self.ticks_with_model += 1
        else:
            self.tick_fallbacks[tick.fallback] += 1
        self.surge[tick.zone] = tick
        for fresh_ms in self._tracker.ticked(zone=tick.zone, supply_offset=tick.supply_offset, appended_ms=appended_ms):
            self.freshness.observe(fresh_ms)

    def _see_quote(self, quote: QuoteAnswered) -> None:
        self.outcomes[quote.outcome.lower()] += 1
        if quote.outcome is not QuoteOutcome.PRICED:
            self.refusals[quote.refusal or quote.outcome.lower()] += 1
            return
        self.latest_quotes.append(quote)
        self.surged += quote.multiplier_hundredths > 100
        if quote.fallback:
            self.fallbacks[quote.fallback] += 1


def _array(value: float) -> Any:  # noqa: ANN401  one coordinate as an array
    import numpy as np

    return np.array([value])


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Each count as a share of all.

    >>> shares({"a": 3, "b": 1})
    {'a': 0.75, 'b': 0.25}
    """
    total = sum(counts.values())
    return {name: round(count / total, 6) for name, count in counts.items()} if total else {}
