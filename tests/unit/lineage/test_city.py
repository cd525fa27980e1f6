"""The map: each car counted once, where it is."""

from dataclasses import replace

from lineage.city import CityMap
from topics.counts import CountKind, SupplyCellsCounted
from topics.prices import SurgeTicked
from windows.hexagons import cells_of_zone, zones_reached

ZONE = 0x862A100D7FFFFFF
BORDER = next(cell for cell in cells_of_zone(ZONE) if len(zones_reached(cell)) > 1)
OTHER_ZONE = next(zone for zone in zones_reached(BORDER) if zone != ZONE)


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


def test_cars_of_all_source_partitions_add_up_and_the_halo_copy_does_not():
    """The neighbour's record names the same cell; it is counted at home only."""
    city = CityMap()
    for counts in (supply(0, idle=3), supply(1, idle=4), supply(0, zone=OTHER_ZONE, idle=7)):
        city.counted(counts, 0)
    assert city.cars_of(ZONE) == {BORDER: (7, 4)}
    assert city.cars_of(OTHER_ZONE) == {}


def test_counts_are_absolute_and_a_zombies_are_ignored():
    """The newest record of a source partition replaces its last one, unless its writer's time is over."""
    city = CityMap()
    city.counted(supply(0, idle=9, epoch=2), 0)
    city.counted(supply(0, idle=5, epoch=2), 0)
    city.counted(supply(0, idle=100, epoch=1), 0)
    assert city.cars_of(ZONE)[BORDER][0] == 5


def test_cars_that_a_new_epoch_does_not_name_leave_the_map_when_it_has_told_all():
    """A worker that starts says nothing of a zone that has emptied; the other partitions' zones are not told yet."""
    city = CityMap()
    city.counted(supply(0, idle=7, epoch=1), 3)
    city.counted(supply(1, idle=4, epoch=1), 3)
    told_all = replace(supply(0, zone=0, epoch=2), kind=CountKind.SNAPSHOT_COMPLETE, cells=[], idle=[], busy=[])
    city.counted(told_all, 2)
    assert city.cars_of(ZONE)[BORDER][0] == 11
    city.counted(told_all, 3)
    assert city.cars_of(ZONE)[BORDER][0] == 4
    assert ZONE in city._moved


def tick(cells, products=("standard",), *, at_ms=0, hundredths=100):
    """A tick of the zone for these cells, all at one multiplier."""
    many = len(cells) * len(products)
    return SurgeTicked(
        zone=ZONE,
        market="nyc",
        epoch_generation=1,
        epoch_started_ms=0,
        now_ms=at_ms,
        previous_offset=-1,
        supply_offset=0,
        demand_offset=0,
        city_offset=0,
        policy_offset=0,
        markets_offset=0,
        models_offset=0,
        forecast_offset=0,
        model="",
        supply_complete=True,
        demand_complete=True,
        data_age_ms=0,
        products=list(products),
        cells=list(cells),
        multiplier_hundredths=[hundredths] * many,
        demand_milli=[0] * many,
        eta_s=[0] * many,
    )


def test_cells_that_a_tick_names_no_more_leave_the_map():
    """A market that shrinks would keep its last prices on the map for ever; one that is back meanwhile stays."""
    city, (first, second, third) = CityMap(), cells_of_zone(ZONE)[:3]
    city.ticked(tick([first, second, third]))
    assert None not in dict(city.changes()).values()
    city.ticked(tick([first]))
    city.ticked(tick([first, third]))
    changed = dict(city.changes())
    assert [key for key, value in changed.items() if value is None] == [f"cell/{second:x}"]
    assert changed[f"cell/{third:x}"][3] == [100]
    assert None not in dict(city.changes()).values()


def test_the_past_of_a_cell_is_its_own():
    """Multipliers are kept by place: those of other cells or products are not shown as this one's."""
    city, (first, second) = CityMap(), cells_of_zone(ZONE)[:2]
    city.ticked(tick([first, second], hundredths=150))
    city.ticked(tick([second], at_ms=10_000, hundredths=120))
    assert city.past_of(second) == [(10_000, [120])]
    city.ticked(tick([second], ["standard", "xl"], at_ms=20_000))
    assert city.past_of(second) == [(20_000, [100, 100])]
