"""Records of a plan copied from the brokers into one file, a partition at a time; nothing is written to any broker."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from agents.runtime.record_run import RecordRun
from infra.clients.connection import Connection
from infra.clients.errors import ClientError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.registry import Registry
from replay.about import About
from replay.archive import writing
from replay.contracts import FROM_OUTSIDE, Contracts
from replay.plan import EVENTS_BACK_MS, OUTPUTS, Plan, Span
from replay.records import Raw
from topics.catalogue import (
    BOOKING_DECISIONS,
    DEMAND_CELLS,
    DRIVER_PINGS,
    FORECAST_STATE,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
    Topic,
)
from topics.record_walk import KEY, KEY_END, TIMESTAMP
from topics.schemas import Schema, parse
from topics.wire import schema_id
from windows.hexagons import zone_key
from windows.panes import MINUTE_MS

WAIT_MS = 500
EMPTY_WAITS = 40
EVERY_ZONE = b"*"

Report = Callable[[int], None]
"""Hears how many more records were read."""


@dataclass(slots=True)
class BrokerOffsets:
    """Offsets as a started consumer finds them."""

    consumer: AIOKafkaConsumer
    places: dict[Topic, list[TopicPartition]]
    bootstrap: str

    async def begins(self, topic: Topic) -> dict[int, int]:
        """First offset kept of each partition."""
        with kafka_errors(self.bootstrap, f"looking at {topic.name}"):
            found = await self.consumer.beginning_offsets(self.places[topic])
        return {place.partition: offset for place, offset in found.items()}

    async def at(self, topic: Topic, at_ms: int) -> dict[int, int]:
        """First offset appended at that instant or later."""
        with kafka_errors(self.bootstrap, f"looking at {topic.name}"):
            ends = await self.consumer.end_offsets(self.places[topic])
            found = await self.consumer.offsets_for_times(dict.fromkeys(self.places[topic], max(0, at_ms)))
        return {p.partition: ends[p] if stamp is None else stamp.offset for p, stamp in found.items()}

    async def first_appended_ms(self, topic: Topic, partition: int) -> int | None:
        """When the first record kept was appended; None if there is none."""
        place = TopicPartition(topic.name, partition)
        with kafka_errors(self.bootstrap, f"looking at {topic.name}"):
            found = await self.consumer.offsets_for_times({place: 0})
        stamp = found[place]
        return None if stamp is None else int(stamp.timestamp)


@dataclass(slots=True)
class Capture:
    """Copies one plan; `consumer` reads every topic raw and is assigned all partitions of the plan, paused."""

    connection: Connection
    consumer: AIOKafkaConsumer
    registry: Registry
    plan: Plan
    report: Report = lambda _: None
    _texts: dict[int, str] = field(default_factory=dict)
    _schemas: dict[int, Schema] = field(default_factory=dict)
    _named: dict[tuple[str, int], set[int]] = field(default_factory=dict)

    async def write(self, path: Path, *, code: str) -> None:
        """Write the file at `path`, whole or not at all.

        Raises ClientError, also if the zones asked for have no output in the span, and ArchiveError.
        """
        contracts, expected = Contracts(self._schemas), 0
        with writing(path, is_small=bool(self.plan.zones)) as archive:
            for span in sorted(self.plan.spans, key=_outputs_first):
                writer = archive.opening(span.topic.name, span.partition, (span.first, span.end))
                with writer as held:
                    async for raw in self._wanted(span, contracts):
                        held.append(raw)
                        expected += span.topic in OUTPUTS and raw.appended_ms >= self.plan.from_ms
            if not expected:
                zones = ", ".join(f"{zone:x}" for zone in sorted(self.plan.zones))
                raise ClientError(f"no tick, quote or decision of {zones or 'any zone'} was recorded in that time")
            archive.schemas(self._texts)
            archive.about(
                About(
                    code=code,
                    from_ms=self.plan.from_ms,
                    to_ms=self.plan.to_ms,
                    zones=sorted(self.plan.zones),
                    quote_id=self.plan.quote_id,
                    partitions=self.plan.partitions if self.plan.from_events else {},
                    events_from_ms=self.plan.events_from_ms,
                )
            )

    async def _wanted(self, span: Span, contracts: Contracts) -> AsyncIterator[Raw]:
        """Records of the span that a replay rests on."""
        stood: dict[Any, Raw] = {}
        async for raw in self._records(span):
            if span.topic is SUPPLY_CELLS and raw.offset < span.warm_first:
                key = _stands_for(raw, contracts.decode(SUPPLY_CELLS, raw.value))
                stood.pop(key, None)
                stood[key] = raw
                continue
            for held in stood.values():
                yield held
            stood = {}
            if self._is_named(span, raw, contracts):
                yield raw
        for held in stood.values():
            yield held

    def _near(self, span: Span, run: RecordRun) -> Iterable[int]:
        """Which records of a run, below the span's end, are about a zone asked for, or tell how fresh a source is.

        By their keys, before anything is made of them: of a city's counts a zone's are few.
        """
        within, topic = run.below(span.end), span.topic
        if not self.plan.zones or topic not in {SUPPLY_CELLS, DEMAND_CELLS, FORECAST_STATE, SURGE}:
            return range(within)
        keys, data = {EVERY_ZONE, *(zone_key(zone) for zone in self.plan.zones)}, run.data
        tells_age = topic in {SUPPLY_CELLS, DEMAND_CELLS}
        lately_ms = self.plan.from_ms - MINUTE_MS if tells_age else np.iinfo(np.int64).max
        rows = zip(*run.places[[KEY, KEY_END, TIMESTAMP], :within].tolist(), strict=True)
        return [row for row, (first, end, at_ms) in enumerate(rows) if at_ms >= lately_ms or data[first:end] in keys]

    def _is_named(self, span: Span, raw: Raw, contracts: Contracts) -> bool:
        """Of answers to riders those of the zones asked for, and of what they answer what they name."""
        if not self.plan.zones or (self.plan.from_events and span.topic in EVENTS_BACK_MS):
            return True
        topic, number = span.topic, span.partition
        if topic in {QUOTES, BOOKING_DECISIONS}:
            record = contracts.decode(topic, raw.value)
            if record is None or record.zone not in self.plan.zones:
                return False
            asked = QUOTE_REQUESTS if topic is QUOTES else RIDE_EVENTS
            offset = record.request_offset if topic is QUOTES else record.acceptance_offset
            self._named.setdefault((asked.name, number), set()).add(offset)
            return True
        if topic in {QUOTE_REQUESTS, RIDE_EVENTS}:
            return raw.offset in self._named.get((topic.name, number), ())
        return True

    async def _records(self, span: Span) -> AsyncIterator[Raw]:
        """The span's records that are near, their schemas known. Raises UnreachableError, ClientError."""
        async for run in self._runs(span):
            self.report(len(run))
            for row in self._near(span, run):
                record = run[row]
                await self._know_schema(record)
                # Nothing is made of the headers of pings, which are longer than the pings.
                headers = () if span.topic is DRIVER_PINGS else tuple(record.headers)
                yield Raw(record.offset, record.timestamp, record.key, record.value, headers)

    async def _runs(self, span: Span) -> AsyncIterator[RecordRun]:
        """The span as it comes from the brokers; every partition stays assigned, all but this one paused."""
        if span.first >= span.end:
            return
        place, doing = TopicPartition(span.topic.name, span.partition), f"reading {span.topic.name}"
        self.consumer.seek(place, span.first)
        self.consumer.resume(place)
        position, empty = span.first, 0
        while position < span.end:
            with kafka_errors(self.connection.endpoints.bootstrap, doing):
                runs = (await self.consumer.getmany(place, timeout_ms=WAIT_MS)).get(place, [])
                position = await self.consumer.position(place)
            empty = 0 if runs else empty + 1
            if empty > EMPTY_WAITS:
                raise ClientError(f"the brokers gave no more of {span.topic.name} {span.partition} at {position}")
            for run in runs:
                yield run
        self.consumer.pause(place)

    async def _know_schema(self, record: ConsumerRecord) -> None:
        number = schema_id(record.value) if record.value is not None else None
        if number is None or number in self._texts:
            return
        text = await self.registry.schema(number)
        if text is None and record.topic in FROM_OUTSIDE:
            return  # whoever reads it refuses it for that
        if text is None:
            raise ClientError(
                f"{record.topic} {record.partition}@{record.offset} names schema {number}, which the registry lacks: "
                "nothing was written"
            )
        self._texts[number], self._schemas[number] = text, parse(text)


def _stands_for(raw: Raw, record: Any) -> tuple[Any, ...]:  # noqa: ANN401  a supply record, None if unreadable
    """Of records with one such key the last tells all that stands."""
    if record is None:
        return (raw.offset,)
    epoch = record.epoch_generation, record.epoch_started_ms
    return raw.key, record.source_partition, *epoch, str(record.kind)


def _outputs_first(span: Span) -> int:
    """Answers before what they name, so that only that is kept of it."""
    return 0 if span.topic in {QUOTES, BOOKING_DECISIONS} else 1
