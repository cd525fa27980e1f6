"""Cells, zones and halos against H3 itself."""

import h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windows.hexagons import (
    CELL_RESOLUTION,
    HALO_RINGS,
    ZONE_RESOLUTION,
    cells_of,
    cells_of_zone,
    disk,
    disks_of,
    zone_key,
    zone_of,
    zones_of,
    zones_reached,
)

POINTS = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=20)
NEW_YORK = st.lists(st.tuples(st.floats(40.5, 41.0), st.floats(-74.3, -73.7)), min_size=1, max_size=50)


def columns(points):
    lat, lon = zip(*points, strict=True)
    return np.array(lat), np.array(lon)


def reference(points):
    return [int(h3.latlng_to_cell(lat, lon, CELL_RESOLUTION), 16) for lat, lon in points]


@given(st.one_of(POINTS, NEW_YORK))
def test_cells_and_zones_are_those_of_h3(points):
    """Every point on earth lies in the cell and zone that H3 says."""
    cells = cells_of(*columns(points))
    assert cells.dtype == np.int64
    assert cells.tolist() == reference(points)
    zones = [int(h3.cell_to_parent(f"{cell:x}", ZONE_RESOLUTION), 16) for cell in cells.tolist()]
    assert zones_of(cells).tolist() == zones
    assert [zone_of(cell) for cell in cells.tolist()] == zones


@given(NEW_YORK)
def test_a_halo_is_within_two_rings(points):
    """A zone is reached by exactly those cells that lie within two rings of one of its home cells."""
    cell = reference(points)[0]
    reached = zones_reached(cell)
    assert reached[0] == zone_of(cell)
    around = {zone_of(near) for near in disk(cell, 6)}
    for zone in around:
        near = any(h3.grid_distance(f"{cell:x}", f"{home:x}") <= HALO_RINGS for home in cells_of_zone(zone))
        assert (zone in reached) == near


def test_a_zone_holds_its_49_cells():
    """The home cells of a zone are its H3 descendants, ascending."""
    zone = 0x862A100D7FFFFFF
    assert len(cells_of_zone(zone)) == 49
    assert list(cells_of_zone(zone)) == sorted(int(c, 16) for c in h3.cell_to_children(f"{zone:x}", CELL_RESOLUTION))
    assert {zone_of(cell) for cell in cells_of_zone(zone)} == {zone}


@pytest.mark.parametrize("k", [0, 1, 2])
def test_a_disk_begins_with_its_own_cell(k):
    """A disk names its cell first and every cell within k rings once."""
    cell = 0x882A100D67FFFFF
    assert disk(cell, k)[0] == cell
    assert sorted(disk(cell, k)) == sorted(int(c, 16) for c in h3.grid_disk(f"{cell:x}", k))


def zones_by_pentagons():
    """Zones that hold a pentagon of the world, and those around two of them."""
    pentagons = sorted(h3.get_pentagons(ZONE_RESOLUTION))
    return [*pentagons, *h3.grid_disk(pentagons[3], 2), *h3.grid_disk(pentagons[8], 1)]


@pytest.mark.parametrize("zone", ["862a100d7ffffff", "862a1072fffffff", *zones_by_pentagons()])
def test_disks_go_ring_by_ring(zone):
    """Each ring ascending, at places of its own, also where a pentagon takes a cell out of one."""
    cells = cells_of_zone(int(zone, 16))
    for cell, row in zip(cells, disks_of(cells).tolist(), strict=True):
        rings = [sorted(int(c, 16) for c in h3.grid_ring(f"{cell:x}", k)) for k in (1, 2)]
        assert row == [cell, *rings[0], *[0] * (6 - len(rings[0])), *rings[1], *[0] * (12 - len(rings[1]))]


@given(NEW_YORK)
def test_a_zone_key_is_the_index_as_h3_writes_it(points):
    """Keys of zone topics are the H3 string of the zone."""
    zone = zone_of(reference(points)[0])
    assert zone_key(zone).decode() == h3.int_to_str(zone)


@pytest.mark.parametrize(
    ("lat", "lon", "refusal"),
    [
        (90.1, 0.0, "lat must be from -90 to 90 degrees, got 90.1"),
        (0.0, -180.5, "lon must be from -180 to 180 degrees, got -180.5"),
        (float("nan"), 0.0, "lat must be from -90 to 90 degrees, got nan"),
        (0.0, float("inf"), "lon must be from -180 to 180 degrees, got inf"),
    ],
)
def test_a_point_off_the_earth_is_refused(lat, lon, refusal):
    """A latitude or longitude out of range is refused by name."""
    with pytest.raises(ValueError, match=refusal):
        cells_of(np.array([1.0, lat]), np.array([1.0, lon]))


def test_no_points_have_no_cells():
    """An empty batch is welcome."""
    assert cells_of(np.empty(0), np.empty(0)).tolist() == []
