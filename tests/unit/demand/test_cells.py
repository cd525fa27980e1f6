"""What is published about demand: absolute, by zone with halo and by pane, and city totals without halo."""

import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand.cells import DemandWriter, Included
from demand.riders import RiderBook
from tests.strategies import NEAR_CELLS, Ask, compiling, demand_logs
from tests.unit.demand.riders_log import feed, slow_counts
from topics.counts import CountKind
from windows.epochs import Epoch
from windows.hexagons import cells_of_zone, disk, zone_of, zones_reached
from windows.products import ProductAxis

INCLUDED = Included(requests_offset=7, decisions_offset=3, now_ms=1_000)
ZONES = sorted({zone for cell in NEAR_CELLS for zone in zones_reached(cell)})
REACH = {zone: {near for home in cells_of_zone(zone) for near in disk(home, 2)} for zone in ZONES}


def writer(products=("standard", "xl")):
    return DemandWriter(source_partition=1, source_partitions=4, epoch=Epoch(3, 99), products=ProductAxis(products))


def request(rider, cell):
    return Ask(rider, cell, 0, 5_000, 5_000, booked=False)


def content(record, counts):
    """A record's counts as {(cell, product): riders}, zeros left out."""
    width = len(record.products)
    assert len(counts) == width * len(record.cells)
    return {(record.cells[at // width], at % width): count for at, count in enumerate(counts) if count}


def slow_zones(log):
    """For every pane and zone, requests and bookings in the cells within two rings of one of the zone's own."""
    told = {}
    for kind, counts in enumerate(slow_counts(log)):
        for (pane, cell, product), count in counts.items():
            for zone in (zone for zone in ZONES if cell in REACH[zone]):
                told.setdefault((pane, zone), ({}, {}))[kind][cell, product] = count
    return told


@compiling
@given(demand_logs(), st.integers(1, 20))
def test_a_reader_of_the_records_knows_every_zone_and_its_halo(log, size):
    """Replacing each zone and pane by its newest record, a reader has exactly the cells each zone needs."""
    book, voice, known = RiderBook(), writer(), {}
    for start in range(0, len(log), size):
        batch = log[start : start + size]
        feed(book, batch, size=size)
        for record in voice.cells_counted(book.changes(), INCLUDED):
            assert record.cells == sorted(record.cells)
            known[record.pane_start_ms, record.zone] = (
                content(record, record.requests),
                content(record, record.bookings),
            )
        book.forget(batch[-1].appended_ms)
    assert {key: told for key, told in known.items() if told != ({}, {})} == slow_zones(log)


@compiling
@given(demand_logs(), st.integers(1, 20))
def test_city_totals_count_each_rider_once(log, size):
    """City totals add up cells by home zone, whatever halos they are copied to."""
    book, voice, known = RiderBook(), writer(), {}
    for start in range(0, len(log), size):
        feed(book, log[start : start + size], size=size)
        for record in voice.city_counted(book.changes(), INCLUDED):
            rows = zip(record.zones, record.requests, record.bookings, strict=True)
            known[record.pane_start_ms] = {zone: riders for zone, *riders in rows}
    slow = Counter(), Counter()
    for counts, whole in zip(slow_counts(log), slow, strict=True):
        for (pane, cell, _), count in counts.items():
            whole[pane, zone_of(cell)] += count
    keys = slow[0].keys() | slow[1].keys()
    assert {(pane, zone): tuple(riders) for pane, zones in known.items() for zone, riders in zones.items()} == {
        key: (slow[0][key], slow[1][key]) for key in keys
    }


def test_only_zones_that_need_a_changed_cell_are_published():
    """A change in one cell is told to the zones it reaches and to no other."""
    book, voice = RiderBook(), writer()
    feed(book, [request(rider, cell) for rider, cell in enumerate(NEAR_CELLS)])
    book.changes()
    feed(book, [request(999, NEAR_CELLS[20])])
    records = voice.cells_counted(book.changes(), INCLUDED)
    assert {record.zone for record in records} == set(zones_reached(NEAR_CELLS[20]))


def test_records_carry_their_writer():
    """Every record names partition, epoch, both offsets and clock; control records name no zone and no pane."""
    book, voice = RiderBook(), writer()
    feed(book, [request(1, NEAR_CELLS[0])])
    panes = book.changes()
    complete, alive = voice.snapshot_complete(INCLUDED, complete_from_ms=120_000), voice.alive(INCLUDED)
    counted = (voice.cells_counted(panes, INCLUDED)[0], voice.city_counted(panes, INCLUDED)[0])
    said = {"source_partition": 1, "source_partitions": 4, "epoch_generation": 3, "epoch_started_ms": 99}
    for record in (*counted, *complete, *alive):
        values = dataclasses.asdict(record)
        assert {name: values[name] for name in said | INCLUDED._asdict()} == said | INCLUDED._asdict()
    assert {record.kind for record in counted} == {CountKind.CELLS}
    assert {(record.kind, record.complete_from_ms) for record in complete} == {(CountKind.SNAPSHOT_COMPLETE, 120_000)}
    assert {(record.kind, record.complete_from_ms, record.pane_start_ms) for record in alive} == {
        (CountKind.ALIVE, 0, 0)
    }


def test_a_partition_out_of_range_is_refused():
    """The source partition must be one of those of its topic."""
    with pytest.raises(ValueError, match="source_partition must be from 0 to 3, got -1"):
        DemandWriter(source_partition=-1, source_partitions=4, epoch=Epoch(1, 1), products=ProductAxis())
