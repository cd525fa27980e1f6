"""Zone records written straight from arrays are the bytes of the object form."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from supply.cells import SupplyBook
from supply.counts import CellCounts
from supply.products import ProductAxis
from topics.catalogue import SUPPLY_CELLS
from topics.codec import ObjectCodec
from topics.counts import CountKind
from topics.schemas import schema_of
from windows.epochs import Epoch
from windows.hexagons import disk, zones_reached
from windows.zone_table import ZoneTable

CODEC = ObjectCodec(SUPPLY_CELLS, 70_000)
NEAR = sorted(disk(0x882A100D67FFFFF, 9))
SEEDS = st.integers(0, 2**32)


def counted(dice, products, now_ms):
    """Counts of some cells near each other; some zero, some large."""
    cells = np.sort(dice.choice(NEAR, dice.integers(0, 40), replace=False)).astype(np.int64)
    cars = dice.choice([0, 1, 63, 64, 2**31 - 1], (cells.size, 3 + products)).astype(np.int32)
    idle, busy, soon_free = cars[:, 0], cars[:, 1], cars[:, 2]
    return CellCounts(
        now_ms=now_ms, cells=cells, idle=idle, busy=busy, soon_free=soon_free, idle_by_product=cars[:, 3:]
    )


def book(names):
    """A book that has published nothing."""
    return SupplyBook(source_partition=2, source_partitions=12, epoch=Epoch(7, 1_700_000_000_000), products=names)


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_values_are_those_of_the_object_form(seed):
    """Several flushes in a row: the same zones, in the same order, byte for byte; cells come, stay and go."""
    dice = np.random.default_rng(seed)
    axis = ProductAxis(("standard", "größe", "xl"))
    objects, coded, table = book(axis), book(axis), ZoneTable()
    for flush in range(3):
        counts = counted(dice, int(dice.integers(0, 4)), 1_700_000_000_000 + flush)
        said = objects.changes(counts, pings_offset=-1 + flush)
        values = coded.coded_changes(counts, pings_offset=-1 + flush, schema_id=70_000, table=table)
        assert values == [(record.zone, CODEC.encode(record)) for record in said]


def test_counts_of_more_products_than_the_axis_has_are_refused():
    """As by the object form."""
    counts = counted(np.random.default_rng(1), 3, 1)
    with pytest.raises(ValueError, match="at most 1 products"):
        book(ProductAxis(("standard",))).coded_changes(counts, pings_offset=1, schema_id=1, table=ZoneTable())


def test_kinds_are_numbered_as_in_the_schema():
    """Values are written with the number of the symbol."""
    (kind,) = [field["type"] for field in schema_of(SUPPLY_CELLS)["fields"] if field["name"] == "kind"]
    assert kind["symbols"] == [member.value for member in CountKind]


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_the_zones_of_cells_are_those_of_the_slow_form(seed):
    """Whatever was asked before, and in the order that the records need."""
    dice, table = np.random.default_rng(seed), ZoneTable()
    for _ in range(3):
        cells = np.sort(dice.choice(NEAR, dice.integers(0, 60), replace=False)).astype(np.int64)
        zones, rows = table.pairs(cells)
        wanted = sorted((zone, row) for row, cell in enumerate(cells.tolist()) for zone in zones_reached(cell))
        assert list(zip(zones.tolist(), rows.tolist(), strict=True)) == wanted
