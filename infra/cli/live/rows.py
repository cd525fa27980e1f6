"""What one look shows, as plain values in rows, and what the age of a sample means."""

from dataclasses import dataclass, field
from enum import StrEnum

from infra.cli.live.recent import Spread

LATE_AFTER_MS = 5_000
SILENT_AFTER_MS = 15_000


class Hearing(StrEnum):
    """How recently a service was heard of."""

    LIVE = "live"
    LATE = "late"
    SILENT = "silent"
    NEVER = "never"


def hearing(age_ms: int | None) -> Hearing:
    """What an age of the newest sample means; None: there is none.

    >>> [hearing(age).value for age in (0, 5_000, 5_001, 15_001, None)]
    ['live', 'live', 'late', 'silent', 'never']
    """
    if age_ms is None:
        return Hearing.NEVER
    if age_ms > SILENT_AFTER_MS:
        return Hearing.SILENT
    return Hearing.LATE if age_ms > LATE_AFTER_MS else Hearing.LIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicRow:
    """One topic. `lag` is by service: records there when the service last reported and not read by it yet."""

    topic: str
    messages_per_s: float
    bytes_per_s: float | None
    messages: int
    lag: dict[str, int] = field(default_factory=dict)
    history: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRow:
    """One answer: `cell` and `zone` in hexadecimal, price in minor units of `currency`, reasons by name."""

    at_ms: int
    quote_id: str
    rider_id: str
    zone: str
    cell: str
    place: str
    product: str
    outcome: str
    amount_minor: int
    currency: str
    multiplier_hundredths: int
    reasons: list[str]
    eta_s: int
    answered_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CellRow:
    """One cell and product above 1.00: five-minute forecasts of riders and cars in thousandths, expected wait."""

    zone: str
    cell: str
    place: str
    product: str
    multiplier_hundredths: int
    riders_milli: int
    cars_milli: int
    eta_s: int
    age_ms: int
    reasons: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceRow:
    """One service: sums over its live workers; `age_ms` is that of its newest sample, None if there was none."""

    service: str
    hearing: Hearing
    age_ms: int | None
    workers: int
    workers_gone: int
    busy_share: float
    read_per_s: float
    lag: int
    restarts: int
    dead_letters: int
    late_events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look. Rates are of the last five seconds, spreads of the last minute, totals since watching began."""

    at_ms: int
    watched_s: float
    rates_per_s: dict[str, float]
    quote_latency_ms: Spread
    freshness_ms: Spread
    ticks_per_s: float
    share_of_ticks_with_model: float | None
    tick_fallbacks: dict[str, int]
    outcomes: dict[str, int]
    refusals: dict[str, int]
    fallback_quotes: dict[str, int]
    dead_letters: int
    late_events: int
    conflicting_quotes: int
    watched_share: dict[str, float]
    trouble: str
    topics: list[TopicRow]
    quotes: list[QuoteRow]
    cells: list[CellRow]
    services: list[ServiceRow]

    @property
    def lag(self) -> int:
        """Records not read yet, over all services."""
        return sum(row.lag for row in self.services)
