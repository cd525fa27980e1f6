"""Ticks, quotes and the judgement of acceptances.

One class per record of `avro/`, field for field; the meaning and unit of each field stand there.
"""

from dataclasses import dataclass, field
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUse:
    """A model a tick applied beside the demand model, or why it applied none of that name."""

    name: str
    model: str = ""
    offset: int = -1
    fallback: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeTicked:
    """Multipliers of all cells of one zone at one instant: a pure function of the inputs it names."""

    zone: int
    market: str
    epoch_generation: int
    epoch_started_ms: int
    now_ms: int
    previous_offset: int
    supply_offset: int
    demand_offset: int
    city_offset: int
    policy_offset: int
    markets_offset: int
    models_offset: int
    forecast_offset: int
    model: str
    fallback: str = ""
    supply_complete: bool
    demand_complete: bool
    data_age_ms: int
    products: list[str] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    multiplier_hundredths: list[int] = field(default_factory=list)
    smooth_hundredths: list[int] = field(default_factory=list)
    propensity_hundredths: list[int] = field(default_factory=list)
    eta_s: list[int] = field(default_factory=list)
    demand_milli: list[int] = field(default_factory=list)
    supply_milli: list[int] = field(default_factory=list)
    reason_at: list[int] = field(default_factory=list)
    reason_code: list[int] = field(default_factory=list)
    reason_before: list[int] = field(default_factory=list)
    reason_after: list[int] = field(default_factory=list)
    models_used: list[ModelUse] = field(default_factory=list)
    idle_near_milli: list[int] = field(default_factory=list)
    driver_surge_minor: list[int] = field(default_factory=list)
    currency: str = ""


class QuoteOutcome(StrEnum):
    """PRICED: the amount is locked until valid_until_ms. EXPIRED: too late to be useful. REFUSED: see refusal."""

    UNKNOWN = "UNKNOWN"
    PRICED = "PRICED"
    EXPIRED = "EXPIRED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class FareLine:
    """One line of the price; the lines add up to amount_minor."""

    code: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceReason:
    """A rule that moved the multiplier."""

    code: str
    before_hundredths: int
    after_hundredths: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFallback:
    """A model that did not take part in a price, and why."""

    name: str
    fallback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteAnswered:
    """The one answer to a quote request: priced, expired or refused."""

    quote_id: str
    request_id: str
    rider_id: str
    outcome: QuoteOutcome
    refusal: str = ""
    at_ms: int
    now_ms: int
    valid_until_ms: int = 0
    market: str = ""
    product: str
    zone: int = 0
    cell: int = 0
    currency: str = ""
    amount_minor: int = 0
    multiplier_hundredths: int = 0
    distance_m: int = 0
    duration_s: int = 0
    eta_s: int = -1
    breakdown: list[FareLine] = field(default_factory=list)
    reasons: list[PriceReason] = field(default_factory=list)
    fallback: str = ""
    request_offset: int
    tick_partition: int = -1
    tick_offset: int = -1
    tick_now_ms: int = 0
    policy_offset: int = -1
    markets_offset: int = -1
    idle_near_milli: int = -1
    model_fallbacks: list[ModelFallback] = field(default_factory=list)
    driver_pay: list[FareLine] = field(default_factory=list)
    route_source: str = ""


class BookingOutcome(StrEnum):
    """Whether the booking stands."""

    UNKNOWN = "UNKNOWN"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingJudged:
    """Whether the acceptance of a quote stands."""

    decision_id: str
    quote_id: str
    ride_id: str
    rider_id: str
    outcome: BookingOutcome
    refusal: str = ""
    at_ms: int
    now_ms: int
    zone: int = 0
    cell: int = 0
    product: str = ""
    currency: str = ""
    amount_minor: int = 0
    acceptance_offset: int
    quote_offset: int = -1
