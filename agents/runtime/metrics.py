"""What a metric is: its name, unit, labels and meaning, and where in a worker's `Meter` its values lie."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from agents.runtime.telemetry import Totals

PREFIX = "faretide_"
EVERY = ("all",)


class Kind(StrEnum):
    """What Prometheus may do with a metric: rate a counter, look at a gauge, take quantiles of a histogram."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


Samples = Iterable[tuple[tuple[str, ...], float]]
"""Values of the metric's labels, and the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric. `name` has no prefix and, for a counter, no `_total`.

    `meter` is its name in the `Meter`; one that ends in "." is a family, and what comes after the dot is the value of
    its label. `values` reads it where a name alone does not say it. Every metric has the label `service` besides
    `labels`. `scale` turns the meter's unit into `unit`.
    """

    name: str
    kind: Kind
    unit: str
    meaning: str
    services: tuple[str, ...] = EVERY
    meter: str = ""
    labels: tuple[str, ...] = ()
    values: Callable[[Totals], Samples] | None = None
    scale: float = 1.0

    @property
    def full_name(self) -> str:
        """The name in a query; a histogram adds `_bucket`, `_sum` and `_count`."""
        return f"{PREFIX}{self.name}{'_total' if self.kind is Kind.COUNTER else ''}"

    def samples(self, totals: Totals) -> Samples:
        """Its values now; none for a worker that has none. Not for histograms."""
        found = self.values(totals) if self.values else _named(totals.values, self.meter)
        return ((labels, value * self.scale) for labels, value in found)


def _named(values: Mapping[str, float], name: str) -> Samples:
    if name.endswith("."):
        return [((key.removeprefix(name),), value) for key, value in values.items() if key.startswith(name)]
    return [((), values[name])] if name in values else []


def counter(
    name: str, unit: str, meaning: str, *, meter: str = "", services: tuple[str, ...] = EVERY, label: str = ""
) -> Metric:
    """A total of `unit` since the start, in the meter by its `name` if no other is given.

    With `label` there is one for each name after the dot of `meter`.
    """
    return Metric(
        name=name,
        kind=Kind.COUNTER,
        unit=unit,
        meaning=meaning,
        services=services,
        meter=meter or name,
        labels=(label,) if label else (),
    )


def gauge(
    name: str, unit: str, meaning: str, *, meter: str = "", services: tuple[str, ...] = EVERY, label: str = ""
) -> Metric:
    """A value that goes up and down, `unit` 1 where it has none; with `label`, one for each name after the dot."""
    return Metric(
        name=name,
        kind=Kind.GAUGE,
        unit=unit,
        meaning=meaning,
        services=services,
        meter=meter or name,
        labels=(label,) if label else (),
    )


def durations(name: str, meaning: str, *, meter: str, services: tuple[str, ...] = EVERY) -> Metric:
    """How long something took, measured in milliseconds and shown in seconds."""
    return Metric(
        name=name,
        kind=Kind.HISTOGRAM,
        unit="seconds",
        meaning=meaning,
        services=services,
        meter=meter,
        scale=0.001,
    )
