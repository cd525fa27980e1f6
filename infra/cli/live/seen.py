"""What the records read so far add up to. No reading happens here: entries are arguments.

Quote latency runs from a request's event time to the append time of its answer; freshness from a ping's event time to
the append time of the first tick that includes it (see `simulation.freshness`).
"""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from infra.cli.live.recent import RecentValues
from infra.clients.consumer import Entry
from simulation.freshness import FreshnessTracker, PingSample
from simulation.histogram import Histogram
from topics.catalogue import DRIVER_PINGS, QUOTES, SUPPLY_CELLS, SURGE
from topics.counts import CountKind
from topics.ledger import TelemetrySampled
from topics.partitioners import Partitioner, partition_of
from topics.prices import QuoteAnswered, QuoteOutcome, SurgeTicked
from windows.hexagons import cells_of, zone_key, zone_of

QUOTES_KEPT = 300
MOST_WORKERS = 1_000


@dataclass(slots=True)
class WorkerSeen:
    """One worker: its newest sample, when the broker got it, and how often its process was another one."""

    sample: TelemetrySampled
    appended_ms: int
    restarts: int = 0


@dataclass(slots=True)
class Seen:
    """Counts since the start, and the newest of everything. `zone_partitions` is the partition count of zone topics."""

    zone_partitions: int = 1
    outcomes: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[str] = field(default_factory=Counter)
    surged: int = 0
    ticks: int = 0
    ticks_with_model: int = 0
    tick_fallbacks: Counter[str] = field(default_factory=Counter)
    freshness: Histogram = field(default_factory=Histogram)
    recent_freshness: RecentValues = field(default_factory=RecentValues)
    recent_latency: RecentValues = field(default_factory=RecentValues)
    latest_quotes: deque[QuoteAnswered] = field(default_factory=lambda: deque(maxlen=QUOTES_KEPT))
    surge: dict[int, SurgeTicked] = field(default_factory=dict)
    workers: dict[str, WorkerSeen] = field(default_factory=dict)
    unreadable: Counter[str] = field(default_factory=Counter)
    records_measured: Counter[str] = field(default_factory=Counter)
    bytes_measured: Counter[str] = field(default_factory=Counter)
    _tracker: FreshnessTracker = field(default_factory=FreshnessTracker)

    def add(self, entry: Entry) -> None:
        """Take in one record of a watched topic; one that could not be decoded is counted."""
        if entry.record is None:
            self.unreadable[entry.topic.name] += bool(entry.problem)
        elif entry.topic == DRIVER_PINGS:
            self._add_ping(entry)
        elif entry.topic == SUPPLY_CELLS:
            self._add_counts(entry)
        elif entry.topic == SURGE:
            self._add_tick(entry.record, entry.timestamp_ms)
        elif entry.topic == QUOTES:
            self._add_quote(entry.record, entry.timestamp_ms)
        else:
            self._add_sample(entry.record, entry.timestamp_ms)

    def gauge(self, name: str) -> float:
        """Sum of a gauge over all workers."""
        return sum(worker.sample.gauges.get(name, 0.0) for worker in self.workers.values())

    def record_bytes(self, topic: str) -> float:
        """Mean size of a record's value as the workers measured it; 0 if none did."""
        return self.bytes_measured[topic] / max(self.records_measured[topic], 1)

    @property
    def services(self) -> set[str]:
        """Names of the services that have reported."""
        return {worker.sample.service for worker in self.workers.values()}

    def _add_ping(self, entry: Entry) -> None:
        ping = entry.record
        try:
            zone = zone_of(int(cells_of(np.array([ping.lat]), np.array([ping.lon]))[0]))
        except ValueError:  # a place that is none: SUPPLY makes a dead letter of it
            return
        self._tracker.published(
            PingSample(
                source_partition=entry.partition,
                offset=entry.offset,
                published_ms=ping.at_ms,
                zone=zone,
                zone_partition=partition_of(Partitioner.MURMUR2, zone_key(zone), self.zone_partitions),
            )
        )

    def _add_counts(self, entry: Entry) -> None:
        counts: Any = entry.record
        if counts.kind in {CountKind.CELLS, CountKind.ALIVE}:
            self._tracker.counted(
                source_partition=counts.source_partition,
                zone_partition=entry.partition,
                zone=counts.zone,
                pings_offset=counts.pings_offset,
                offset=entry.offset,
            )

    def _add_tick(self, tick: SurgeTicked, appended_ms: int) -> None:
        self.ticks += 1
        if tick.model:
            self.ticks_with_model += 1
        else:
            self.tick_fallbacks[tick.fallback] += 1
        self.surge[tick.zone] = tick
        for fresh_ms in self._tracker.ticked(zone=tick.zone, supply_offset=tick.supply_offset, appended_ms=appended_ms):
            self.freshness.observe(fresh_ms)
            self.recent_freshness.add(fresh_ms, at_ms=appended_ms)

    def _add_quote(self, quote: QuoteAnswered, appended_ms: int) -> None:
        self.outcomes[quote.outcome.lower()] += 1
        self.latest_quotes.append(quote)
        self.recent_latency.add(appended_ms - quote.at_ms, at_ms=appended_ms)
        if quote.outcome is not QuoteOutcome.PRICED:
            self.refusals[quote.refusal or quote.outcome.lower()] += 1
            return
        self.surged += quote.multiplier_hundredths > 100
        if quote.fallback:
            self.fallbacks[quote.fallback] += 1

    def _add_sample(self, sample: TelemetrySampled, appended_ms: int) -> None:
        for counted in (*sample.read, *sample.written):
            if counted.bytes:
                self.records_measured[counted.topic] += counted.records
                self.bytes_measured[counted.topic] += counted.bytes
        known = self.workers.get(sample.worker)
        if known is None:
            if len(self.workers) >= MOST_WORKERS:  # names without an instance id change at each start
                self.workers.pop(min(self.workers, key=lambda name: self.workers[name].appended_ms))
            self.workers[sample.worker] = WorkerSeen(sample, appended_ms)
            return
        known.restarts += _started_ms(sample) != _started_ms(known.sample)
        known.sample, known.appended_ms = sample, appended_ms


def _started_ms(sample: TelemetrySampled) -> float:
    return sample.gauges.get("started_ms", 0.0)
