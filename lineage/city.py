"""The map: what each cell costs, who wants a ride there, who is free, and how old that is.

Prices, forecasts and waits come from the newest tick of each zone, cars from the absolute counts per source partition;
a zone's home cells alone are shown, so no car is counted twice.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from topics.counts import CountKind, SupplyCellsCounted
from topics.prices import SurgeTicked
from windows.hexagons import zone_of

HISTORY = 240
HISTORY_EVERY_MS = 5_000


@dataclass(slots=True)
class CityMap:
    """The newest of everything, per zone."""

    ticks: dict[int, SurgeTicked] = field(default_factory=dict)
    history: dict[int, list[tuple[int, list[int]]]] = field(default_factory=dict)
    """(now_ms, multipliers cell-major) of each zone, at most one every five seconds, twenty minutes of them."""
    _cars: dict[int, dict[int, SupplyCellsCounted]] = field(default_factory=dict)
    _partitions: dict[int, int] = field(default_factory=dict)
    """In which partition of supply-cells.v1 each zone stands."""
    _moved: set[int] = field(default_factory=set)
    _gone: set[int] = field(default_factory=set)
    """Cells that the newest tick of their zone names no more."""

    def ticked(self, tick: SurgeTicked) -> None:
        """Take in one tick; a zombie's, of an earlier instant, changes nothing."""
        known = self.ticks.get(tick.zone)
        if known is not None and tick.now_ms < known.now_ms:
            return
        if known is not None and (known.cells, known.products) != (tick.cells, tick.products):
            self._gone |= set(known.cells)
            self.history.pop(tick.zone, None)  # its entries are by place among cells and products
        self._gone -= set(tick.cells)
        self.ticks[tick.zone] = tick
        self._moved.add(tick.zone)
        kept = self.history.setdefault(tick.zone, [])
        if not kept or tick.now_ms >= kept[-1][0] + HISTORY_EVERY_MS:
            kept.append((tick.now_ms, tick.multiplier_hundredths))
            del kept[:-HISTORY]

    def counted(self, counts: SupplyCellsCounted, partition: int) -> None:
        """Take in one record of that partition of supply-cells.v1: counts of cells, or that a source has told all."""
        if counts.kind is CountKind.SNAPSHOT_COMPLETE:
            self._completed(counts, partition)
        if counts.kind is not CountKind.CELLS:
            return
        self._partitions[counts.zone] = partition
        known = self._cars.setdefault(counts.zone, {}).get(counts.source_partition)
        if known is None or _epoch(counts) >= _epoch(known):
            self._cars[counts.zone][counts.source_partition] = counts
            self._moved.add(counts.zone)

    def _completed(self, counts: SupplyCellsCounted, partition: int) -> None:
        """Forget what earlier epochs of the source counted there: of a zone without cars the new one says nothing."""
        for zone, by_source in self._cars.items():
            known = by_source.get(counts.source_partition)
            if known is not None and self._partitions[zone] == partition and _epoch(known) < _epoch(counts):
                del by_source[counts.source_partition]
                self._moved.add(zone)

    def changes(self) -> Iterator[tuple[str, Any]]:
        """Board values of the zones that changed since the last call: `zone/…` and `cell/…`, None for a cell gone."""
        moved, self._moved = self._moved, set()
        gone, self._gone = self._gone, set()
        yield from ((f"cell/{cell:x}", None) for cell in gone)
        for zone in moved:
            tick = self.ticks.get(zone)
            if tick is not None:
                yield from self.values(tick)

    def values(self, tick: SurgeTicked) -> Iterator[tuple[str, Any]]:
        """Board values of one zone.

        A cell is [zone, idle, busy, multiplier, demand, wait], the last three a list per product: hundredths, riders
        expected in the next five minutes in tenths, seconds.
        """
        zone = f"{tick.zone:x}"
        yield (
            f"zone/{zone}",
            {
                "now_ms": tick.now_ms,
                "data_age_ms": tick.data_age_ms,
                "market": tick.market,
                "model": tick.model,
                "fallback": tick.fallback,
                "complete": tick.supply_complete and tick.demand_complete,
                "products": tick.products,
            },
        )
        cars = self.cars_of(tick.zone)
        many = len(tick.products)
        for place, cell in enumerate(tick.cells):
            idle, busy = cars.get(cell, (0, 0))
            part = slice(place * many, (place + 1) * many)
            demand = [round(milli / 100) for milli in tick.demand_milli[part]]
            yield f"cell/{cell:x}", [zone, idle, busy, tick.multiplier_hundredths[part], demand, tick.eta_s[part]]

    def cars_of(self, zone: int) -> dict[int, tuple[int, int]]:
        """(idle, busy) cars per home cell of the zone, over all source partitions."""
        found: dict[int, tuple[int, int]] = {}
        for counts in self._cars.get(zone, {}).values():
            for cell, idle, busy in zip(counts.cells, counts.idle, counts.busy, strict=True):
                if zone_of(cell) == zone:
                    known = found.get(cell, (0, 0))
                    found[cell] = (known[0] + idle, known[1] + busy)
        return found

    def past_of(self, cell: int) -> list[tuple[int, list[int]]]:
        """(now_ms, multiplier per product in hundredths) of one cell, oldest first; empty if it is on no map."""
        zone = zone_of(cell)
        tick = self.ticks.get(zone)
        if tick is None or cell not in tick.cells:
            return []
        place, many = tick.cells.index(cell), len(tick.products)
        part = slice(place * many, (place + 1) * many)
        return [(now_ms, all_of_zone[part]) for now_ms, all_of_zone in self.history.get(zone, [])]


def _epoch(counts: SupplyCellsCounted) -> tuple[int, int]:
    return counts.epoch_generation, counts.epoch_started_ms
