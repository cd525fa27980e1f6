"""Looks at a small made-up system, for tests of how they are worked out and drawn."""

from dataclasses import replace

from infra.cli.live.recent import Ends
from infra.cli.live.rows import Sight
from infra.cli.live.seen import Seen
from infra.cli.live.sight import look
from infra.clients.consumer import Entry
from topics.catalogue import QUOTES, SURGE, TELEMETRY, Topic
from topics.ledger import PartitionCount, TelemetrySampled
from topics.prices import PriceReason, QuoteAnswered, QuoteOutcome, SurgeTicked
from topics.roles import PRICING_CHAIN

NOW_MS = 1_790_000_000_000
ZONE, CELL, OTHER_CELL = 0x862A100D7FFFFFF, 0x882A100D67FFFFF, 0x882A100D63FFFFF

QUOTE = QuoteAnswered(
    quote_id="q-1",
    request_id="r-1",
    rider_id="rider-1",
    outcome=QuoteOutcome.PRICED,
    at_ms=NOW_MS - 40,
    now_ms=NOW_MS - 20,
    product="standard",
    zone=ZONE,
    cell=CELL,
    currency="USD",
    amount_minor=2310,
    multiplier_hundredths=130,
    eta_s=120,
    reasons=[PriceReason(code="rate-limit", before_hundredths=150, after_hundredths=130)],
    request_offset=3,
)
TICK = SurgeTicked(
    zone=ZONE,
    market="nyc",
    epoch_generation=1,
    epoch_started_ms=0,
    now_ms=NOW_MS - 1_000,
    previous_offset=-1,
    supply_offset=4,
    demand_offset=4,
    city_offset=4,
    policy_offset=0,
    markets_offset=0,
    models_offset=0,
    forecast_offset=0,
    model="demand-1",
    supply_complete=True,
    demand_complete=True,
    data_age_ms=200,
    products=["standard", "xl"],
    cells=[OTHER_CELL, CELL],
    multiplier_hundredths=[100, 100, 130, 210],
    smooth_hundredths=[100, 100, 132, 208],
    propensity_hundredths=[100, 100, 80, 80],
    eta_s=[60, 90, 120, 300],
    demand_milli=[500, 100, 4200, 900],
    supply_milli=[3000, 800, 1500, 100],
    reason_at=[2, 3, 3],
    reason_code=[1, 1, 6],
    reason_before=[100, 100, 260],
    reason_after=[130, 260, 210],
)


def sample(
    service: str, *, worker: str = "", read: int = -1, now_ms: int = NOW_MS, **gauges: float
) -> TelemetrySampled:
    """What a worker reports that has read `driver-pings.v1` partition 0 up to offset `read`."""
    counts = [PartitionCount(topic="driver-pings.v1", partition=0, records=200, bytes=20_000, offset=read)]
    return TelemetrySampled(
        service=service,
        worker=worker or f"{service}-0",
        now_ms=now_ms,
        interval_ms=1_000,
        read=counts if read >= 0 else [],
        gauges={"busy_share": 0.25, "lag": 0.0, "started_ms": 1.0, **gauges},
    )


def entry(topic: Topic, record: object, *, at_ms: int = NOW_MS) -> Entry:
    """A record as it was read, appended at `at_ms`."""
    return Entry(
        topic=topic, partition=0, offset=0, timestamp_ms=at_ms, key=b"", headers=(), schema_id=1, record=record
    )


def seen_city() -> Seen:
    """Four quotes, a tick of one zone, three services of which pricing has been silent for twenty seconds."""
    seen = Seen()
    seen.add(entry(SURGE, TICK))
    for number, (product, amount) in enumerate([("standard", 2310), ("xl", 4120), ("standard", 990)], 1):
        quote = replace(QUOTE, quote_id=f"q-{number}", product=product, amount_minor=amount)
        seen.add(entry(QUOTES, replace(quote, now_ms=NOW_MS - 100 + number)))
    refused = replace(QUOTE, quote_id="q-4", outcome=QuoteOutcome.REFUSED, refusal="too-far", currency="", reasons=[])
    seen.add(entry(QUOTES, replace(refused, multiplier_hundredths=100)))
    seen.add(entry(TELEMETRY, sample("supply", read=989, lag=10)))
    seen.add(entry(TELEMETRY, sample("quotes")))
    seen.add(entry(TELEMETRY, sample("pricing", lag=5), at_ms=NOW_MS - 20_000))
    return seen


def sight(seen: Seen | None = None) -> Sight:
    """A look at that city after ten seconds: 100 pings and 12 quotes a second, one dead letter."""
    ends = Ends()
    for ago_ms in (4_000, 2_000, 0):
        grown = 1_000 - ago_ms // 10
        places = {("driver-pings.v1", 0): grown, ("quotes.v1", 0): 120 - ago_ms * 12 // 1000}
        ends.add(places, at_ms=NOW_MS - ago_ms)
    moved = {"driver-pings.v1": 1_000, "quotes.v1": 120, "driver-pings.v1.dlq": 1}
    return look(seen or seen_city(), ends, now_ms=NOW_MS, began_ms=NOW_MS - 10_000, moved=moved, expected=PRICING_CHAIN)
