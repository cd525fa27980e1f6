"""One look at the system: everything the live view shows, as plain values in rows.

A worker reports once a second. One that has not for five seconds is late, for fifteen silent: its figures are then what
they last were, and are shown with their age. A service nobody has heard of is "never".
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from h3.api import numpy_int as h3

from infra.cli.live.recent import Ends
from infra.cli.live.rows import LATE_AFTER_MS, CellRow, QuoteRow, ServiceRow, Sight, TopicRow, hearing
from infra.cli.live.seen import Seen, WorkerSeen
from pricing.rules.reasons import wire_name_of
from topics.catalogue import DRIVER_PINGS, EVERY_TOPIC, LATE_EVENTS, QUOTE_REQUESTS, QUOTES, SURGE, Topic
from topics.prices import QuoteAnswered, SurgeTicked

FORGOTTEN_AFTER_MS = 600_000
HOT_CELLS = 200
OLDEST_TICK_MS = 120_000


HEADLINE = {"pings": DRIVER_PINGS, "requests": QUOTE_REQUESTS, "quotes": QUOTES, "ticks": SURGE}


def look(
    seen: Seen,
    ends: Ends,
    *,
    now_ms: int,
    began_ms: int,
    moved: dict[str, int],
    expected: Iterable[str],
    restarts: dict[str, int] | None = None,
    watched_share: dict[str, float] | None = None,
    trouble: str = "",
) -> Sight:
    """Everything as it stands at `now_ms`.

    `moved` are the records of each topic since `began_ms`; `expected` services get a row even if never heard of;
    `restarts` is what whoever runs the processes counted, else their own samples tell.
    """
    rates = {name: ends.per_s(topic.name, now_ms=now_ms) for name, topic in HEADLINE.items()}
    return Sight(
        at_ms=now_ms,
        watched_s=(now_ms - began_ms) / 1000,
        rates_per_s=rates,
        quote_latency_ms=seen.recent_latency.spread(now_ms),
        freshness_ms=seen.recent_freshness.spread(now_ms),
        ticks_per_s=rates["ticks"],
        share_of_ticks_with_model=seen.ticks_with_model / seen.ticks if seen.ticks else None,
        tick_fallbacks=dict(seen.tick_fallbacks),
        outcomes=dict(seen.outcomes),
        refusals=dict(seen.refusals),
        fallback_quotes=dict(seen.fallbacks),
        dead_letters=sum(count for topic, count in moved.items() if topic.endswith(".dlq")),
        late_events=moved.get(LATE_EVENTS.name, 0),
        conflicting_quotes=int(seen.gauge("conflicting_quotes")),
        watched_share=watched_share or {},
        trouble=trouble,
        topics=topic_rows(seen, ends, now_ms=now_ms, moved=moved),
        quotes=[quote_row(quote) for quote in reversed(seen.latest_quotes)],
        cells=cell_rows(seen.surge.values(), now_ms=now_ms),
        services=service_rows(seen.workers.values(), now_ms=now_ms, expected=expected, restarts=restarts or {}),
    )


def topic_rows(seen: Seen, ends: Ends, *, now_ms: int, moved: dict[str, int]) -> list[TopicRow]:
    """A row for each topic of the catalogue; dead letters only where there are any."""
    lags = lag_by_topic(seen.workers.values(), ends)
    return [
        _topic_row(topic, seen, ends, now_ms=now_ms, messages=moved.get(topic.name, 0), lag=lags.get(topic.name, {}))
        for topic in EVERY_TOPIC
        if moved.get(topic.name, 0) or not topic.name.endswith(".dlq")
    ]


def _topic_row(topic: Topic, seen: Seen, ends: Ends, *, now_ms: int, messages: int, lag: dict[str, int]) -> TopicRow:
    per_s, size = ends.per_s(topic.name, now_ms=now_ms), seen.record_bytes(topic.name)
    return TopicRow(
        topic=topic.name,
        messages_per_s=per_s,
        bytes_per_s=per_s * size if size else None,
        messages=messages,
        lag=lag,
        history=ends.history(topic.name),
    )


def lag_by_topic(workers: Iterable[WorkerSeen], ends: Ends) -> dict[str, dict[str, int]]:
    """Records not read yet, by topic and service.

    A sample is up to a second old, so it is held against the ends as they stood before it was taken: what came later
    is no lag. Partitions that have moved to another worker are named by both; the farther one counts.
    """
    reached: dict[tuple[str, str, int], int] = {}
    owed: dict[tuple[str, str, int], int] = {}
    for worker in workers:
        then = ends.before(worker.sample.now_ms)
        for read in worker.sample.read:
            place = (worker.sample.service, read.topic, read.partition)
            if read.offset >= reached.get(place, -1):
                reached[place] = read.offset
                owed[place] = max(0, then.get((read.topic, read.partition), 0) - read.offset - 1)
    sums: dict[str, dict[str, int]] = {}
    for (service, topic, _), behind in owed.items():
        by_service = sums.setdefault(topic, {})
        by_service[service] = by_service.get(service, 0) + behind
    return sums


def quote_row(quote: QuoteAnswered) -> QuoteRow:
    """How an answer is shown; a refusal gives its code as the reason, a fallback its name."""
    reasons = [reason.code for reason in quote.reasons]
    return QuoteRow(
        at_ms=quote.now_ms,
        quote_id=quote.quote_id,
        rider_id=quote.rider_id,
        zone=f"{quote.zone:x}" if quote.zone else "",
        cell=f"{quote.cell:x}" if quote.cell else "",
        place=place_text(quote.cell) if quote.cell else "",
        product=quote.product,
        outcome=quote.outcome.lower(),
        amount_minor=quote.amount_minor,
        currency=quote.currency,
        multiplier_hundredths=quote.multiplier_hundredths,
        reasons=[code for code in (quote.refusal, quote.fallback, *reasons) if code],
        eta_s=quote.eta_s,
        answered_ms=max(0, quote.now_ms - quote.at_ms),
    )


def cell_rows(ticks: Iterable[SurgeTicked], *, now_ms: int) -> list[CellRow]:
    """The 200 highest multipliers above 1.00, highest first; ticks older than two minutes say nothing any more."""
    found = [
        (multiplier, tick, place)
        for tick in ticks
        if now_ms - tick.now_ms <= OLDEST_TICK_MS
        for place, multiplier in enumerate(tick.multiplier_hundredths)
        if multiplier > 100
    ]
    found.sort(key=lambda each: (-each[0], each[1].zone, each[2]))
    return [_cell_row(tick, place, now_ms) for _, tick, place in found[:HOT_CELLS]]


def _cell_row(tick: SurgeTicked, place: int, now_ms: int) -> CellRow:
    cell = tick.cells[place // len(tick.products)]
    codes = [code for at, code in zip(tick.reason_at, tick.reason_code, strict=True) if at == place]
    return CellRow(
        zone=f"{tick.zone:x}",
        cell=f"{cell:x}",
        place=place_text(cell),
        product=tick.products[place % len(tick.products)],
        multiplier_hundredths=tick.multiplier_hundredths[place],
        riders_milli=tick.demand_milli[place],
        cars_milli=tick.supply_milli[place],
        eta_s=tick.eta_s[place],
        age_ms=max(0, now_ms - tick.now_ms),
        reasons=[wire_name_of(code) for code in codes],
    )


def service_rows(
    workers: Iterable[WorkerSeen], *, now_ms: int, expected: Iterable[str], restarts: dict[str, int]
) -> list[ServiceRow]:
    """A row for each expected service, then for any other that was heard of."""
    heard: dict[str, list[WorkerSeen]] = {service: [] for service in expected}
    for worker in workers:
        heard.setdefault(worker.sample.service, []).append(worker)
    return [
        _service_row(service, members, now_ms=now_ms, restarts=restarts.get(service))
        for service, members in heard.items()
    ]


def _service_row(service: str, workers: Sequence[WorkerSeen], *, now_ms: int, restarts: int | None) -> ServiceRow:
    ages = [max(0, now_ms - worker.appended_ms) for worker in workers]
    newest_ms = min(ages, default=None)
    # Of a silent service the last figures are shown; beside live workers those of dead ones would only confuse.
    bound_ms = max(LATE_AFTER_MS, newest_ms or 0)
    counted = [worker for worker, age_ms in zip(workers, ages, strict=True) if age_ms <= bound_ms]
    gone = sum(1 for age_ms in ages if bound_ms < age_ms <= FORGOTTEN_AFTER_MS)
    return ServiceRow(
        service=service,
        hearing=hearing(newest_ms),
        age_ms=newest_ms,
        workers=len(counted),
        workers_gone=gone,
        busy_share=_sum(counted, "busy_share"),
        read_per_s=sum(_read_per_s(worker) for worker in counted),
        lag=int(_sum(counted, "lag")),
        restarts=sum(worker.restarts for worker in workers) if restarts is None else restarts,
        dead_letters=int(_sum(counted, "dead_letters")),
        late_events=int(_sum(counted, "late_events")),
    )


def _sum(workers: Iterable[WorkerSeen], gauge: str) -> float:
    return sum(worker.sample.gauges.get(gauge, 0.0) for worker in workers)


def _read_per_s(worker: WorkerSeen) -> float:
    return sum(read.records for read in worker.sample.read) * 1000 / max(worker.sample.interval_ms, 1)


@lru_cache(1 << 12)
def place_text(cell: int) -> str:
    """The centre of a cell as latitude and longitude, to about ten metres.

    >>> place_text(0x882A100D67FFFFF)
    '40.7553,-73.9817'
    """
    lat, lon = h3.cell_to_latlng(cell)
    return f"{lat:.4f},{lon:.4f}"
