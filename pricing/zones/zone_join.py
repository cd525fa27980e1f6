"""Join `supply-cells` and `demand-cells` of one partition number into the state of its zones.

A record is judged once for the partition (`sources`) and once by each zone it is about, which ignores offsets that it
includes already. After a restart zones may be ahead of the partition but never behind it: `zone_rows` writes it last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from pricing.zones.pane_counts import PaneCounts, matrix
from pricing.zones.sources import Standing, TopicProgress
from pricing.zones.zone_state import KEPT_MS, CarCounts, ZoneState
from pricing.zones.zone_view import layout_of
from topics.counts import DemandCellsCounted, SupplyCellsCounted
from windows.epochs import Epoch

Counts = NDArray[np.int64]
Columns = tuple[Sequence[int], ...]


@dataclass(slots=True)
class PartitionState:
    """One partition number of the zone topics: how far each topic was read, and its zones."""

    partition: int
    supply: TopicProgress = field(default_factory=TopicProgress)
    demand: TopicProgress = field(default_factory=TopicProgress)
    zones: dict[int, ZoneState] = field(default_factory=dict)
    changed: bool = False

    def zone(self, zone: int) -> ZoneState:
        """State of the zone, a blank one if nothing was said of it yet."""
        found = self.zones.get(zone)
        if found is None:
            found = self.zones[zone] = ZoneState(zone)
        return found

    def is_complete(self, now_ms: int) -> bool:
        """Whether supply and demand of every source partition are there and alive; if not, no price may rise."""
        return self.supply.is_complete(now_ms) and self.demand.is_complete(now_ms)

    def data_age_ms(self, now_ms: int) -> int:
        """Age of the oldest counts of any source partition of the two topics."""
        return max(self.supply.data_age_ms(now_ms), self.demand.data_age_ms(now_ms))


def apply_supply(state: PartitionState, record: SupplyCellsCounted, offset: int) -> list[int]:
    """Take in the record at `offset` of supply-cells and return the zones it changed; applied offsets are ignored.

    Raises ValueError if the lengths of its arrays contradict each other.
    """
    epoch, source = Epoch(record.epoch_generation, record.epoch_started_ms), record.source_partition
    standing = state.supply.hear(
        offset=offset,
        kind=record.kind,
        source=source,
        source_partitions=record.source_partitions,
        epoch=epoch,
        now_ms=record.now_ms,
        complete_from_ms=record.now_ms,
        input_offset=record.pings_offset,
    )
    state.changed |= offset == state.supply.applied_offset
    match standing:
        case Standing.COUNTED:
            zone, counts = state.zone(record.zone), car_counts(record)
            from_ms = max(counts.now_ms, state.supply.complete_from_ms(source))
            zones = [zone] if zone.count_cars(source, counts, from_ms, offset) else []
        case Standing.HELD:
            zones = [zone] if (zone := state.zone(record.zone)).hold_cars(source, car_counts(record), offset) else []
        case Standing.COMPLETED:
            zones = [z for z in state.zones.values() if z.complete_cars(source, epoch, record.now_ms, offset)]
        case Standing.NOTHING:
            zones = []
    return [zone.zone for zone in zones]


def apply_demand(state: PartitionState, record: DemandCellsCounted, offset: int) -> list[int]:
    """Take in the record at `offset` of demand-cells and return the zones it changed; applied offsets are ignored.

    Raises ValueError if the lengths of its arrays contradict each other.
    """
    epoch, source, pane = (
        Epoch(record.epoch_generation, record.epoch_started_ms),
        record.source_partition,
        record.pane_start_ms,
    )
    standing = state.demand.hear(
        offset=offset,
        kind=record.kind,
        source=source,
        source_partitions=record.source_partitions,
        epoch=epoch,
        now_ms=record.now_ms,
        complete_from_ms=record.complete_from_ms,
        input_offset=record.requests_offset,
    )
    state.changed |= offset == state.demand.applied_offset
    match standing:
        case Standing.COUNTED if state.demand.complete_from_ms(source) <= pane and pane >= record.now_ms - KEPT_MS:
            zones = (
                [zone]
                if (zone := state.zone(record.zone)).count_riders(pane, source, rider_counts(record), offset)
                else []
            )
        case Standing.HELD:
            zones = (
                [zone]
                if (zone := state.zone(record.zone)).hold_riders(pane, source, rider_counts(record), offset)
                else []
            )
        case Standing.COMPLETED:
            from_ms = record.complete_from_ms
            zones = [z for z in state.zones.values() if z.complete_riders(source, epoch, from_ms, offset)]
        case _:
            zones = []
    return [zone.zone for zone in zones]


def car_counts(record: SupplyCellsCounted) -> CarCounts:
    """The record's counts by row of the zone's layout, without cells beyond the halo: no price here depends on them."""
    products = tuple(record.products)
    each = record.idle, record.busy, record.soon_free
    at, (idle, busy, soon_free), (by_product,) = _of_rows(
        record.zone, record.cells, each, (record.idle_by_product,), len(products)
    )
    return CarCounts(
        epoch=Epoch(record.epoch_generation, record.epoch_started_ms),
        pings_offset=record.pings_offset,
        now_ms=record.now_ms,
        products=products,
        at=at,
        idle=idle,
        idle_by_product=by_product,
        busy=busy,
        soon_free=soon_free,
    )


def rider_counts(record: DemandCellsCounted) -> PaneCounts:
    """The record's counts by row of the zone's layout, without cells beyond the halo: no price here depends on them."""
    products = tuple(record.products)
    at, _, (requests, bookings) = _of_rows(
        record.zone, record.cells, (), (record.requests, record.bookings), len(products)
    )
    return PaneCounts(
        epoch=Epoch(record.epoch_generation, record.epoch_started_ms),
        requests_offset=record.requests_offset,
        decisions_offset=record.decisions_offset,
        now_ms=record.now_ms,
        products=products,
        at=at,
        requests=requests,
        bookings=bookings,
    )


def _of_rows(
    zone: int, cells: Sequence[int], each: Columns, by_product: Columns, products: int
) -> tuple[Counts, list[Counts], list[Counts]]:
    """Rows int64[m] of `cells` that the zone's layout has, and their counts: `each` [m], `by_product` [m, P].

    Most records are of such cells only, and lend their own arrays. Raises ValueError if there are not as many counts as
    cells, and cells times products.
    """
    wanted = np.asarray(cells, np.int64)
    rows = wanted.size
    columns = [matrix(column, 1, rows)[0] for column in each]
    counts = [matrix(column, rows, products) for column in by_product]
    at, kept = _found(*_by_cell(zone), wanted)
    if kept.size == rows:
        return at, columns, counts
    return at, [column[kept] for column in columns], [column[kept] for column in counts]


@njit(cache=True, nogil=True)
def _found(by_cell, ascending, wanted):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Rows of the cells that the layout has, and their places in `wanted`, int64[m] each."""
    at, kept = np.empty((2, wanted.size), np.int64)
    found = 0
    for place in range(wanted.size):
        near = np.searchsorted(ascending, wanted[place])
        if near < ascending.size and ascending[near] == wanted[place]:
            at[found], kept[found] = by_cell[near], place
            found += 1
    return at[:found], kept[:found]


@lru_cache(4096)
def _by_cell(zone: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the zone's layout by ascending cell, and those cells."""
    cells = layout_of(zone).cells
    rows = np.argsort(cells)
    return rows, cells[rows]
