"""Riders of one cell, pane by pane, over the last minutes: what the windows of its price are sums of.

The counts are absolute and told per source partition: of each partition and pane the newest record counts. Panes that
nobody asked in are there with zeroes.
"""

from collections.abc import Iterable
from typing import Any

from lineage.reader import Reader
from topics.catalogue import DEMAND_CELLS
from topics.counts import CountKind, DemandCellsCounted
from windows.hexagons import zone_key, zone_of
from windows.panes import PANE_MS

PANES = 36
MOST = 20_000


async def panes_of(reader: Reader, cell: int, *, at_ms: int) -> list[dict[str, Any]]:
    """The last six minutes of a cell up to `at_ms`, oldest first. Raises UnreachableError."""
    key = zone_key(zone_of(cell))
    from_ms = at_ms - PANES * PANE_MS
    entries = await reader.between([DEMAND_CELLS], from_ms, at_ms, most=MOST, keep=lambda raw: raw.key == key)
    records = (entry.record for entry in entries if entry.record is not None)
    return folded(records, cell, first_ms=from_ms - from_ms % PANE_MS + PANE_MS)


def folded(records: Iterable[DemandCellsCounted], cell: int, *, first_ms: int) -> list[dict[str, Any]]:
    """Requests and bookings of the cell in `PANES` panes from `first_ms` on, over all products and sources."""
    newest: dict[tuple[int, int], tuple[tuple[int, int, int], int, int]] = {}
    for record in records:
        if record.kind is CountKind.CELLS and cell in record.cells:
            place = (record.source_partition, record.pane_start_ms)
            order = (record.epoch_generation, record.epoch_started_ms, record.requests_offset)
            if place not in newest or order >= newest[place][0]:
                newest[place] = (order, _of(record, record.requests, cell), _of(record, record.bookings, cell))
    panes = [{"start_ms": first_ms + n * PANE_MS, "requests": 0, "bookings": 0} for n in range(PANES)]
    for (_, start_ms), (_, requests, bookings) in newest.items():
        at = (start_ms - first_ms) // PANE_MS
        if 0 <= at < PANES:
            panes[at]["requests"] += requests
            panes[at]["bookings"] += bookings
    return panes


def _of(record: DemandCellsCounted, counts: list[int], cell: int) -> int:
    """The cell's part of counts that run through the products of each cell in turn."""
    many = len(record.products)
    place = record.cells.index(cell) * many
    return sum(counts[place : place + many])
