"""What one source partition says about supply: absolute counts per zone, and control records.

A zone's record names its home cells and its halo cells; a cell not named has no car. Only zones whose content changed
since they were last published are published again, a zone that became empty once more with no cells.
"""

from collections import defaultdict
from itertools import accumulate, chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from supply.counts import CellCounts
from topics.coded_counts import ZoneRows, coded_supply
from topics.counts import CountKind, SupplyCellsCounted
from windows.epochs import Epoch
from windows.hexagons import zones_reached
from windows.products import ProductAxis
from windows.zone_table import NO_ZONE, ZoneTable

Ints = NDArray[np.int64]

_NO_CELLS = np.empty(0, np.int64)
_TOTALS = 3
_CELLS = list(CountKind).index(CountKind.CELLS)  # symbols stand in the order of the schema, as a test of it says


class SupplyBook:
    """What an epoch has published of one source partition; a new epoch begins with an empty one."""

    def __init__(self, *, source_partition: int, source_partitions: int, epoch: Epoch, products: ProductAxis) -> None:
        if not 0 <= source_partition < source_partitions:
            raise ValueError(f"source_partition must be from 0 to {source_partitions - 1}, got {source_partition}")
        self._source_partition = source_partition
        self._source_partitions = source_partitions
        self._epoch = epoch
        self._products = products
        self._cells = _NO_CELLS
        self._table = np.empty((0, _TOTALS), np.int32)
        self._just_told: frozenset[int] = frozenset()

    def changes(self, counts: CellCounts, *, pings_offset: int) -> list[SupplyCellsCounted]:
        """Records of the zones whose content differs from what was published last, by ascending zone.

        `pings_offset` is the last offset included in the counts.

        Raises ValueError if the counts have more products than the axis.
        """
        self._refuse_many(counts)
        changed = self._taken(counts)
        zones = sorted({zone for cell in changed.tolist() for zone in zones_reached(cell)})
        self._just_told = frozenset(zones)
        if not zones:
            return []
        return self._zones_counted(counts, zones, pings_offset)

    def coded_changes(
        self, counts: CellCounts, *, pings_offset: int, schema_id: int, table: ZoneTable
    ) -> list[tuple[int, bytes]]:
        """The same records as framed values, each with its zone: in a tenth of the time, without objects.

        Raises ValueError as `changes`.
        """
        self._refuse_many(counts)
        changed = self._taken(counts)
        zones = np.unique(table.zones_of(changed))
        zones = zones[zones != NO_ZONE]
        self._just_told = frozenset(zones.tolist())
        if not zones.size:
            return []
        named, rows = table.pairs(counts.cells)
        firsts, lasts = np.searchsorted(named, zones), np.searchsorted(named, zones, side="right")
        # Zones that did not change are passed over: their rows stand between the chosen ones.
        chosen = np.concatenate([rows[first:last] for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True)])
        of = ZoneRows(zones=zones, bounds=np.concatenate([[0], np.cumsum(lasts - firsts)]), rows=chosen)
        start = (
            _CELLS,
            self._source_partition,
            self._source_partitions,
            self._epoch.generation,
            self._epoch.started_ms,
            pings_offset,
            counts.now_ms,
        )
        products = list(self._products.ids[: counts.idle_by_product.shape[1]])
        values = coded_supply(schema_id, start, of, products, counts.cells, self._table.astype(np.int64))
        return list(zip(zones.tolist(), values, strict=True))

    def _taken(self, counts: CellCounts) -> Ints:
        """Cells whose counts differ from those taken last, ascending; these are now the last."""
        table = np.column_stack((counts.idle, counts.busy, counts.soon_free, counts.idle_by_product))
        changed = _changed(self._cells, self._table, counts.cells, table)
        self._cells, self._table = counts.cells, table
        return changed

    def _refuse_many(self, counts: CellCounts) -> None:
        if counts.idle_by_product.shape[1] > len(self._products):
            raise ValueError(
                f"counts must have at most {len(self._products)} products, got {counts.idle_by_product.shape[1]}"
            )

    def everything(self, counts: CellCounts, *, pings_offset: int) -> list[SupplyCellsCounted]:
        """Records of every other zone that has a car, for readers who begin in the middle of the log.

        `counts` are those of the last `changes`, whose zones, also those that became empty, were told of there.
        """
        zones = sorted({zone for cell in counts.cells.tolist() for zone in zones_reached(cell)} - self._just_told)
        return self._zones_counted(counts, zones, pings_offset) if zones else []

    def snapshot_complete(self, *, pings_offset: int, now_ms: int) -> SupplyCellsCounted:
        """All that this epoch knows was published before: zones it did not name are empty."""
        return self._record(CountKind.SNAPSHOT_COMPLETE, pings_offset=pings_offset, now_ms=now_ms)

    def alive(self, *, pings_offset: int, now_ms: int) -> SupplyCellsCounted:
        """The source partition is being read, whether anything changed or not."""
        return self._record(CountKind.ALIVE, pings_offset=pings_offset, now_ms=now_ms)

    def _zones_counted(self, counts: CellCounts, zones: list[int], pings_offset: int) -> list[SupplyCellsCounted]:
        by_zone = _rows_by_zone(counts.cells)
        of_zones = [by_zone.get(zone, []) for zone in zones]
        # One gather for all zones, then slices: gathering per zone costs several times as much.
        rows = np.fromiter(chain.from_iterable(of_zones), np.intp)
        width = counts.idle_by_product.shape[1]
        cells, idle, busy, soon_free, idle_by_product = (
            column[rows].ravel().tolist()
            for column in (counts.cells, counts.idle, counts.busy, counts.soon_free, counts.idle_by_product)
        )
        products = list(self._products.ids[:width])
        bounds = pairwise(accumulate(map(len, of_zones), initial=0))
        return [
            self._record(
                CountKind.CELLS,
                pings_offset=pings_offset,
                now_ms=counts.now_ms,
                zone=zone,
                products=products,
                cells=cells[start:end],
                idle=idle[start:end],
                idle_by_product=idle_by_product[start * width : end * width],
                busy=busy[start:end],
                soon_free=soon_free[start:end],
            )
            for zone, (start, end) in zip(zones, bounds, strict=True)
        ]

    def _record(self, kind: CountKind, *, zone: int = 0, **values: Any) -> SupplyCellsCounted:  # noqa: ANN401
        return SupplyCellsCounted(
            kind=kind,
            source_partition=self._source_partition,
            source_partitions=self._source_partitions,
            epoch_generation=self._epoch.generation,
            epoch_started_ms=self._epoch.started_ms,
            zone=zone,
            **values,
        )


def _rows_by_zone(cells: NDArray[np.int64]) -> dict[int, list[int]]:
    """Rows of the cells that each zone needs to know, home and halo, in the order of the cells."""
    rows: defaultdict[int, list[int]] = defaultdict(list)
    for row, cell in enumerate(cells.tolist()):
        for zone in zones_reached(cell):
            rows[zone].append(row)
    return rows


def _changed(
    old_cells: NDArray[np.int64], old: NDArray[np.int32], new_cells: NDArray[np.int64], new: NDArray[np.int32]
) -> Ints:
    """Cells that came, went or have other counts; a product not counted before counted nothing."""
    width = max(old.shape[1], new.shape[1])
    kept, old_rows, new_rows = np.intersect1d(old_cells, new_cells, assume_unique=True, return_indices=True)
    differs = (_widened(old[old_rows], width) != _widened(new[new_rows], width)).any(axis=1)
    came_or_went = np.setxor1d(old_cells, new_cells, assume_unique=True)
    return np.union1d(kept[differs], came_or_went)


def _widened(table: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    return np.pad(table, ((0, 0), (0, width - table.shape[1]))) if table.shape[1] < width else table
