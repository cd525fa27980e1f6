"""Who is where and who wants a ride: absolute counts per source partition.

One class per record of `avro/`, field for field; the meaning and unit of each field stand there.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class CountKind(StrEnum):
    """CELLS: counts of one zone. SNAPSHOT_COMPLETE: all this epoch knows stands before. ALIVE: said every second."""

    UNKNOWN = "UNKNOWN"
    CELLS = "CELLS"
    SNAPSHOT_COMPLETE = "SNAPSHOT_COMPLETE"
    ALIVE = "ALIVE"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplyCellsCounted:
    """Cars of one source partition in one zone and its halo: absolute values; a cell not named has none."""

    kind: CountKind
    source_partition: int
    source_partitions: int
    epoch_generation: int
    epoch_started_ms: int
    pings_offset: int
    now_ms: int
    zone: int
    products: list[str] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    idle: list[int] = field(default_factory=list)
    idle_by_product: list[int] = field(default_factory=list)
    busy: list[int] = field(default_factory=list)
    soon_free: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandCellsCounted:
    """Riders of one source partition in one zone, its halo and one ten-second pane: absolute values."""

    kind: CountKind
    source_partition: int
    source_partitions: int
    epoch_generation: int
    epoch_started_ms: int
    requests_offset: int
    decisions_offset: int
    now_ms: int
    complete_from_ms: int
    zone: int
    pane_start_ms: int
    products: list[str] = field(default_factory=list)
    cells: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    bookings: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class CityDemandCounted:
    """Riders of one source partition in one pane, per home zone: absolute values, no halo copies."""

    kind: CountKind
    source_partition: int
    source_partitions: int
    epoch_generation: int
    epoch_started_ms: int
    requests_offset: int
    decisions_offset: int
    now_ms: int
    complete_from_ms: int
    pane_start_ms: int
    zones: list[int] = field(default_factory=list)
    requests: list[int] = field(default_factory=list)
    bookings: list[int] = field(default_factory=list)
