"""What the city saw, as its riders would tell it."""

from collections import Counter
from dataclasses import dataclass, field

from simulation.histogram import Histogram

_CODES_KEPT = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class CitySummary:
    """Totals since the start.

    Every request sent is exactly one of priced, late, expired, refused, unanswered and outstanding. `late` were priced
    after the deadline, when nobody waited any more; `skipped` were due so long ago, after a stall, that they were not
    sent. Latency runs from the intended instant of sending to the answer in the city's hands, unanswered requests
    included with the time they were waited for; slippage from the intended to the actual instant of sending. `booked`,
    `booking_refused` and `undecided` are what became of `accepted`, as far as it is known.
    """

    sent: int
    priced: int
    late: int
    expired: int
    refused: int
    unanswered: int
    outstanding: int
    skipped: int
    accepted: int
    booked: int
    booking_refused: int
    undecided: int
    started: int
    completed: int
    cancelled: int
    found_no_car: int
    pings: int
    cars: int
    cars_idle: int
    cars_busy: int
    surged_share: float
    mean_multiplier: float
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    slippage_p50_ms: float
    slippage_p99_ms: float
    slippage_max_ms: float
    refusals: dict[str, int]


@dataclass(slots=True)
class Tally:
    """The same, being counted."""

    sent: int = 0
    priced: int = 0
    late: int = 0
    expired: int = 0
    refused: int = 0
    unanswered: int = 0
    skipped: int = 0
    accepted: int = 0
    booked: int = 0
    booking_refused: int = 0
    undecided: int = 0
    started: int = 0
    completed: int = 0
    cancelled: int = 0
    found_no_car: int = 0
    pings: int = 0
    surged: int = 0
    multiplier_hundredths: int = 0
    latency: Histogram = field(default_factory=Histogram)
    slippage: Histogram = field(default_factory=Histogram)
    refusals: Counter[str] = field(default_factory=Counter)

    def refuse(self, code: str) -> None:
        """Count a refusal under its code; beyond a fixed number of codes under "other", so that memory is bounded."""
        known = code in self.refusals or len(self.refusals) < _CODES_KEPT
        self.refusals[code if known else "other"] += 1

    def summary(self, *, outstanding: int, cars: int, cars_idle: int, cars_busy: int) -> CitySummary:
        """The totals so far, beside what is still open and what the cars do now."""
        answered = self.priced + self.late
        return CitySummary(
            sent=self.sent,
            priced=self.priced,
            late=self.late,
            expired=self.expired,
            refused=self.refused,
            unanswered=self.unanswered,
            outstanding=outstanding,
            skipped=self.skipped,
            accepted=self.accepted,
            booked=self.booked,
            booking_refused=self.booking_refused,
            undecided=self.undecided,
            started=self.started,
            completed=self.completed,
            cancelled=self.cancelled,
            found_no_car=self.found_no_car,
            pings=self.pings,
            cars=cars,
            cars_idle=cars_idle,
            cars_busy=cars_busy,
            surged_share=self.surged / answered if answered else 0.0,
            mean_multiplier=self.multiplier_hundredths / answered / 100 if answered else 0.0,
            latency_p50_ms=self.latency.percentile(50),
            latency_p95_ms=self.latency.percentile(95),
            latency_p99_ms=self.latency.percentile(99),
            latency_max_ms=self.latency.max_ms,
            slippage_p50_ms=self.slippage.percentile(50),
            slippage_p99_ms=self.slippage.percentile(99),
            slippage_max_ms=self.slippage.max_ms,
            refusals=dict(self.refusals),
        )
