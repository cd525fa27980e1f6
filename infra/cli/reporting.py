"""What `faretide up` says: a few lines every few seconds, and one JSON document at the end."""

import time
from typing import Any

from infra.cli.live.sight import cell_rows
from infra.cli.live.wording import hexagon, money, times
from infra.cli.machine import Steps
from infra.cli.watching import Watch
from simulation.histogram import Histogram
from simulation.summary import CitySummary
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, QUOTES, SURGE, TOPICS
from topics.prices import QuoteOutcome

RATES = (
    ("pings", DRIVER_PINGS.name),
    ("requests", QUOTE_REQUESTS.name),
    ("quotes", QUOTES.name),
    ("ticks", SURGE.name),
)
CITY_WRITES = ("driver-pings.v1", "quote-requests.v1", "ride-events.v1")


def live_lines(
    watch: Watch, city: CitySummary, *, before: dict[str, int], now: dict[str, int], seconds: float
) -> list[str]:
    """Rates per topic, freshness, lag, the latest quotes and the hottest cells; about 100 columns."""
    rates = "  ".join(f"{name} {(now[topic] - before.get(topic, 0)) / seconds:,.1f}/s" for name, topic in RATES)
    quotes = "   ".join(
        f"{quote.product} {money(quote.amount_minor, quote.currency)} at {times(quote.multiplier_hundredths)}"
        for quote in [quote for quote in watch.seen.latest_quotes if quote.outcome is QuoteOutcome.PRICED][-3:]
    )
    hot = "   ".join(
        f"{hexagon(row.cell)} {row.product} {times(row.multiplier_hundredths)}"
        for row in cell_rows(watch.seen.surge.values(), now_ms=time.time_ns() // 1_000_000)[:3]
    )
    answers = f"unanswered {city.unanswered}  above 1.0× {city.surged_share:.1%}"
    cars = f"cars {city.cars_idle:,} idle, {city.cars_busy:,} busy"
    return [
        f"{time.strftime('%H:%M:%S')}  {rates}  lag {watch.seen.gauge('lag'):,.0f}",
        f"  quotes   {_span(city.latency_p50_ms, city.latency_p99_ms)}  {answers}",
        f"  fresh    {_span(watch.seen.freshness.percentile(50), watch.seen.freshness.percentile(99))}  {cars}",
        f"  latest   {quotes or '-'}",
        f"  hottest  {hot or '-'}",
    ]


def _span(p50_ms: float, p99_ms: float) -> str:
    return f"p50 {p50_ms:,.0f} ms  p99 {p99_ms:,.0f} ms"


def summary(
    watch: Watch,
    city: CitySummary,
    *,
    moved: dict[str, int],
    restarts: dict[str, int],
    seconds: float,
    steps: Steps,
) -> dict[str, Any]:
    """Everything the run can say about itself; counts are records since the start."""
    answered = city.priced + city.late
    priced_valid = answered + city.expired + city.unanswered
    return {
        "seconds": round(seconds, 1),
        "ready_s": steps.ready_s,
        "stages": steps.stages,
        "events_in": {topic: moved[topic] for topic in CITY_WRITES},
        "events_out": {topic.name: moved[topic.name] for topic in TOPICS if topic.name not in CITY_WRITES},
        "requests": city.sent,
        "quotes": watch.seen.outcomes["priced"],
        "outcomes": dict(watch.seen.outcomes),
        "refusals": dict(watch.seen.refusals),
        "share_answered": _share(answered + city.expired + city.refused, city.sent - city.outstanding),
        "share_of_valid_priced": _share(answered, priced_valid),
        "share_above_1": _share(watch.seen.surged, watch.seen.outcomes["priced"]),
        "fallback_quotes": dict(watch.seen.fallbacks),
        "quote_latency_ms": {
            "p50": city.latency_p50_ms,
            "p95": city.latency_p95_ms,
            "p99": city.latency_p99_ms,
            "max": city.latency_max_ms,
        },
        "freshness_ms": _percentiles(watch.seen.freshness),
        "ticks": watch.seen.ticks,
        "share_of_ticks_with_model": _share(watch.seen.ticks_with_model, watch.seen.ticks),
        "tick_fallbacks": dict(watch.seen.tick_fallbacks),
        "accepted": city.accepted,
        "booked": city.booked,
        "bookings_refused": city.booking_refused,
        "rides_completed": city.completed,
        "dead_letters": {topic: count for topic, count in moved.items() if topic.endswith(".dlq") and count},
        "late_events": moved["late-events.v1"],
        "conflicting_quotes": int(watch.seen.gauge("conflicting_quotes")),
        "restarts": restarts,
        "watched_share": watch.watched_share,
        "cars": city.cars,
        "send_slippage_ms": {"p50": city.slippage_p50_ms, "p99": city.slippage_p99_ms, "max": city.slippage_max_ms},
    }


def _percentiles(seen: Histogram) -> dict[str, float]:
    return {"p50": seen.percentile(50), "p95": seen.percentile(95), "p99": seen.percentile(99), "samples": seen.count}


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 6) if whole else None
