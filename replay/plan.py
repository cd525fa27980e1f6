"""Which records a replay of a span of time needs, by topic and partition.

                    warm-up                       from ──────────── to
supply-cells        last of each kind │ 34 min    ·················
demand-cells, city-demand             │ 34 min    ·················
surge                                      2 min  ·················   expected
forecast-state                     2.5 h          ·················   expected
requests, ride events, quotes, decisions  11 min  ·················   the last two expected
policy, markets, models   whole

Where counts are to be made again, pings from two minutes before on, and of pings, requests and decisions one record
more, which tells of a partition that was quiet how far it was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from agents.runtime.partitioning import partition_of
from infra.clients.keeping import Keeping
from replay.answers import REACH_MS
from replay.counts import CITY_BACK_MS
from replay.flushes import COUNTED
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
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
    PartitionGroup,
    Topic,
)
from windows.hexagons import zone_key
from windows.panes import MINUTE_MS

CONTROL = (PRICING_POLICY, MARKETS, MODELS)
OUTPUTS = (SURGE, FORECAST_STATE, QUOTES, BOOKING_DECISIONS)
WARM_UP_MS: dict[Topic, int] = {
    SUPPLY_CELLS: CITY_BACK_MS,
    DEMAND_CELLS: CITY_BACK_MS,
    CITY_DEMAND: CITY_BACK_MS,
    SURGE: 2 * MINUTE_MS,
    FORECAST_STATE: 150 * MINUTE_MS,
    QUOTE_REQUESTS: REACH_MS,
    RIDE_EVENTS: REACH_MS,
    QUOTES: REACH_MS,
    BOOKING_DECISIONS: REACH_MS,
}
TOPICS = (*CONTROL, *WARM_UP_MS)
EVENTS_BACK_MS: dict[Topic, int] = {
    DRIVER_PINGS: 2 * MINUTE_MS,
    QUOTE_REQUESTS: REACH_MS,
    BOOKING_DECISIONS: REACH_MS,
}
"""How far back events are held to make counts of: longer than services read back when they start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Offsets [first, end) of one partition; those of supply before `warm_first` are thinned to what stood last.

    `size` are its bytes on the brokers by its share of the partition's offsets, None if they tell no sizes.
    """

    topic: Topic
    partition: int
    first: int
    warm_first: int
    end: int
    from_offset: int
    size: int | None = None

    @property
    def records(self) -> int:
        """At most so many: offsets of markers and of what is thinned are counted, too."""
        return self.end - self.first

    @property
    def thinned(self) -> int:
        """Those of which only what stood last is kept."""
        return min(self.warm_first, self.end) - self.first if self.topic is SUPPLY_CELLS else 0

    @property
    def expected(self) -> int:
        """Those appended in the span of time itself."""
        return max(0, self.end - self.from_offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What would be read. `gone` says in sentences what the brokers no longer keep of it.

    `schemas` are version and id of all registered for a topic: which of them records name, only they say.
    """

    from_ms: int
    to_ms: int
    zones: frozenset[int] = frozenset()
    quote_id: str = ""
    from_events: bool = False
    partitions: dict[str, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    keeping: Mapping[str, Keeping] = field(default_factory=dict)
    schemas: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def warm_up_ms(self, topic: Topic) -> int | None:
        """How long before the span reading begins; None of a topic that is read whole."""
        events_ms = EVENTS_BACK_MS.get(topic) if self.from_events else None
        return WARM_UP_MS.get(topic) if events_ms is None else events_ms

    @property
    def events_from_ms(self) -> dict[str, int]:
        """Append time from which every event of a topic is read, where counts are to be made again."""
        return {topic.name: self.from_ms - back for topic, back in EVENTS_BACK_MS.items()} if self.from_events else {}

    @property
    def expected(self) -> int:
        """Outputs to be made again."""
        wanted = (*OUTPUTS, *COUNTED) if self.from_events else OUTPUTS
        return sum(span.expected for span in self.spans if span.topic in wanted)


class Offsets(Protocol):
    """What a broker says of one topic's partitions."""

    async def begins(self, topic: Topic) -> dict[int, int]:
        """First offset kept of each partition."""

    async def at(self, topic: Topic, at_ms: int) -> dict[int, int]:
        """First offset appended at that instant or later."""

    async def first_appended_ms(self, topic: Topic, partition: int) -> int | None:
        """When the first record kept was appended; None if there is none."""


async def planned(
    offsets: Offsets,
    from_ms: int,
    to_ms: int,
    *,
    now_ms: int,
    zones: frozenset[int] = frozenset(),
    quote_id: str = "",
    from_events: bool = False,
    keeping: Mapping[str, Keeping] | None = None,
) -> Plan:
    """The plan for outputs appended in [from_ms, to_ms), made at `now_ms` of topics kept as the brokers say."""
    plan = Plan(
        from_ms=from_ms,
        to_ms=to_ms,
        zones=zones,
        quote_id=quote_id,
        from_events=from_events,
        keeping=keeping or {},
    )
    for topic in (*TOPICS, DRIVER_PINGS) if from_events else TOPICS:
        begins, ends = await offsets.begins(topic), await offsets.at(topic, to_ms)
        warm_up_ms = plan.warm_up_ms(topic)
        warm = begins if warm_up_ms is None else await offsets.at(topic, from_ms - warm_up_ms)
        starts, latest = await offsets.at(topic, from_ms), await offsets.at(topic, now_ms)
        sizes = plan.keeping.get(topic.name, Keeping()).sizes
        plan.partitions[topic.name] = len(begins)
        one_more = from_events and topic in EVENTS_BACK_MS
        for number in _numbers(topic, begins, zones):
            first = begins[number] if topic is SUPPLY_CELLS else max(begins[number], warm[number] - one_more)
            end = max(ends[number], first)
            plan.spans.append(
                Span(
                    topic=topic,
                    partition=number,
                    first=first,
                    warm_first=max(warm[number], first),
                    end=end,
                    from_offset=max(starts[number], first),
                    size=_share(sizes.get(number), end - first, latest[number] - begins[number]),
                )
            )
            if begins[number] > 0 and warm_up_ms is not None:
                kept_ms = await offsets.first_appended_ms(topic, number)
                whole_from_ms = _whole_from_ms(topic, kept_ms, number, keeping=plan.keeping, now_ms=now_ms)
                if whole_from_ms > from_ms - warm_up_ms:
                    plan.gone.append(f"{topic.name} {number} is kept from offset {begins[number]} on only")
    return plan


def _share(size: int | None, part: int, whole: int) -> int | None:
    """What part of a size falls to so many offsets of all that a partition keeps."""
    return None if size is None else size * part // max(part, whole, 1)


def _whole_from_ms(
    topic: Topic, kept_ms: int | None, number: int, *, keeping: Mapping[str, Keeping], now_ms: int
) -> int:
    """From when on nothing of a partition is gone that has lost its beginning; `kept_ms` is None if it is empty."""
    of_topic = keeping.get(topic.name, Keeping())
    age_ms = of_topic.age_of_lost_ms(0 if kept_ms is None else of_topic.sizes.get(number))
    if kept_ms is None:
        # A size that is kept never empties a partition: of an empty one only what is older than this is gone.
        return now_ms - (topic.retention_ms if age_ms is None else age_ms)
    return kept_ms if age_ms is None else min(kept_ms, now_ms - age_ms)


def _numbers(topic: Topic, begins: Iterable[int], zones: frozenset[int]) -> list[int]:
    """Partitions in which something of these zones can stand, all if none is named."""
    numbers = sorted(begins)
    if topic.group is not PartitionGroup.ZONE or not zones:
        return numbers
    return sorted({partition_of(zone_key(zone), len(numbers)) for zone in zones})
