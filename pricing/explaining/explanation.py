"""Why a price is what it is: the one explanation, told by the command line and by the dashboard alike.

Pure: whoever asks brings the records (`Evidence`); what could not be read is None and its absence is told in `gone`.

    quote ──> price chain                                 always
    tick inputs, computed again ──> forecast, features,   while the topics still hold what the tick was made of
                                    contributions, rings
    append times ──> latency waterfall                    while the topics, or the database, hold the records
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields

from pricing.explaining.forecast_explained import ForecastTold, forecast_told, rings_of
from pricing.explaining.price_chain import Step, price_chain
from pricing.surge.tick import TickInputs
from pricing.zones.cell_counts import RingTold, rings_told
from pricing.zones.pane_counts import PanesBySource
from pricing.zones.zone_view import layout_of
from topics.events import QuoteRequested
from topics.prices import QuoteAnswered, SurgeTicked

TOLD_WITH_MODELS = {"models_used", "idle_near_milli", "driver_surge_minor", "currency"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record stands, and what it is to the quote; `through` says all of its key up to here."""

    part: str
    topic: str
    partition: int
    offset: int
    through: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """Something that happened on the way from request to quote, epoch milliseconds UTC."""

    step: str
    at_ms: int
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recomputed:
    """A tick computed again from the records it names: its inputs, its zone's panes, and the fields that differ."""

    inputs: TickInputs
    demand: PanesBySource
    differing: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The records a quote rests on, as far as they are still kept, with the append times of the first three."""

    quote: QuoteAnswered
    quote_place: Place
    quote_appended_ms: int
    request: QuoteRequested | None = None
    request_appended_ms: int = 0
    tick: SurgeTicked | None = None
    tick_appended_ms: int = 0
    recomputed: Recomputed | None = None
    origins: Sequence[Place] = ()
    gone: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The whole story. `gone` are sentences, one for each part that can no longer be told."""

    chain: list[Step]
    waterfall: list[Instant]
    sources: list[Place]
    forecast: ForecastTold | None
    rings: list[RingTold]
    differing: list[str]
    recomputed: bool
    gone: list[str] = field(default_factory=list)


def explanation_of(evidence: Evidence) -> Explanation:
    """The explanation that the evidence allows."""
    quote, again = evidence.quote, evidence.recomputed
    forecast, rings = None, []
    if again is not None:
        forecast = forecast_told(again.inputs, quote.cell, quote.product)
        if forecast is not None:
            rings = rings_told(again.inputs.view, again.demand, rings_of(layout_of(quote.zone), quote.cell))
    return Explanation(
        chain=price_chain(quote),
        waterfall=_waterfall(evidence),
        sources=[evidence.quote_place, *named_by(quote, evidence.quote_place.partition), *_of_tick(evidence)],
        forecast=forecast,
        rings=rings,
        differing=list(again.differing) if again else [],
        recomputed=again is not None,
        gone=list(evidence.gone),
    )


def differing(again: SurgeTicked, recorded: SurgeTicked) -> list[str]:
    """Fields in which a tick computed again differs from the recorded one; empty if it is the same.

    One of a release before `models_used` has none of the fields that came with it.
    """
    told = [one.name for one in fields(recorded) if recorded.models_used or one.name not in TOLD_WITH_MODELS]
    return [name for name in told if getattr(again, name) != getattr(recorded, name)]


def named_by(quote: QuoteAnswered, partition: int) -> list[Place]:
    """Records that the quote names by offset, those it has."""
    places = [
        Place(part="request", topic="quote-requests.v1", partition=partition, offset=quote.request_offset),
        Place(part="tick", topic="surge.v1", partition=quote.tick_partition, offset=quote.tick_offset),
        Place(part="policy", topic="pricing-policy.v1", partition=0, offset=quote.policy_offset),
        Place(part="market", topic="markets.v1", partition=0, offset=quote.markets_offset),
    ]
    return [place for place in places if place.offset >= 0]


def _of_tick(evidence: Evidence) -> list[Place]:
    """Records that the tick names, those it has, and the outside events counted in them."""
    tick, partition = evidence.tick, evidence.quote.tick_partition
    if tick is None:
        return []
    zone = [
        Place(part="cars", topic="supply-cells.v1", partition=partition, offset=tick.supply_offset, through=True),
        Place(part="riders", topic="demand-cells.v1", partition=partition, offset=tick.demand_offset, through=True),
        Place(part="city", topic="city-demand.v1", partition=0, offset=tick.city_offset, through=True),
        Place(part="previous tick", topic="surge.v1", partition=partition, offset=tick.previous_offset),
        Place(part="memory", topic="forecast-state.v1", partition=partition, offset=tick.forecast_offset),
        Place(part="model", topic="models.v1", partition=0, offset=tick.models_offset),
        *(
            Place(part=f"model of {use.name}", topic="models.v1", partition=0, offset=use.offset)
            for use in tick.models_used
        ),
        Place(part="policy of the tick", topic="pricing-policy.v1", partition=0, offset=tick.policy_offset),
        Place(part="market of the tick", topic="markets.v1", partition=0, offset=tick.markets_offset),
    ]
    return [place for place in (*zone, *evidence.origins) if place.offset >= 0]


def _waterfall(evidence: Evidence) -> list[Instant]:
    """The instants the request passed, in the order of the way; clocks of sender and broker may disagree."""
    quote = evidence.quote
    found = [Instant(step="sent", at_ms=quote.at_ms, words="the app sent the request")]
    if evidence.request_appended_ms:
        found.append(Instant(step="appended", at_ms=evidence.request_appended_ms, words="the broker had it"))
    found.append(Instant(step="decided", at_ms=quote.now_ms, words="quotes decided"))
    found.append(Instant(step="published", at_ms=evidence.quote_appended_ms, words="the answer was readable"))
    return found
