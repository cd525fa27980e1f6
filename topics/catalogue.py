"""Every topic, spelled once: its key, its record class, its partitions and how long it is kept.

Outside events are keyed by who they are about, so a driver and a rider each live in one partition and counts of
distinct ones add up. `quote-requests`, `ride-events`, `quotes` and `booking-decisions` share one partition count, the
zone topics another: services rely on equal partition numbers. A partition count is fixed when the topic is created.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from topics.control import ForecastStateKept, MarketDefined, ModelAnnounced, PricingPolicySet
from topics.counts import CityDemandCounted, DemandCellsCounted, SupplyCellsCounted
from topics.events import DriverPinged, QuoteRequested, RideEventHappened
from topics.ledger import DeadLettered, EventArrivedLate, TelemetrySampled
from topics.prices import BookingJudged, QuoteAnswered, SurgeTicked

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
FOR_EVER = -1


class PartitionGroup(StrEnum):
    """Topics of one group have the same number of partitions."""

    DRIVER = "driver"
    RIDER = "rider"
    ZONE = "zone"
    ONE = "one"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One topic: `key` says what its record key is, `retention_ms` how long the broker keeps it (-1: for ever)."""

    name: str
    key: str
    record: type[Any]
    group: PartitionGroup
    retention_ms: int
    writer: str
    readers: tuple[str, ...]
    about: str

    @property
    def schema_file(self) -> str:
        """File name of its schema in `avro/`; all dead-letter topics share one."""
        return "dead-letters.v1.avsc" if self.record is DeadLettered else f"{self.name}.avsc"

    @property
    def subject(self) -> str:
        """Subject in the schema registry.

        >>> DRIVER_PINGS.subject
        'driver-pings.v1-value'
        """
        return f"{self.name}-value"


DRIVER_PINGS = Topic(
    name="driver-pings.v1",
    key="driver_id",
    record=DriverPinged,
    group=PartitionGroup.DRIVER,
    retention_ms=6 * HOUR_MS,
    writer="driver apps",
    readers=("supply",),
    about="Where each driver is and whether free, every few seconds.",
)
QUOTE_REQUESTS = Topic(
    name="quote-requests.v1",
    key="rider_id",
    record=QuoteRequested,
    group=PartitionGroup.RIDER,
    retention_ms=7 * DAY_MS,
    writer="rider apps",
    readers=("demand", "quotes"),
    about="A rider asks what a ride would cost.",
)
RIDE_EVENTS = Topic(
    name="ride-events.v1",
    key="rider_id",
    record=RideEventHappened,
    group=PartitionGroup.RIDER,
    retention_ms=7 * DAY_MS,
    writer="rider and dispatch apps",
    readers=("quotes", "recorder"),
    about="A quote is accepted; a ride starts, ends or is cancelled.",
)
SUPPLY_CELLS = Topic(
    name="supply-cells.v1",
    key="zone, hexadecimal; * for control records",
    record=SupplyCellsCounted,
    group=PartitionGroup.ZONE,
    retention_ms=6 * HOUR_MS,
    writer="supply",
    readers=("pricing",),
    about="Idle and busy cars per cell, absolute, per source partition.",
)
DEMAND_CELLS = Topic(
    name="demand-cells.v1",
    key="zone, hexadecimal; * for control records",
    record=DemandCellsCounted,
    group=PartitionGroup.ZONE,
    retention_ms=6 * HOUR_MS,
    writer="demand",
    readers=("pricing",),
    about="Riders per cell and ten-second pane, absolute, per source partition.",
)
CITY_DEMAND = Topic(
    name="city-demand.v1",
    key="source partition, decimal",
    record=CityDemandCounted,
    group=PartitionGroup.ONE,
    retention_ms=6 * HOUR_MS,
    writer="demand",
    readers=("pricing",),
    about="Riders per home zone and pane over the whole service area.",
)
SURGE = Topic(
    name="surge.v1",
    key="zone, hexadecimal",
    record=SurgeTicked,
    group=PartitionGroup.ZONE,
    retention_ms=DAY_MS,
    writer="pricing",
    readers=("quotes", "pricing", "recorder"),
    about="Ticks: multipliers of all cells of a zone, with the inputs they were computed from.",
)
QUOTES = Topic(
    name="quotes.v1",
    key="rider_id",
    record=QuoteAnswered,
    group=PartitionGroup.RIDER,
    retention_ms=7 * DAY_MS,
    writer="quotes",
    readers=("quotes", "recorder", "rider apps"),
    about="The one answer to each request: priced and locked, expired or refused.",
)
BOOKING_DECISIONS = Topic(
    name="booking-decisions.v1",
    key="rider_id",
    record=BookingJudged,
    group=PartitionGroup.RIDER,
    retention_ms=7 * DAY_MS,
    writer="quotes",
    readers=("demand", "quotes", "recorder", "rider apps"),
    about="Whether the acceptance of a quote stands.",
)
FORECAST_STATE = Topic(
    name="forecast-state.v1",
    key="zone, hexadecimal",
    record=ForecastStateKept,
    group=PartitionGroup.ZONE,
    retention_ms=7 * DAY_MS,
    writer="pricing",
    readers=("pricing",),
    about="Long memory of observed and expected requests, from which ratios continue after a restart.",
)
PRICING_POLICY = Topic(
    name="pricing-policy.v1",
    key="market",
    record=PricingPolicySet,
    group=PartitionGroup.ONE,
    retention_ms=FOR_EVER,
    writer="operators",
    readers=("pricing", "quotes"),
    about="Caps, rate limits, freeze and overrides, each from an instant on.",
)
MARKETS = Topic(
    name="markets.v1",
    key="market",
    record=MarketDefined,
    group=PartitionGroup.ONE,
    retention_ms=FOR_EVER,
    writer="operators",
    readers=("pricing", "quotes"),
    about="Where a market is, its clock, its money and its products.",
)
MODELS = Topic(
    name="models.v1",
    key="model name",
    record=ModelAnnounced,
    group=PartitionGroup.ONE,
    retention_ms=FOR_EVER,
    writer="training",
    readers=("pricing",),
    about="Model versions, artefact included.",
)
LATE_EVENTS = Topic(
    name="late-events.v1",
    key="driver_id or rider_id",
    record=EventArrivedLate,
    group=PartitionGroup.ONE,
    retention_ms=7 * DAY_MS,
    writer="supply, demand",
    readers=("operators",),
    about="Ledger of events that came after their pane's grace and were counted nowhere.",
)
TELEMETRY = Topic(
    name="telemetry.v1",
    key="worker",
    record=TelemetrySampled,
    group=PartitionGroup.ONE,
    retention_ms=DAY_MS,
    writer="every service",
    readers=("operators",),
    about="What each worker read, wrote and measured, once a second.",
)

TOPICS: tuple[Topic, ...] = (
    DRIVER_PINGS,
    QUOTE_REQUESTS,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    DEMAND_CELLS,
    CITY_DEMAND,
    SURGE,
    QUOTES,
    BOOKING_DECISIONS,
    FORECAST_STATE,
    PRICING_POLICY,
    MARKETS,
    MODELS,
    LATE_EVENTS,
    TELEMETRY,
)


def dead_letters_of(topic: Topic) -> Topic:
    """The topic that holds what was refused of `topic`, under its original keys.

    >>> dead_letters_of(DRIVER_PINGS).name
    'driver-pings.v1.dlq'
    """
    return Topic(
        name=f"{topic.name}.dlq",
        key="as in the source topic",
        record=DeadLettered,
        group=PartitionGroup.ONE,
        retention_ms=30 * DAY_MS,
        writer=", ".join(reader for reader in topic.readers if reader != "recorder"),
        readers=("operators", "recorder"),
        about=f"What was refused of {topic.name}, whole, with its reason.",
    )


DEAD_LETTERS: tuple[Topic, ...] = tuple(dead_letters_of(topic) for topic in TOPICS[:13])
EVERY_TOPIC: tuple[Topic, ...] = TOPICS + DEAD_LETTERS


def topic_named(name: str) -> Topic:
    """The topic of that full name.

    Raises ValueError naming the known topics if there is none.
    """
    for topic in EVERY_TOPIC:
        if topic.name == name:
            return topic
    known = ", ".join(topic.name for topic in TOPICS)
    raise ValueError(f"topic must be one of {known} or one of these with .dlq, got {name!r}")
