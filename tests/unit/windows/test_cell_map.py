"""The map of squares against H3 itself: never another cell, anywhere on the globe."""

import numpy as np
import pytest
from h3.api import numpy_int as h3
from hypothesis import given, settings
from hypothesis import strategies as st

from windows import cell_map
from windows.cell_map import CellMap, _borders_of
from windows.hexagons import cells_of

NEW_YORK = (40.7, -73.9)
SEEDS = st.integers(0, 2**32)


def around(dice, lat, lon, degrees, count):
    """Points near one, as coordinates on the globe."""
    lats = np.clip(lat + dice.uniform(-degrees, degrees, count), -90, 90)
    return lats, np.clip(lon + dice.uniform(-degrees, degrees, count), -180, 180)


@settings(max_examples=15, deadline=None)
@given(SEEDS, st.floats(-90, 90), st.floats(-180, 180))
def test_cells_are_those_of_h3_anywhere(seed, lat, lon):
    """First when nothing is known, then from the map."""
    dice, known = np.random.default_rng(seed), CellMap()
    lats, lons = around(dice, lat, lon, 0.003, 300)
    for _ in range(2):
        assert (known.cells_of(lats, lons) == cells_of(lats, lons)).all()


@settings(max_examples=8, deadline=None)
@given(SEEDS)
def test_cells_are_those_of_h3_next_to_borders_and_corners(seed):
    """Points from a nanometre to some metres beside the sides of a city's cells, on either side."""
    dice, known = np.random.default_rng(seed), CellMap()
    for cell in np.unique(cells_of(*around(dice, *NEW_YORK, 0.1, 20))).tolist():
        corners = np.array(h3.cell_to_boundary(cell))
        share, side = dice.uniform(0, 1, 300)[:, None], dice.integers(0, len(corners), 300)
        on = corners[side] * share + np.roll(corners, -1, axis=0)[side] * (1 - share)
        near = on + dice.normal(0, 1, on.shape) * 10.0 ** dice.uniform(-14, -4, on.shape)
        for _ in range(2):
            assert (known.cells_of(near[:, 0], near[:, 1]) == cells_of(near[:, 0], near[:, 1])).all()


def test_pentagons_faces_poles_and_the_date_line_are_left_to_h3():
    """Where a cell is no plain hexagon nothing is concluded from its neighbours."""
    dice, known = np.random.default_rng(1), CellMap()
    places = [h3.cell_to_latlng(cell) for cell in h3.get_pentagons(8).tolist()]
    places += [(89.9, 10.0), (-89.9, 0.0), (52.0, 179.9999), (52.0, -179.9999), (0.0, 0.0)]
    for lat, lon in places:
        lats, lons = around(dice, lat, lon, 0.02, 2000)
        for _ in range(2):
            assert (known.cells_of(lats, lons) == cells_of(lats, lons)).all()


def test_nearly_every_point_of_a_known_city_is_looked_up(monkeypatch):
    """H3 is asked for one in a thousand."""
    dice, known = np.random.default_rng(2), CellMap()
    lats, lons = around(dice, *NEW_YORK, 0.02, 20_000)
    known.cells_of(lats, lons)
    asked = []
    monkeypatch.setattr(cell_map, "cells_of", lambda lat, lon: asked.append(lat.size) or cells_of(lat, lon))
    known.cells_of(lats, lons)
    assert sum(asked) <= lats.size / 1000


def test_a_full_map_begins_anew(monkeypatch):
    """Memory is bounded, and the cells stay right."""
    monkeypatch.setattr(cell_map, "MOST_SQUARES", 500)
    dice, known = np.random.default_rng(3), CellMap()
    for lat in (10.0, 20.0, 30.0):
        lats, lons = around(dice, lat, 50.0, 0.01, 400)
        assert (known.cells_of(lats, lons) == cells_of(lats, lons)).all()
        assert len(known) <= 500


def test_cells_once_met_are_forgotten_too(monkeypatch):
    """Pings from all over the world do not fill the memory, however few squares they fill."""
    monkeypatch.setattr(cell_map, "MOST_CELLS", 300)
    dice, known = np.random.default_rng(4), CellMap()
    for _ in range(12):
        lats, lons = dice.uniform(-60, 60, 100), dice.uniform(-180, 180, 100)
        assert (known.cells_of(lats, lons) == cells_of(lats, lons)).all()
        assert len(known._numbers) <= 300 + 7 * cell_map.LEARNT_AT_ONCE


def test_a_new_city_is_learnt_in_steps():
    """A step enters few cells, so that it does not hold the loop; after some of them all is known."""
    dice, known, met = np.random.default_rng(5), CellMap(), []
    for _ in range(20):
        lats, lons = around(dice, *NEW_YORK, 0.08, 3_000)
        assert (known.cells_of(lats, lons) == cells_of(lats, lons)).all()
        met.append(len(known._ringed))
    steps = np.diff([0, *met])
    assert steps[0] == cell_map.LEARNT_AT_ONCE == steps.max()
    assert steps[-1] == 0


def test_a_cell_is_on_the_inner_side_of_its_borders():
    """Each border has its cell's middle on one side and a neighbour's on the other."""
    cell = int(cells_of(*map(np.atleast_1d, NEW_YORK))[0])
    borders = _borders_of(cell)
    middle = np.array(cell_map._vector(*h3.cell_to_latlng(cell)))
    ring = [
        np.array(cell_map._vector(*h3.cell_to_latlng(near))) for near in set(h3.grid_disk(cell, 1).tolist()) - {cell}
    ]
    assert (borders @ middle > 0).all()
    assert sorted(int((borders @ near).argmin()) for near in ring) == list(range(6))


@pytest.mark.parametrize(("lat", "lon"), [([91.0], [0.0]), ([0.0], [181.0]), ([np.nan], [0.0]), ([0.0, 1.0], [0.0])])
def test_what_is_no_place_is_refused(lat, lon):
    """As by `cells_of`."""
    with pytest.raises(ValueError, match="must be"):
        CellMap().cells_of(np.array(lat), np.array(lon))
