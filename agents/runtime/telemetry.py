"""What one worker read, wrote and measured, told to `telemetry.v1` once a second.

A `Meter` only adds up; `sample` turns the sums into a record and starts the next interval. Meanings of gauges and
histograms: docs/telemetry.md.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping

from topics.ledger import Histogram, PartitionCount, TelemetrySampled

LATENCY_BOUNDS_MS = tuple(
    float(b) for b in (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1000, 2000, 5000, 10000)
)


class _Sums:
    """Records and bytes of one partition in this interval, and where it stands."""

    __slots__ = ("lag", "offset", "records", "size")

    def __init__(self) -> None:
        self.records = self.size = 0
        self.offset = self.lag = -1


class Meter:
    """Sums of one worker since the last sample."""

    def __init__(self, *, service: str, worker: str, versions: Mapping[str, str] | None = None) -> None:
        self._service, self._worker = service, worker
        self.versions = dict(versions or {})
        self._read: dict[tuple[str, int], _Sums] = {}
        self._written: dict[tuple[str, int], _Sums] = {}
        self._gauges: dict[str, float] = {}
        self._histograms: dict[str, list[int]] = {}
        self._since = time.monotonic()
        self._cpu_s = time.process_time()

    def read(self, topic: str, partition: int, *, records: int, size: int, offset: int, lag: int = -1) -> None:
        """Count records of one partition that were taken in; `offset` is the last of them, `lag` what is left."""
        _add(self._read, (topic, partition), records, size, offset).lag = lag

    def wrote(self, topic: str, partition: int, *, records: int, size: int, offset: int) -> None:
        """Count records that the broker has acknowledged."""
        _add(self._written, (topic, partition), records, size, offset)

    def gauge(self, name: str, value: float) -> None:
        """Keep the newest value of something that goes up and down."""
        self._gauges[name] = value

    def count(self, name: str, by: int = 1) -> None:
        """Add to a total since the worker's start."""
        self._gauges[name] = self._gauges.get(name, 0.0) + by

    def latency(self, name: str, value_ms: float) -> None:
        """Put one duration into the interval's distribution."""
        counts = self._histograms.setdefault(name, [0] * (len(LATENCY_BOUNDS_MS) + 1))
        counts[bisect_left(LATENCY_BOUNDS_MS, value_ms)] += 1

    def sample(self, now_ms: int) -> TelemetrySampled:
        """Everything since the last sample, as one record; starts the next interval."""
        now, cpu_s = time.monotonic(), time.process_time()
        interval_s = max(now - self._since, 1e-3)
        self._gauges["busy_share"] = round((cpu_s - self._cpu_s) / interval_s, 4)
        self._since, self._cpu_s = now, cpu_s
        sample = TelemetrySampled(
            service=self._service,
            worker=self._worker,
            now_ms=now_ms,
            interval_ms=round(interval_s * 1000),
            read=_counts(self._read),
            written=_counts(self._written),
            gauges=dict(self._gauges),
            histograms=[
                Histogram(name=name, bounds=list(LATENCY_BOUNDS_MS), counts=counts)
                for name, counts in self._histograms.items()
            ],
            versions=dict(self.versions),
        )
        self._histograms = {}
        for sums in (*self._read.values(), *self._written.values()):
            sums.records = sums.size = 0
        return sample


def _add(table: dict[tuple[str, int], _Sums], place: tuple[str, int], records: int, size: int, offset: int) -> _Sums:
    sums = table.setdefault(place, _Sums())
    sums.records += records
    sums.size += size
    sums.offset = offset
    return sums


def _counts(table: Mapping[tuple[str, int], _Sums]) -> list[PartitionCount]:
    return [
        PartitionCount(topic=topic, partition=partition, records=s.records, bytes=s.size, offset=s.offset, lag=s.lag)
        for (topic, partition), s in sorted(table.items())
    ]
