"""What went wrong or came late, and what the workers did.

One class per record of `avro/`, field for field; the meaning and unit of each field stand there.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A record header."""

    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLettered:
    """A record that was refused, whole, with the place it stood at and why."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: list[Header] = field(default_factory=list)
    error_class: str
    field: str = ""
    rule: str
    sentence: str
    attempt: int = 1
    service: str
    now_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventArrivedLate:
    """An event that the broker got after its pane's grace had ended; it was counted nowhere."""

    topic: str
    partition: int
    offset: int
    id: str
    at_ms: int
    appended_ms: int
    late_by_ms: int
    service: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionCount:
    """Records through one partition in the interval."""

    topic: str
    partition: int
    records: int
    bytes: int
    offset: int
    lag: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """A distribution over the interval."""

    name: str
    bounds: list[float]
    counts: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySampled:
    """What one worker did in the last interval."""

    service: str
    worker: str
    now_ms: int
    interval_ms: int
    read: list[PartitionCount] = field(default_factory=list)
    written: list[PartitionCount] = field(default_factory=list)
    gauges: dict[str, float] = field(default_factory=dict)
    histograms: list[Histogram] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
