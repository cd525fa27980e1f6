"""A worker's metrics as Prometheus reads them."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from agents.runtime.metrics import Kind, Metric
from agents.runtime.metrics_declared import HEALTH, METRICS
from agents.runtime.telemetry import LATENCY_BOUNDS_MS, Distribution, Meter, Totals

Judged = Callable[[], Mapping[str, float]]
"""Values of the HEALTH metrics by name."""


class MetricsPage(Collector):
    """The declared metrics of one worker, read from its meter when asked for. Safe from any thread."""

    def __init__(self, service: str, meter: Meter, judged: Judged) -> None:
        self._service, self._meter, self._judged = service, meter, judged
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """The page in Prometheus' text format 0.0.4."""
        return generate_latest(self._registry)

    def describe(self) -> Iterator[Family]:
        """Name nothing beforehand: asking is cheap, and no one else registers here."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        """Every declared metric that this worker has a value of."""
        totals, judged = self._meter.totals(), self._judged()
        for metric in METRICS:
            family = self._judged_family(metric, judged) if metric in HEALTH else self._family(metric, totals)
            if family.samples:
                yield family

    def _judged_family(self, metric: Metric, judged: Mapping[str, float]) -> Family:
        family = self._empty(metric)
        family.add_metric([self._service], judged[metric.name])
        return family

    def _family(self, metric: Metric, totals: Totals) -> Family:
        if metric.kind is Kind.HISTOGRAM:
            return self._histogram(metric, totals.distributions.get(metric.meter))
        family = self._empty(metric)
        for labels, value in metric.samples(totals):
            family.add_metric([self._service, *labels], value)
        return family

    def _empty(self, metric: Metric) -> CounterMetricFamily | GaugeMetricFamily:
        family = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        return family(metric.full_name, metric.meaning, labels=["service", *metric.labels])

    def _histogram(self, metric: Metric, found: Distribution | None) -> Family:
        family = HistogramMetricFamily(metric.full_name, metric.meaning, labels=["service"])
        if found is not None:
            bounds = [*(repr(bound * metric.scale) for bound in LATENCY_BOUNDS_MS), "+Inf"]
            reached, buckets = 0, []
            for bound, count in zip(bounds, [*found.counts], strict=True):
                reached += count
                buckets.append((bound, reached))
            family.add_metric([self._service], buckets, found.sum_ms * metric.scale)
        return family
