"""What workers told about themselves over the last seconds, added up per service."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from topics.ledger import PartitionCount, TelemetrySampled

KEPT_MS = 6_000
FORGOTTEN_MS = 120_000


@dataclass(slots=True)
class WorkerSamples:
    """The recent samples of one worker, youngest last; never empty."""

    samples: deque[TelemetrySampled] = field(default_factory=deque)

    @property
    def newest(self) -> TelemetrySampled:
        """What it said last."""
        return self.samples[-1]

    @property
    def seconds(self) -> float:
        """Time the samples cover."""
        return max(sum(sample.interval_ms for sample in self.samples), 1) / 1000


@dataclass(slots=True)
class Samples:
    """All workers heard of in the last two minutes, by name."""

    workers: dict[str, WorkerSamples] = field(default_factory=dict)
    heard_ms: int = 0
    """When anyone at all last said something, by its own clock."""

    def told(self, sample: TelemetrySampled) -> None:
        """Take in one record of telemetry.v1; of one worker they come in order."""
        kept = self.workers.setdefault(sample.worker, WorkerSamples()).samples
        kept.append(sample)
        self.heard_ms = max(self.heard_ms, sample.now_ms)
        while kept[0].now_ms < sample.now_ms - KEPT_MS:
            kept.popleft()
        for name in [n for n, w in self.workers.items() if w.newest.now_ms < sample.now_ms - FORGOTTEN_MS]:
            del self.workers[name]

    def services(self) -> dict[str, list[WorkerSamples]]:
        """Workers by service, both in order of names."""
        found: dict[str, list[WorkerSamples]] = {}
        for _, worker in sorted(self.workers.items()):
            found.setdefault(worker.newest.service, []).append(worker)
        return dict(sorted(found.items()))


def flow_of(workers: Iterable[WorkerSamples], *, written: bool) -> dict[str, tuple[float, float]]:
    """Records and bytes a second per topic, read or written by all of `workers` together."""
    records: dict[str, float] = defaultdict(float)
    sizes: dict[str, float] = defaultdict(float)
    for worker in workers:
        for sample in worker.samples:
            for count in _counts(sample, written=written):
                records[count.topic] += count.records / worker.seconds
                sizes[count.topic] += count.bytes / worker.seconds
    return {topic: (records[topic], sizes[topic]) for topic in records}


def stands_at(workers: Iterable[WorkerSamples]) -> dict[tuple[str, int], tuple[int, int]]:
    """Last offset read of each partition and when that was said; the worker that said it last counts."""
    found: dict[tuple[str, int], tuple[int, int]] = {}
    for worker in workers:
        sample = worker.newest
        for count in sample.read:
            place = (count.topic, count.partition)
            if sample.now_ms >= found.get(place, (0, -1))[1]:
                found[place] = (count.offset, sample.now_ms)
    return found


def quantiles_of(workers: Iterable[WorkerSamples], shares: tuple[float, ...] = (0.5, 0.99)) -> dict[str, list[float]]:
    """Upper bounds, in milliseconds, under which these shares of each named distribution lie; inf beyond the last."""
    sums: dict[str, tuple[list[float], list[int]]] = {}
    for worker in workers:
        for sample in worker.samples:
            for histogram in sample.histograms:
                bounds, counts = sums.setdefault(histogram.name, (histogram.bounds, [0] * len(histogram.counts)))
                if bounds == histogram.bounds:
                    counts[:] = [a + b for a, b in zip(counts, histogram.counts, strict=True)]
    return {name: [_quantile(bounds, counts, share) for share in shares] for name, (bounds, counts) in sums.items()}


def gauges_of(workers: Iterable[WorkerSamples]) -> Mapping[str, float]:
    """Sums of the newest gauges of `workers`."""
    sums: dict[str, float] = defaultdict(float)
    for worker in workers:
        for name, value in worker.newest.gauges.items():
            sums[name] += value
    return sums


def _quantile(bounds: list[float], counts: list[int], share: float) -> float:
    """Bound of the bucket in which the share is reached.

    >>> _quantile([1.0, 2.0, 5.0], [0, 9, 1, 0], 0.5), _quantile([1.0], [0, 1], 0.5)
    (2.0, -1.0)
    """
    total, seen = sum(counts), 0
    for bound, count in zip(bounds, counts, strict=False):
        seen += count
        if total and seen >= share * total:
            return bound
    return -1.0


def _counts(sample: TelemetrySampled, *, written: bool) -> list[PartitionCount]:
    return sample.written if written else sample.read
