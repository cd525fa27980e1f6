"""What is published about supply: absolute, by zone with halo, only what changed."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supply.cells import SupplyBook
from supply.counts import CellCounts
from supply.products import ProductAxis, mask_of
from tests.strategies import NEAR_CELLS
from topics.counts import CountKind
from windows.epochs import Epoch
from windows.hexagons import cells_of_zone, disk, zones_reached

HOME = NEAR_CELLS[0]
COUNTS = st.dictionaries(
    st.sampled_from(NEAR_CELLS),
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.integers(0, 2), st.integers(0, 2)),
    max_size=12,
)


def book(products=("standard", "xl")):
    return SupplyBook(source_partition=1, source_partitions=4, epoch=Epoch(3, 99), products=ProductAxis(products))


def counted(by_cell, now_ms=0, products=2):
    """Counts of {cell: (idle, busy, soon free, idle by product…)}."""
    cells = sorted(by_cell)
    table = np.array([by_cell[cell] for cell in cells], np.int32).reshape(len(cells), 3 + products)
    return CellCounts(
        now_ms=now_ms,
        cells=np.array(cells, np.int64),
        idle=table[:, 0],
        busy=table[:, 1],
        soon_free=table[:, 2],
        idle_by_product=table[:, 3:],
    )


def content(record):
    width = len(record.products)
    by_product = [tuple(record.idle_by_product[i * width : (i + 1) * width]) for i in range(len(record.cells))]
    columns = zip(record.cells, record.idle, record.busy, record.soon_free, by_product, strict=True)
    return {cell: (idle, busy, soon, *by_product) for cell, idle, busy, soon, by_product in columns}


def slow_content(by_cell):
    """For every zone, the cells within two rings of one of its own."""
    zones = {zone for cell in by_cell for near in disk(cell, 4) for zone in zones_reached(near)}
    reach = {zone: {near for home in cells_of_zone(zone) for near in disk(home, 2)} for zone in zones}
    told = {zone: {cell: row for cell, row in by_cell.items() if cell in cells} for zone, cells in reach.items()}
    return {zone: rows for zone, rows in told.items() if rows}


@given(st.lists(COUNTS, max_size=6))
def test_a_reader_of_the_records_knows_every_zone_and_its_halo(history):
    """Replacing each zone by its newest record, a reader has at all times exactly the cells each zone needs."""
    writer, known = book(), {}
    for offset, by_cell in enumerate(history):
        for record in writer.changes(counted(by_cell), pings_offset=offset):
            assert content(record) != known.get(record.zone, {}), "published without a change"
            known[record.zone] = content(record)
            assert (record.kind, record.pings_offset, record.cells) == (CountKind.CELLS, offset, sorted(record.cells))
        assert {zone: rows for zone, rows in known.items() if rows} == slow_content(by_cell)


def test_a_zone_that_became_empty_is_published_once():
    """The last car leaves: one record without cells, then silence."""
    writer = book()
    writer.changes(counted({HOME: (1, 0, 0, 1, 0)}), pings_offset=0)
    gone = writer.changes(counted({}), pings_offset=1)
    assert [record.cells for record in gone] == [[]] * len(zones_reached(HOME))
    assert writer.changes(counted({}), pings_offset=2) == []


def test_a_new_product_without_cars_is_no_change():
    """A column of zeros for a product just seen tells nothing new."""
    writer = book()
    writer.changes(counted({HOME: (1, 0, 0, 1)}, products=1), pings_offset=0)
    assert writer.changes(counted({HOME: (1, 0, 0, 1, 0)}), pings_offset=1) == []
    assert writer.changes(counted({HOME: (1, 0, 0, 1, 1)}), pings_offset=1)[0].products == ["standard", "xl"]


def test_records_carry_their_writer():
    """Every record names source partition, epoch, offset and clock; control records name no zone."""
    writer = book()
    (record, *_) = writer.changes(counted({HOME: (1, 0, 0, 1, 0)}, now_ms=5), pings_offset=8)
    complete = writer.snapshot_complete(pings_offset=8, now_ms=5)
    alive = writer.alive(pings_offset=8, now_ms=5)
    said = {"source_partition": 1, "source_partitions": 4, "epoch_generation": 3, "epoch_started_ms": 99}
    for each in (record, complete, alive):
        values = dataclasses.asdict(each)
        assert {name: values[name] for name in said} == said
        assert (each.pings_offset, each.now_ms) == (8, 5)
    assert (complete.kind, alive.kind) == (CountKind.SNAPSHOT_COMPLETE, CountKind.ALIVE)
    assert complete.zone == alive.zone == 0
    assert complete.cells == alive.cells == []


def test_values_are_plain_numbers():
    """Records hold Python ints, which every codec takes."""
    (record, *_) = book().changes(counted({HOME: (1, 0, 0, 1, 0)}), pings_offset=0)
    assert {type(value) for value in (*record.cells, *record.idle, *record.idle_by_product)} == {int}


def test_bad_arguments_are_refused_by_name():
    """A partition out of range, counts wider than the axis and an unnamed product are refused."""
    with pytest.raises(ValueError, match="source_partition must be from 0 to 3, got 4"):
        SupplyBook(source_partition=4, source_partitions=4, epoch=Epoch(1, 1), products=ProductAxis())
    with pytest.raises(ValueError, match="counts must have at most 1 products, got 2"):
        book(("standard",)).changes(counted({HOME: (1, 0, 0, 1, 1)}), pings_offset=0)
    with pytest.raises(ValueError, match="product must be a name"):
        mask_of(ProductAxis(), ["xl", ""])
