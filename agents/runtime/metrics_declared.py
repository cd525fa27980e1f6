"""Every metric a worker shows to Prometheus, declared once.

docs/metrics.md is this list as a page, and tests hold workers, alert rules and page to it. All values come from the
worker's `Meter`, the same sums that `telemetry.v1` tells. No metric is labelled with an id or a cell: their number is
without bound, and an id belongs to a person.
"""

from collections.abc import Callable, Mapping

from agents.runtime.metrics import Kind, Metric, Samples, counter, durations, gauge
from agents.runtime.telemetry import Place, Standing, Sums, Totals

COUNTING = ("supply", "demand")


def _sums(table: Callable[[Totals], Mapping[Place, Sums]], of: Callable[[Sums], int]) -> Callable[[Totals], Samples]:
    def samples(totals: Totals) -> Samples:
        return [((topic, str(partition)), of(sums)) for (topic, partition), sums in table(totals).items()]

    return samples


def _standing(of: Callable[[Standing], float]) -> Callable[[Totals], Samples]:
    def samples(totals: Totals) -> Samples:
        return [((topic, str(partition)), of(known)) for (topic, partition), known in totals.standing.items()]

    return samples


PER_PARTITION = ("topic", "partition")
MOVED = (
    Metric(
        name="read_records",
        kind=Kind.COUNTER,
        unit="records",
        labels=PER_PARTITION,
        values=_sums(lambda t: t.read, lambda s: s.records),
        meaning="records taken in, without those read again after an assignment",
    ),
    Metric(
        name="read_bytes",
        kind=Kind.COUNTER,
        unit="bytes",
        labels=PER_PARTITION,
        values=_sums(lambda t: t.read, lambda s: s.size),
        meaning="bytes of the values of records taken in",
    ),
    Metric(
        name="written_records",
        kind=Kind.COUNTER,
        unit="records",
        labels=PER_PARTITION,
        values=_sums(lambda t: t.written, lambda s: s.records),
        meaning="records the broker has acknowledged",
    ),
    Metric(
        name="written_bytes",
        kind=Kind.COUNTER,
        unit="bytes",
        labels=PER_PARTITION,
        values=_sums(lambda t: t.written, lambda s: s.size),
        meaning="bytes of the values of records the broker has acknowledged",
    ),
    Metric(
        name="position_offset",
        kind=Kind.GAUGE,
        unit="offset",
        labels=PER_PARTITION,
        values=_standing(lambda s: s.position),
        meaning="next offset to be processed of an assigned partition; everything below is acknowledged",
    ),
    Metric(
        name="lag_records",
        kind=Kind.GAUGE,
        unit="records",
        labels=PER_PARTITION,
        values=_standing(lambda s: s.lag),
        meaning="records of an assigned partition that no agent was handed yet",
    ),
    Metric(
        name="read_up_to_timestamp_seconds",
        kind=Kind.GAUGE,
        unit="seconds",
        labels=PER_PARTITION,
        values=_standing(lambda s: s.appended_ms),
        scale=0.001,
        meaning="append time (Unix) of the newest record handed over, 0 before the first: the watermark of reading",
    ),
)

PROCESS = (
    Metric(
        name="worker_info",
        kind=Kind.GAUGE,
        unit="1",
        labels=("part", "version"),
        values=lambda totals: [((part, version), 1.0) for part, version in totals.versions.items()],
        meaning="always 1; `version` is that of the `part`: the program, or for pricing the demand model in use",
    ),
    Metric(
        name="started_timestamp_seconds",
        kind=Kind.GAUGE,
        unit="seconds",
        meter="started_ms",
        scale=0.001,
        meaning="when the process began to work (Unix time); `changes()` of it counts restarts",
    ),
    counter("assignments", "assignments", "assignments of partitions this worker began"),
    gauge(
        "busy_ratio",
        "ratio",
        "CPU time of the process over wall time in the last second; 1 is one core",
        meter="busy_share",
    ),
    gauge(
        "shed_level",
        "1",
        "left out because the worker is behind: 0 nothing, 1 samples of telemetry, 2 detail of supply in time",
    ),
    gauge("resident_memory_bytes", "bytes", "memory of the process that is in RAM", meter="resident_bytes"),
    counter(
        "gc_collections",
        "collections",
        "garbage collections, by generation",
        meter="gc_collections.",
        label="generation",
    ),
    durations("gc_pause_seconds", "one garbage collection, in which all threads stand still", meter="gc_ms"),
    durations("loop_delay_seconds", "how much later than asked the event loop took a turn", meter="loop_delay_ms"),
)

WORK = (
    durations("batch_seconds", "from handing a batch to its agent to the acknowledgement", meter="batch_ms"),
    durations(
        "lateness_seconds",
        "broker's append time minus event time of the latest-arriving record of each batch, 0 if none was late",
        meter="lateness_ms",
        services=("supply", "demand", "quotes"),
    ),
    counter("dead_letters", "letters", "records refused"),
    counter("late_events", "events", "events after their pane's grace", services=COUNTING),
    counter(
        "partitioner_alerts",
        "producers",
        "producers found to place keys by another rule than others",
        services=("supply", "demand", "quotes"),
    ),
    durations("flush_seconds", "from taking the counts to their acknowledgement", meter="flush_ms", services=COUNTING),
    gauge(
        "drivers",
        "drivers",
        "drivers remembered of that source partition",
        meter="drivers.",
        label="partition",
        services=("supply",),
    ),
    counter("products_ignored", "products", "products beyond the 32 that fit one axis", services=COUNTING),
)

PRICES = (
    counter("ticks", "ticks", "ticks priced with the model", services=("pricing",)),
    counter("ticks_without_model", "ticks", "ticks priced without the model", services=("pricing",)),
    counter(
        "ticks_without_supply",
        "ticks",
        "ticks priced while a source partition of supply was silent: no price may rise",
        services=("pricing",),
    ),
    counter("prices_computed", "prices", "prices of a cell and product in ticks", services=("pricing",)),
    counter(
        "prices_at_bounds", "prices", "those of them held by cap or floor of their jurisdiction", services=("pricing",)
    ),
    counter(
        "tick_fallbacks",
        "ticks",
        "ticks priced without the model, by why: a code of docs/reasons.md",
        meter="tick_fallbacks.",
        label="reason",
        services=("pricing",),
    ),
    durations("tick_seconds", "computing one tick", meter="tick_ms", services=("pricing",)),
    gauge("table_rows", "rows", "rows of the panes table in memory", services=("pricing",)),
    counter("quotes", "quotes", "quote requests answered", meter="quotes.", label="outcome", services=("quotes",)),
    counter(
        "quote_fallbacks",
        "quotes",
        "quotes priced without a fresh tick of a model, by why: a code of docs/reasons.md",
        meter="quote_fallbacks.",
        label="reason",
        services=("quotes",),
    ),
    durations(
        "quote_seconds",
        "from the broker's append time of a quote request to the acknowledgement of its answer",
        meter="quote_ms",
        services=("quotes",),
    ),
    counter("requests_repeated", "requests", "requests whose quote existed already", services=("quotes",)),
    counter("bookings", "acceptances", "acceptances judged", meter="bookings.", label="outcome", services=("quotes",)),
    gauge("quotes_remembered", "quotes", "binding quotes in memory", services=("quotes",)),
    gauge(
        "conflicting_quotes",
        "quotes",
        "records of `quotes.v1` that contradict a binding one; the target is 0",
        services=("quotes",),
    ),
    gauge(
        "forgotten_quotes",
        "quotes",
        "quotes dropped for want of room while they could bind; the target is 0",
        services=("quotes",),
    ),
)

RECORDS = (
    counter("records_recorded", "records", "records written to the database", services=("recorder",)),
    counter("records_repeated", "records", "records the database had already", services=("recorder",)),
    counter("records_expired", "records", "records older than the database keeps", services=("recorder",)),
    counter(
        "records_unreadable",
        "records",
        "records that could not be decoded, kept as rows of their bytes",
        services=("recorder",),
    ),
    durations(
        "record_seconds",
        "from the broker's append time of a record to its commit in the database",
        meter="record_ms",
        services=("recorder",),
    ),
    gauge(
        "database_away",
        "1",
        "1 while the database does not answer and records wait in their topics",
        services=("recorder",),
    ),
)

HEALTH = (
    Metric(
        name="live",
        kind=Kind.GAUGE,
        unit="1",
        meaning="1 while `/livez` is well, 0 when the worker must be started again",
    ),
    Metric(name="ready", kind=Kind.GAUGE, unit="1", meaning="1 while `/readyz` is well: the worker does all its work"),
)
"""Judged when asked; see `health`."""

METRICS: tuple[Metric, ...] = (*MOVED, *PROCESS, *WORK, *PRICES, *RECORDS, *HEALTH)
