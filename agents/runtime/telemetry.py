"""What one worker read, wrote and measured since its start.

A `Meter` only adds up. It has two readers: `sample` tells `telemetry.v1` once a second what was added since the last
time, `totals` tells a scrape everything, from whichever thread it comes. Meanings: docs/telemetry.md, docs/metrics.md.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from topics.arrays import Int64s
from topics.ledger import Histogram, PartitionCount, TelemetrySampled

LATENCY_BOUNDS_MS = tuple(
    float(b) for b in (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10000)
)
Place = tuple[str, int]
"""Topic and partition."""


class Sums:
    """Records and bytes of one partition since the start, and the last offset."""

    __slots__ = ("offset", "records", "size", "told_records", "told_size")

    def __init__(self) -> None:
        self.records = self.size = self.told_records = self.told_size = 0
        self.offset = -1


class Distribution:
    """Durations since the start: how many up to each bound, the last count for those above all, and their sum."""

    __slots__ = ("counts", "sum_ms", "told")

    def __init__(self) -> None:
        self.counts = [0] * (len(LATENCY_BOUNDS_MS) + 1)
        self.told = [*self.counts]
        self.sum_ms = 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the reading of an assigned partition stands.

    `position` is the next offset to be acknowledged, `lag` the records no agent was handed yet, `appended_ms` the
    append time of the newest record handed over, 0 before the first. `waits_since_ms` is the append time of the first
    record handed over that is not acknowledged, 0 if all are.
    """

    position: int
    lag: int
    appended_ms: int
    waits_since_ms: int = 0


@dataclass(frozen=True, slots=True)
class Totals:
    """Everything a meter knows at one instant."""

    read: Mapping[Place, Sums]
    written: Mapping[Place, Sums]
    standing: Mapping[Place, Standing]
    values: Mapping[str, float]
    distributions: Mapping[str, Distribution]
    versions: Mapping[str, str]


class Meter:
    """Sums of one worker since its start."""

    def __init__(self, *, service: str, worker: str, versions: Mapping[str, str] | None = None) -> None:
        self._service, self._worker = service, worker
        self.versions = dict(versions or {})
        self._read: dict[Place, Sums] = {}
        self._written: dict[Place, Sums] = {}
        self._standing: dict[Place, Standing] = {}
        self._gauges: dict[str, float] = {}
        self._distributions: dict[str, Distribution] = {}
        self._since = time.monotonic()
        self._cpu_s = time.process_time()

    def read(self, topic: str, partition: int, *, records: int, size: int, offset: int) -> None:
        """Count records of one partition that were taken in; `offset` is the last of them."""
        _add(self._read, (topic, partition), records, size, offset)

    def wrote(self, topic: str, partition: int, *, records: int, size: int, offset: int) -> None:
        """Count records that the broker has acknowledged."""
        _add(self._written, (topic, partition), records, size, offset)

    def stands(self, standing: Mapping[Place, Standing]) -> None:
        """Keep where each assigned partition stands; those not named are assigned no more."""
        self._standing = dict(standing)

    def gauge(self, name: str, value: float) -> None:
        """Keep the newest value of something that goes up and down."""
        self._gauges[name] = value

    def forget_gauges(self, beginning: str) -> None:
        """Tell no more of what goes by names that begin so."""
        self._gauges = {name: value for name, value in self._gauges.items() if not name.startswith(beginning)}

    def count(self, name: str, by: int = 1) -> None:
        """Add to a total since the worker's start."""
        self._gauges[name] = self._gauges.get(name, 0.0) + by

    def latency(self, name: str, value_ms: float) -> None:
        """Put one duration into a distribution."""
        found = self._distributions.get(name)
        if found is None:
            found = self._distributions[name] = Distribution()
        found.counts[bisect_left(LATENCY_BOUNDS_MS, value_ms)] += 1
        found.sum_ms += value_ms

    def latencies(self, name: str, values_ms: Int64s) -> None:
        """Put many durations into a distribution at once: 10 µs for a chunk instead of 0.2 for each."""
        found = self._distributions.setdefault(name, Distribution())
        places = np.searchsorted(LATENCY_BOUNDS_MS, values_ms)
        for place, count in enumerate(np.bincount(places, minlength=len(found.counts)).tolist()):
            found.counts[place] += count
        found.sum_ms += float(values_ms.sum())

    def totals(self) -> Totals:
        """Everything since the start. Safe from any thread: tables are copied whole before anyone walks them."""
        return Totals(
            read=dict(self._read),
            written=dict(self._written),
            standing=self._standing,
            values=dict(self._gauges),
            distributions=dict(self._distributions),
            versions=dict(self.versions),
        )

    def sample(self, now_ms: int) -> TelemetrySampled:
        """Everything since the last sample, as one record; starts the next interval."""
        now, cpu_s = time.monotonic(), time.process_time()
        interval_s = max(now - self._since, 1e-3)
        self._gauges["busy_share"] = round((cpu_s - self._cpu_s) / interval_s, 4)
        self._since, self._cpu_s = now, cpu_s
        return TelemetrySampled(
            service=self._service,
            worker=self._worker,
            now_ms=now_ms,
            interval_ms=round(interval_s * 1000),
            read=_news(self._read, self._standing),
            written=_news(self._written, {}),
            gauges=dict(self._gauges),
            histograms=_histograms(self._distributions),
            versions=dict(self.versions),
        )


def _add(table: dict[Place, Sums], place: Place, records: int, size: int, offset: int) -> None:
    sums = table.get(place)
    if sums is None:
        sums = table[place] = Sums()
    sums.records += records
    sums.size += size
    sums.offset = offset


def _news(table: Mapping[Place, Sums], standing: Mapping[Place, Standing]) -> list[PartitionCount]:
    """What was added to each partition since it was last told."""
    news = []
    for (topic, partition), sums in sorted(table.items()):
        known = standing.get((topic, partition))
        news.append(
            PartitionCount(
                topic=topic,
                partition=partition,
                records=sums.records - sums.told_records,
                bytes=sums.size - sums.told_size,
                offset=sums.offset,
                lag=-1 if known is None else known.lag,
            )
        )
        sums.told_records, sums.told_size = sums.records, sums.size
    return news


def _histograms(table: Mapping[str, Distribution]) -> list[Histogram]:
    """What was added to each distribution since it was last told; those without news are left out."""
    news = []
    for name, found in table.items():
        counts = [now - told for now, told in zip(found.counts, found.told, strict=True)]
        if any(counts):
            news.append(Histogram(name=name, bounds=list(LATENCY_BOUNDS_MS), counts=counts))
            found.told = [*found.counts]
    return news
