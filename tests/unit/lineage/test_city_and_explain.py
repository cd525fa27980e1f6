"""The map and the explanation: each car and each rider counted once, where they are."""

from dataclasses import replace

from infra.clients.consumer import Entry
from lineage.city import CityMap
from lineage.explain import cars_of, panes_of
from topics.catalogue import DEMAND_CELLS, SUPPLY_CELLS, Topic
from topics.counts import CountKind, DemandCellsCounted, SupplyCellsCounted
from windows.hexagons import cells_of_zone, zone_of, zones_reached

ZONE = 0x862A100D7FFFFFF
BORDER = next(cell for cell in cells_of_zone(ZONE) if len(zones_reached(cell)) > 1)
OTHER_ZONE = next(zone for zone in zones_reached(BORDER) if zone != ZONE)


def entry(topic: Topic, record: object, offset: int = 0) -> Entry:
    """A record where it stands."""
    return Entry(
        topic=topic, partition=0, offset=offset, timestamp_ms=1, key=None, headers=(), schema_id=1, record=record
    )


def supply(partition: int, *, zone: int = ZONE, idle: int = 1, epoch: int = 1) -> SupplyCellsCounted:
    """Counts of the border cell, as one source partition has them."""
    return SupplyCellsCounted(
        kind=CountKind.CELLS,
        source_partition=partition,
        source_partitions=2,
        epoch_generation=epoch,
        epoch_started_ms=0,
        pings_offset=1,
        now_ms=1,
        zone=zone,
        products=["standard"],
        cells=[BORDER],
        idle=[idle],
        idle_by_product=[idle],
        busy=[2],
        soon_free=[0],
    )


def demand(partition: int, pane_ms: int, riders: int, *, zone: int = ZONE) -> DemandCellsCounted:
    """Riders of the border cell in one pane, as one source partition has them."""
    return DemandCellsCounted(
        kind=CountKind.CELLS,
        source_partition=partition,
        source_partitions=2,
        epoch_generation=1,
        epoch_started_ms=0,
        requests_offset=1,
        decisions_offset=1,
        now_ms=1,
        complete_from_ms=0,
        zone=zone,
        pane_start_ms=pane_ms,
        products=["standard", "xl"],
        cells=[BORDER],
        requests=[riders, 1],
        bookings=[0, 0],
    )


def test_cars_of_all_source_partitions_add_up_and_the_halo_copy_does_not():
    """The neighbour's record names the same cell; it is counted at home only."""
    city = CityMap()
    for counts in (supply(0, idle=3), supply(1, idle=4), supply(0, zone=OTHER_ZONE, idle=7)):
        city.counted(counts)
    assert city.cars_of(ZONE) == {BORDER: (7, 4)}
    assert city.cars_of(OTHER_ZONE) == {}


def test_counts_are_absolute_and_a_zombies_are_ignored():
    """The newest record of a source partition replaces its last one, unless its writer's time is over."""
    city = CityMap()
    city.counted(supply(0, idle=9, epoch=2))
    city.counted(supply(0, idle=5, epoch=2))
    city.counted(supply(0, idle=100, epoch=1))
    assert city.cars_of(ZONE)[BORDER][0] == 5


def test_panes_hold_the_last_word_of_each_source_partition_once():
    """Riders of all products and source partitions add up; repeats and the halo copy change nothing."""
    records = [demand(0, 10_000, 1), demand(0, 10_000, 3), demand(1, 10_000, 5), demand(0, 20_000, 2)]
    halo = replace(demand(0, 10_000, 99), zone=OTHER_ZONE)
    entries = [entry(DEMAND_CELLS, record, offset) for offset, record in enumerate([*records, halo])]
    assert zone_of(BORDER) == ZONE
    assert panes_of(entries, BORDER, since_ms=0) == [
        {"pane_ms": 10_000, "requests": 10, "bookings": 0},
        {"pane_ms": 20_000, "requests": 3, "bookings": 0},
    ]


def test_no_count_is_not_the_same_as_no_car():
    """None says that nothing is known; zero cars is known."""
    assert cars_of([], zone=ZONE, cell=BORDER) is None
    nearby = replace(supply(0), cells=[], idle=[], busy=[], idle_by_product=[], soon_free=[])
    assert cars_of([entry(SUPPLY_CELLS, nearby)], zone=ZONE, cell=BORDER) == {
        "idle": 0,
        "busy": 0,
        "source_partitions": 1,
    }
