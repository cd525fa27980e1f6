"""From the brokers to a recording: the outputs of a range, all they name, and what came before it.

    outputs in [from, to) ──> the offsets they name ─┐
    warm-up of each topic ──> first append time ─────┴─> the earlier of the two, up to the range's end

Of `supply-cells.v1`, where a zone that does not change is silent for hours, everything kept is read, and what stands
before the warm-up is thinned to the last word of each source and zone: the snapshot.
"""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.runtime.partitioning import partition_of
from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, open_consumer, places_of
from infra.clients.errors import ClientError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from pricing.zone_state import KEPT_MS
from replay.recording import About, Raw, RecordingWriter, framed
from topics import wire
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEMAND_CELLS,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
    Topic,
)
from topics.prices import BookingJudged, QuoteAnswered, SurgeTicked
from windows.hexagons import zone_key

MINUTE_MS = 60_000
WHOLE = None
WARM_UP_MS: dict[Topic, int | None] = {
    MARKETS: WHOLE,
    PRICING_POLICY: WHOLE,
    MODELS: WHOLE,
    BOOKING_DECISIONS: 11 * MINUTE_MS,
    QUOTES: 11 * MINUTE_MS,
    RIDE_EVENTS: MINUTE_MS,
    QUOTE_REQUESTS: MINUTE_MS,
    SURGE: 2 * MINUTE_MS,
    FORECAST_STATE: 150 * MINUTE_MS,
    DEMAND_CELLS: KEPT_MS + 2 * MINUTE_MS,
    CITY_DEMAND: KEPT_MS + 4 * MINUTE_MS,
    SUPPLY_CELLS: KEPT_MS + 2 * MINUTE_MS,
}
"""How far before the range each topic is read, in the order in which they are: those that name others come first."""
OF_ZONES = (SURGE, FORECAST_STATE, DEMAND_CELLS, SUPPLY_CELLS)
POLL_MS = 500
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Outputs appended in `[from_ms, to_ms)`, of some zones only if any is named."""

    from_ms: int
    to_ms: int
    zones: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTopic:
    """What is read of one topic: `records` in `partitions`, from `from_ms` on, 0 where it is read whole."""

    topic: str
    partitions: int
    records: int
    about_bytes: int
    from_ms: int
    schemas: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a capture would read; `outputs` counts records of quotes, ticks and decisions in the range itself."""

    wanted: Wanted
    topics: list[PlannedTopic]
    outputs: int


Span = tuple[int, int]


@dataclass(slots=True)
class Capture:
    """One capture over one consumer. `named` is the least offset that an output of the range names, per place."""

    consumer: AIOKafkaConsumer
    ids: SchemaIds
    bootstrap: str
    wanted: Wanted
    places: dict[Topic, list[TopicPartition]]
    zone_partition: Callable[[int], int]
    named: dict[TopicPartition, int] = field(default_factory=dict)
    schema_ids: set[int] = field(default_factory=set)

    async def plan(self) -> Plan:
        """What would be read, by append times alone; a few records of each topic say how large they are."""
        topics = []
        for topic in WARM_UP_MS:
            spans = {place: await self.span(topic, place) for place in self._of(topic)}
            size, ids = await self._sample(spans)
            records = sum(last - first for first, last in spans.values())
            topics.append(
                PlannedTopic(
                    topic=topic.name,
                    partitions=len(spans),
                    records=records,
                    about_bytes=round(size * records),
                    from_ms=self._from_ms(topic),
                    schemas=sorted(ids),
                )
            )
        return Plan(wanted=self.wanted, topics=topics, outputs=await self._outputs())

    async def write(self, file: Path, about: About, registry: Registry, progress: Progress) -> RecordingWriter:
        """Read everything into `file`, whole or not at all."""
        with RecordingWriter(file) as writer:
            for topic in WARM_UP_MS:
                for place in self._of(topic):
                    if topic is SURGE:
                        await self._look_ahead(topic, place)
                    with writer.partition(topic.name, place.partition) as add:
                        async for raw in self._records(topic, place):
                            add(_raw(raw))
                    progress(topic.name, writer.counts.get(topic.name, 0))
            writer.finish(about, {one: await _schema(registry, one) for one in self.schema_ids})
        return writer

    async def span(self, topic: Topic, place: TopicPartition) -> Span:
        """First offset to read and the end, both as far as the brokers still keep them."""
        with kafka_errors(self.bootstrap, f"finding offsets of {topic.name}"):
            begin = (await self.consumer.beginning_offsets([place]))[place]
            end = await self._at(place, self.wanted.to_ms)
            if WARM_UP_MS[topic] is WHOLE:
                end = (await self.consumer.end_offsets([place]))[place]
            first = begin if self._from_ms(topic) == 0 else await self._at(place, self._from_ms(topic))
        return max(begin, min(first, self.named.get(place, first))), end

    def _of(self, topic: Topic) -> list[TopicPartition]:
        """Partitions to read: of zone topics only those that hold a zone that is wanted."""
        held = self.places[topic]
        if topic not in OF_ZONES or not self.wanted.zones:
            return held
        numbers = {self.zone_partition(zone) for zone in self.wanted.zones}
        return [place for place in held if place.partition in numbers]

    def _from_ms(self, topic: Topic) -> int:
        warm_up_ms = WARM_UP_MS[topic]
        return 0 if warm_up_ms is None else max(1, self.wanted.from_ms - warm_up_ms)

    async def _at(self, place: TopicPartition, at_ms: int) -> int:
        found = (await self.consumer.offsets_for_times({place: at_ms}))[place]
        return (await self.consumer.end_offsets([place]))[place] if found is None else int(found.offset)

    async def _outputs(self) -> int:
        total = 0
        for topic in (SURGE, QUOTES, BOOKING_DECISIONS):
            for place in self._of(topic):
                total += await self._at(place, self.wanted.to_ms) - await self._at(place, self.wanted.from_ms)
        return total

    async def _records(self, topic: Topic, place: TopicPartition) -> AsyncIterator[ConsumerRecord]:
        first, end = await self.span(topic, place)
        decoder = Decoder(topic, self.ids)
        if topic is SUPPLY_CELLS:
            for raw in await self._snapshot(place, first):
                yield raw
        async for raw in self._read(place, first, end):
            if raw.value is not None and (schema_id := wire.schema_id(raw.value)) is not None:
                self.schema_ids.add(schema_id)
            if topic in NAMES and self.wanted.from_ms <= raw.timestamp < self.wanted.to_ms:
                await self._note_named(topic, decoder, raw)
            yield raw

    async def _look_ahead(self, topic: Topic, place: TopicPartition) -> None:
        """Ticks name ticks before them, which may lie before the warm-up where pricing stood still."""
        decoder = Decoder(topic, self.ids)
        first, end = await self._at(place, self.wanted.from_ms), await self._at(place, self.wanted.to_ms)
        async for raw in self._read(place, first, end):
            await self._note_named(topic, decoder, raw)

    async def _note_named(self, topic: Topic, decoder: Decoder, raw: ConsumerRecord) -> None:
        record = (await decoder.entry(raw)).record
        if record is not None:
            self._note(NAMES[topic](raw.partition, record))

    def _note(self, named: Iterable[tuple[Topic, int, int]]) -> None:
        for topic, partition, offset in named:
            if offset >= 0:
                place = TopicPartition(topic.name, partition)
                self.named[place] = min(self.named.get(place, offset), offset)

    async def _snapshot(self, place: TopicPartition, before: int) -> list[ConsumerRecord]:
        """The last word before an offset of each source, epoch, zone and kind, in order."""
        begin = (await self.consumer.beginning_offsets([place]))[place]
        decoder, last = Decoder(SUPPLY_CELLS, self.ids), dict[Any, ConsumerRecord]()
        async for raw in self._read(place, begin, before):
            said = (await decoder.entry(raw)).record
            if said is not None:
                epoch = said.epoch_generation, said.epoch_started_ms
                last[said.source_partition, epoch, said.zone, said.kind] = raw
                self.schema_ids.add(wire.schema_id(raw.value) or 0)
        return sorted(last.values(), key=lambda raw: int(raw.offset))

    async def _read(self, place: TopicPartition, first: int, end: int) -> AsyncIterator[ConsumerRecord]:
        if first >= end:
            return
        with kafka_errors(self.bootstrap, f"reading {place.topic}"):
            self.consumer.seek(place, first)
            self.consumer.resume(place)
            try:
                while await self.consumer.position(place) < end:
                    for raw in (await self.consumer.getmany(place, timeout_ms=POLL_MS)).get(place, ()):
                        if raw.offset < end:
                            yield raw
            finally:
                self.consumer.pause(place)

    async def _sample(self, spans: dict[TopicPartition, Span]) -> tuple[float, set[int]]:
        """Mean bytes of a record and schema ids of the first ones of the longest span."""
        place, (first, end) = max(spans.items(), key=lambda item: item[1][1] - item[1][0])
        sizes, ids = [], set[int]()
        async for raw in self._read(place, first, min(end, first + 200)):
            sizes.append(len(framed(_raw(raw))))
            ids.add(wire.schema_id(raw.value or b"") or 0)
        return sum(sizes) / max(1, len(sizes)), ids - {0}


@asynccontextmanager
async def open_capture(connection: Connection, registry: Registry, wanted: Wanted) -> AsyncIterator[Capture]:
    """A capture of what is wanted. Raises UnreachableError, TopicMissingError, ClientError if the range is empty."""
    if wanted.from_ms >= wanted.to_ms:
        raise ClientError(f"the range must end after it begins, got {wanted.from_ms} to {wanted.to_ms}")
    async with open_consumer(connection) as consumer:
        places = await places_of(consumer, WARM_UP_MS)
        zones = len(places[SURGE])
        # All stay assigned: a consumer forgets where topics are that it lets go.
        consumer.assign([place for held in places.values() for place in held])
        consumer.pause(*consumer.assignment())
        await consumer.end_offsets(list(consumer.assignment()))
        yield Capture(
            consumer=consumer,
            ids=SchemaIds(registry),
            bootstrap=connection.endpoints.bootstrap,
            wanted=wanted,
            places=places,
            zone_partition=lambda zone: partition_of(zone_key(zone), zones),
        )


def about_of(capture: Capture, *, code: str, note: str = "") -> About:
    """What the recording of this capture says of itself."""
    return About(
        from_ms=capture.wanted.from_ms,
        to_ms=capture.wanted.to_ms,
        partitions={topic.name: len(held) for topic, held in capture.places.items()},
        code=code,
        zones=[f"{zone:x}" for zone in sorted(capture.wanted.zones)],
        note=note,
    )


def _named_by_tick(partition: int, tick: SurgeTicked) -> list[tuple[Topic, int, int]]:
    return [(SURGE, partition, tick.previous_offset), (FORECAST_STATE, partition, tick.forecast_offset)]


def _named_by_quote(partition: int, quote: QuoteAnswered) -> list[tuple[Topic, int, int]]:
    return [(QUOTE_REQUESTS, partition, quote.request_offset), (SURGE, quote.tick_partition, quote.tick_offset)]


def _named_by_decision(partition: int, decision: BookingJudged) -> list[tuple[Topic, int, int]]:
    return [(RIDE_EVENTS, partition, decision.acceptance_offset), (QUOTES, partition, decision.quote_offset)]


NAMES: dict[Topic, Callable[[int, Any], list[tuple[Topic, int, int]]]] = {
    SURGE: _named_by_tick,
    QUOTES: _named_by_quote,
    BOOKING_DECISIONS: _named_by_decision,
}


def _raw(record: ConsumerRecord) -> Raw:
    return Raw(record.offset, record.timestamp, record.key, record.value, tuple(record.headers))


async def _schema(registry: Registry, schema_id: int) -> str:
    text = await registry.schema(schema_id)
    if text is None:
        raise ClientError(f"the registry has no schema of id {schema_id}, which records of the range name")
    return text
