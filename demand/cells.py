"""What one source partition says about demand: absolute counts per zone and pane, city totals, and control records.

A zone's record names its home cells and its halo cells; city totals count home cells only, so that each rider is in
one of them once.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from demand.distinct import Ride
from demand.riders import PaneChanged
from topics.counts import CityDemandCounted, CountKind, DemandCellsCounted
from windows.epochs import Epoch
from windows.hexagons import zone_of, zones_reached
from windows.products import ProductAxis


class Included(NamedTuple):
    """What a record includes: the last offset of each source topic, -1 before any, and the writer's clock."""

    requests_offset: int
    decisions_offset: int
    now_ms: int


class DemandWriter:
    """The voice of one epoch of one source partition."""

    def __init__(self, *, source_partition: int, source_partitions: int, epoch: Epoch, products: ProductAxis) -> None:
        if not 0 <= source_partition < source_partitions:
            raise ValueError(f"source_partition must be from 0 to {source_partitions - 1}, got {source_partition}")
        self._writer: dict[str, Any] = {
            "source_partition": source_partition,
            "source_partitions": source_partitions,
            "epoch_generation": epoch.generation,
            "epoch_started_ms": epoch.started_ms,
        }
        self._products = products

    def cells_counted(self, panes: Iterable[PaneChanged], included: Included) -> list[DemandCellsCounted]:
        """One record per pane and zone that needs to know a changed cell of it, by ascending pane and zone."""
        return [
            self._cells(CountKind.CELLS, included, zone=zone, pane_start_ms=pane.start_ms, **content)
            for pane in panes
            for zone, content in self._by_zone(pane)
        ]

    def city_counted(self, panes: Iterable[PaneChanged], included: Included) -> list[CityDemandCounted]:
        """One record per changed pane: riders per home zone, all products."""
        return [
            self._city(CountKind.CELLS, included, pane_start_ms=pane.start_ms, **_by_home_zone(pane)) for pane in panes
        ]

    def snapshot_complete(
        self, included: Included, *, complete_from_ms: int
    ) -> tuple[DemandCellsCounted, CityDemandCounted]:
        """All that this epoch knows was published before: it replaces the panes from `complete_from_ms` on."""
        return (
            self._cells(CountKind.SNAPSHOT_COMPLETE, included, complete_from_ms=complete_from_ms),
            self._city(CountKind.SNAPSHOT_COMPLETE, included, complete_from_ms=complete_from_ms),
        )

    def alive(self, included: Included) -> tuple[DemandCellsCounted, CityDemandCounted]:
        """The source partition is being read, whether anything changed or not."""
        return self._cells(CountKind.ALIVE, included), self._city(CountKind.ALIVE, included)

    def _by_zone(self, pane: PaneChanged) -> Iterator[tuple[int, dict[str, list[Any]]]]:
        """Content of each zone that needs to know a changed cell, by ascending zone; a cell not named has no rider."""
        ids = list(self._products.ids)
        requests = _per_cell(pane.requests, len(ids))
        bookings = _per_cell(pane.bookings, len(ids))
        cells = defaultdict[int, list[int]](list)
        for cell in sorted(requests.keys() | bookings.keys()):
            for zone in zones_reached(cell):
                cells[zone].append(cell)
        none = [0] * len(ids)
        for zone in sorted({zone for cell in pane.changed for zone in zones_reached(cell)}):
            named = cells.get(zone, [])
            yield (
                zone,
                {
                    "products": ids,
                    "cells": named,
                    "requests": [count for cell in named for count in requests.get(cell, none)],
                    "bookings": [count for cell in named for count in bookings.get(cell, none)],
                },
            )

    def _cells(self, kind: CountKind, included: Included, **values: Any) -> DemandCellsCounted:  # noqa: ANN401
        defaults = {"complete_from_ms": 0, "zone": 0, "pane_start_ms": 0}
        return DemandCellsCounted(kind=kind, **self._writer, **included._asdict(), **(defaults | values))

    def _city(self, kind: CountKind, included: Included, **values: Any) -> CityDemandCounted:  # noqa: ANN401
        defaults = {"complete_from_ms": 0, "pane_start_ms": 0}
        return CityDemandCounted(kind=kind, **self._writer, **included._asdict(), **(defaults | values))


def _per_cell(counts: Mapping[Ride, int], products: int) -> dict[int, list[int]]:
    """Counts of all products by cell."""
    rows = defaultdict[int, list[int]](lambda: [0] * products)
    for (cell, product), count in counts.items():
        rows[cell][product] = count
    return rows


def _by_home_zone(pane: PaneChanged) -> dict[str, list[int]]:
    requests: Counter[int] = Counter()
    bookings: Counter[int] = Counter()
    for (cell, _), count in pane.requests.items():
        requests[zone_of(cell)] += count
    for (cell, _), count in pane.bookings.items():
        bookings[zone_of(cell)] += count
    zones = sorted(requests.keys() | bookings.keys())
    return {
        "zones": zones,
        "requests": [requests[zone] for zone in zones],
        "bookings": [bookings[zone] for zone in zones],
    }
