"""The records a tick rests on, gathered by the offsets it names, and the tick computed again from them.

    tick ─> previous tick, memory, model, markets and policies ─> counts back to before the longest window

Cells topics carry a record per zone and flush: those of other zones are passed over undecoded but for the minute before
the tick, where any record tells how fresh its source is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from aiokafka import ConsumerRecord, TopicPartition

from agents.tick_again import Log, TickRecords, tick_again
from infra.clients.consumer import Entry
from lineage.reader import Keep, Span
from pricing.explaining.explanation import Place, Recomputed
from pricing.zones.zone_state import KEPT_MS
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEMAND_CELLS,
    DRIVER_PINGS,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    SUPPLY_CELLS,
    SURGE,
    Topic,
)
from topics.counts import CountKind, DemandCellsCounted, SupplyCellsCounted
from topics.prices import SurgeTicked
from topics.wire import rfc3339
from windows.hexagons import zone_key

REACH_MS = KEPT_MS + 60_000
FAR_MS = 6 * 3_600_000
FRESH_MS = 60_000
UNTOLD = "forecast, features, panes and cars cannot be told"
PARTLY_TOLD = "counts and forecast are told from part of the window"

At = tuple[str, int, int]
"""Topic, partition and offset."""


class Records(Protocol):
    """How records are read; `lineage.reader.Reader` reads them from the brokers."""

    @property
    def places(self) -> Mapping[str, Sequence[TopicPartition]]:
        """Partitions of every topic."""

    async def at(self, wanted: Iterable[tuple[Topic, int, int]]) -> dict[At, Entry]:
        """Records by place, without those no longer kept."""

    async def spans(self, spans: Mapping[TopicPartition, Span], keep: Keep | None = None) -> list[Entry]:
        """Records of offset ranges, in order within a partition, without those no longer kept."""

    async def ends_at(self, topics: Sequence[Topic], at_ms: int) -> dict[tuple[str, int], int]:
        """First offset of each partition appended at that instant or later."""

    async def begins_and_ends(self) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
        """First offsets kept, and ends, of every partition."""


@dataclass(slots=True)
class TickGathering:
    """Gathers the evidence of one tick; `gone` says in sentences what is no longer kept."""

    records: Records
    gone: list[str] = field(default_factory=list)

    async def recomputed(self, tick: SurgeTicked, partition: int) -> tuple[Recomputed | None, list[Place]]:
        """The tick computed again, read further back if it differs; None if what it names is no longer kept."""
        records = await self._named_by_tick(tick, partition)
        if records is None:
            return None, []
        again: Recomputed | None = None
        for reach_ms in (REACH_MS, FAR_MS):
            records = await self._counted(records, tick.now_ms - reach_ms)
            again = self._closest(records)
            if again is None or not again.differing:
                break
        if again is None:
            self.gone.append(f"the tick's market cannot be read any more: {UNTOLD}")
        elif again.differing:
            self.gone += await self._cut_counts(tick, partition)
        return again, _origins(records)

    async def _cut_counts(self, tick: SurgeTicked, partition: int) -> list[str]:
        """A sentence for each topic of counts whose oldest records within the window are gone."""
        begins, _ = await self.records.begins_and_ends()
        topics = {SUPPLY_CELLS: partition, DEMAND_CELLS: partition, CITY_DEMAND: 0}
        firsts = await self.records.ends_at(list(topics), 0)
        within = await self.records.ends_at(list(topics), tick.now_ms - REACH_MS)
        cut = [
            (topic, number, firsts[topic.name, number])
            for topic, number in topics.items()
            if begins[topic.name, number] > 0 and firsts[topic.name, number] == within[topic.name, number]
        ]
        return [
            f"{name} {number} is kept from {rfc3339(entry.timestamp_ms)} on only: {PARTLY_TOLD}"
            for (name, number, _), entry in (await self.records.at(cut)).items()
        ]

    def _closest(self, records: TickRecords) -> Recomputed | None:
        """Of both ways a worker may have come to know the city's totals, the one that gives the tick."""
        partitions = len(self.records.places[SURGE.name])
        again = tick_again(records, zone_partitions=partitions)
        if again is None or not again.differing:
            return again
        other = tick_again(records, zone_partitions=partitions, city_from_snapshot=True)
        return other if other is not None and len(other.differing) < len(again.differing) else again

    async def _named_by_tick(self, tick: SurgeTicked, partition: int) -> TickRecords | None:
        """All that the tick names but the counts; None, with the sentences said, if any of it is gone."""
        begins, _ = await self.records.begins_and_ends()
        named = {
            "previous tick": (SURGE, partition, tick.previous_offset),
            "memory": (FORECAST_STATE, partition, tick.forecast_offset),
            "model": (MODELS, 0, tick.models_offset),
        }
        small = {use.model: (MODELS, 0, use.offset) for use in tick.models_used if use.offset >= 0}
        named |= small
        found = await self.records.at(place for place in named.values() if place[2] >= 0)
        lost = [
            f"the tick's {part}, {topic.name} {number}@{offset}, is no longer kept"
            for part, (topic, number, offset) in named.items()
            if offset >= 0 and (topic.name, number, offset) not in found
        ]
        lost += _lost_counts(tick, partition, begins)
        if lost:
            self.gone += [f"{said}: {UNTOLD}" for said in lost]
            return None
        previous, memory, model, *others = (
            found[topic.name, number, offset].decoded() if offset >= 0 else None
            for topic, number, offset in named.values()
        )
        return TickRecords(
            tick=tick,
            partition=partition,
            previous=previous,
            memory=memory,
            model=model,
            small_models=[(place[2], one) for place, one in zip(small.values(), others, strict=True)],
            markets=await self._log(MARKETS, 0, (0, tick.markets_offset + 1)),
            policies=await self._log(PRICING_POLICY, 0, (0, tick.policy_offset + 1)),
            supply=[],
            demand=[],
            city=[],
        )

    async def _counted(self, records: TickRecords, from_ms: int) -> TickRecords:
        """With the counts appended from `from_ms` on, up to the tick's offsets."""
        tick, number = records.tick, records.partition
        starts = await self.records.ends_at([SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND], from_ms)
        zone, fresh_ms = zone_key(tick.zone), tick.now_ms - FRESH_MS

        def keep(raw: ConsumerRecord) -> bool:
            return raw.key in {zone, b"*"} or raw.timestamp >= fresh_ms

        return replace(
            records,
            supply=await self._log(
                SUPPLY_CELLS, number, (starts[SUPPLY_CELLS.name, number], tick.supply_offset + 1), keep
            ),
            demand=await self._log(
                DEMAND_CELLS, number, (starts[DEMAND_CELLS.name, number], tick.demand_offset + 1), keep
            ),
            city=await self._log(CITY_DEMAND, 0, (starts[CITY_DEMAND.name, 0], tick.city_offset + 1)),
        )

    async def _log(self, topic: Topic, partition: int, span: Span, keep: Keep | None = None) -> Log:
        if span[0] >= span[1]:
            return []
        entries = await self.records.spans({TopicPartition(topic.name, partition): span}, keep)
        return [(entry.offset, entry.record) for entry in entries if entry.record is not None]


def _lost_counts(tick: SurgeTicked, partition: int, begins: Mapping[tuple[str, int], int]) -> list[str]:
    """A sentence for each topic of counts that keeps nothing any more of what the tick read."""
    counts = (
        (SUPPLY_CELLS, partition, tick.supply_offset),
        (DEMAND_CELLS, partition, tick.demand_offset),
        (CITY_DEMAND, 0, tick.city_offset),
    )
    return [
        f"{topic.name} {number} up to {offset} is no longer kept"
        for topic, number, offset in counts
        if 0 <= offset < begins[topic.name, number]
    ]


def _origins(records: TickRecords) -> list[Place]:
    """The last counts of the tick's zone by each source partition, and the outside events counted in them."""
    places: dict[tuple[str, int], Place] = {}
    for part, topic, log in (("cars", SUPPLY_CELLS, records.supply), ("riders", DEMAND_CELLS, records.demand)):
        for offset, one in log:
            source = one.source_partition
            if one.kind is CountKind.CELLS and one.zone == records.tick.zone:
                said = f"{part} of source {source}"
                places[said, source] = Place(part=said, topic=topic.name, partition=records.partition, offset=offset)
            for counted, reach in _counted_events(one):
                places[counted.name, source] = Place(
                    part="counted events", topic=counted.name, partition=source, offset=reach, through=True
                )
    return list(places.values())


def _counted_events(record: SupplyCellsCounted | DemandCellsCounted) -> list[tuple[Topic, int]]:
    """Topics of outside events that the record counts, each with the last offset included."""
    if isinstance(record, SupplyCellsCounted):
        return [(DRIVER_PINGS, record.pings_offset)]
    return [(QUOTE_REQUESTS, record.requests_offset), (BOOKING_DECISIONS, record.decisions_offset)]
