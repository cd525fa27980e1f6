"""Forecasts of a zone: exact at its borders, and cars counted once per product they could take."""

from dataclasses import fields, replace
from functools import lru_cache

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from demand.base import DemandBase
from demand.forecast import live_level
from demand.ratio_walk import INPUTS, ring_sums
from demand.ratios import Sums
from pricing.models.compiled_trees import CompiledTrees
from pricing.models.demand_features import FEATURES
from pricing.models.demand_model import unfitted_model
from pricing.models.supply_forecast import ASSUMED, SupplyShares
from pricing.surge.catchment import CATCHMENT_KM2, CELL_KM2, RING_WEIGHTS, catchment_sums
from pricing.surge.nowcast import live_requests, zone_requests
from pricing.surge.outlook import (
    observed_of,
    of_products,
    outlook_of,
)
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.plain_outlook import cars_expected, plain_outlook, requests_by_product
from tests.unit.pricing.worlds import MARKET, MINUTES, PRODUCTS, ZONE, city_of, view_of
from windows.hexagons import disk, zone_of

SHARES = MARKET.demand_shares()
COVERED_MS = (MINUTES * 60_000).astype(np.int64)
MODEL = unfitted_model(
    DemandBase(
        time_zone="America/New_York",
        city_per_min=np.linspace(1.0, 3.0, 672),
        cells=layout_of(ZONE).cells[np.argsort(layout_of(ZONE).cells)],
        share=np.linspace(0.001, 0.02, layout_of(ZONE).cells.size)[:, None, None] * np.ones((2, 96)),
        share_elsewhere=1e-4,
    )
)


@lru_cache(None)
def counted(cell):
    """What was counted in a cell, whoever looks: three requests, three cars, two memories."""
    rng = np.random.default_rng(cell % 2**32)
    return rng.poisson(4.0, 3).astype(float), rng.poisson(3.0, 3).astype(float), rng.gamma(0.3, 40.0, 12)


def view_at(zone):
    """The view of a zone in a world where every cell has its own counts."""
    cells = layout_of(zone).cells.tolist()
    requests, cars, memory = (np.array(part) for part in zip(*map(counted, cells), strict=True))
    return replace(
        view_of(),
        zone=zone,
        requests=requests[:, :, None] * (MINUTES / MINUTES[-1]),
        idle=cars,
        idle_total=cars.max(axis=1),
        busy=cars[:, 1],
        soon_free=np.minimum(cars[:, 1], 1.0),
        memory_observed=memory[:, :6],
        memory_expected=memory[:, 6:],
    )


def forecasts_at(zone):
    """Closed form of every row of a zone's view, by cell."""
    view, layout = view_at(zone), layout_of(zone)
    seen = observed_of(view, city_of(60.0), layout)
    level = live_level(seen, yielding=True)
    return dict(zip(layout.cells.tolist(), requests_by_product(view, seen, level, MODEL, SHARES).tolist(), strict=True))


def test_a_cell_is_forecast_alike_in_every_zone_that_sees_it():
    """Home or halo, the forecast of a cell has the same bits."""
    here = forecasts_at(ZONE)
    for halo in layout_of(ZONE).cells[layout_of(ZONE).home :].tolist():
        assert forecasts_at(zone_of(halo))[halo] == here[halo]


def test_sums_at_a_border_are_those_of_the_neighbours_own_forecasts():
    """A catchment is a plain sum over rings of what each cell's own zone forecasts, bent by what zone and rings saw."""
    layout = layout_of(ZONE)
    own = [sum(forecasts_at_home(cell)) for cell in layout.home_cells.tolist()]
    counts = view_at(ZONE).requests[: layout.home].sum(axis=(0, 1))
    whole = zone_requests(sum(own), counts, covered_ms=COVERED_MS, horizon_ms=300_000)
    usual = MODEL.base.expected(layout.cells, view_at(ZONE).now_ms, view_at(ZONE).now_ms + 300_000)
    parts = catchment_sums(usual[:, None] * SHARES, layout.neighbours) * (whole / usual[: layout.home].sum())
    near, lifted = outlook_of(view_at(ZONE), city_of(60.0), layout, MODEL, SHARES).requests_near, 0
    for row, cell in enumerate(layout.home_cells.tolist()):
        total, seen = np.zeros(3), np.zeros((3, 6))
        for other in disk(cell, 2):
            ring = 0 if other == cell else 1 if other in disk(cell, 1) else 2
            total += RING_WEIGHTS[ring] * np.array(forecasts_at_home(other))
            seen += RING_WEIGHTS[ring] * counted(other)[0][:, None] * MINUTES / MINUTES[-1]
        lifted += np.count_nonzero(parts[row] > total)
        [expected] = live_requests(
            np.maximum(total, parts[row])[None], seen[None], covered_ms=COVERED_MS, horizon_ms=300_000
        )
        assert near[row] == pytest.approx(expected, rel=1e-12)
    assert 0 < lifted < near.size


def test_a_crowd_is_no_less_because_its_zone_is_quiet():
    """A catchment keeps its own forecast where that is more than its part of the zone's requests."""
    layout, view = layout_of(ZONE), replace(view_at(ZONE), covered_ms=np.zeros(6, np.int64))
    crowd = view.memory_observed.copy()
    crowd[0] *= 1e4
    found = outlook_of(replace(view, memory_observed=crowd), city_of(60.0), layout, MODEL, SHARES)
    usual = MODEL.base.expected(layout.cells, view.now_ms, view.now_ms + 300_000)
    parts = catchment_sums(usual[:, None] * SHARES, layout.neighbours) * (found.requests.sum() / usual[:49].sum())
    assert (found.requests_near[0] > 1.05 * parts[0]).all()
    assert (found.requests_near >= parts * (1 - 1e-12)).all()


@lru_cache(None)
def home_forecasts(zone):
    return forecasts_at(zone)


def forecasts_at_home(cell):
    return home_forecasts(zone_of(cell))[cell]


def test_the_catchment_of_a_uniform_world_is_its_area():
    """One car in each cell gives as many as the catchment has cells."""
    layout = layout_of(ZONE)
    sums = catchment_sums(np.ones((layout.cells.size, 1)), layout.neighbours)
    assert sums == pytest.approx(np.full((49, 1), CATCHMENT_KM2 / CELL_KM2))


def test_rings_of_a_uniform_world_have_six_and_twelve_cells():
    """Ring sums take rings 1 and 2 without the cell itself."""
    layout = layout_of(ZONE)
    ones = np.ones((layout.cells.size, 6))
    sums = Sums(observed=ones, expected=2 * ones)
    assert set(ring_sums(sums, layout.neighbours[:, 1:7]).observed.ravel()) == {6.0}
    assert set(ring_sums(sums, layout.neighbours[:, 7:]).expected.ravel()) == {24.0}


def test_the_layout_names_every_cell_once_and_home_first():
    """Home cells ascending, then halo ascending, none twice, and place 0 of a disk is the cell itself."""
    layout = layout_of(ZONE)
    cells = layout.cells.tolist()
    assert cells[:49] == sorted(cells[:49])
    assert cells[49:] == sorted(cells[49:])
    assert len(set(cells)) == len(cells)
    assert layout.neighbours[:, 0].tolist() == list(range(49))


@given(
    st.lists(st.integers(0, 99), min_size=3, max_size=3), st.integers(1, 50), st.integers(0, 2), st.floats(0.01, 100.0)
)
def test_a_product_hears_its_own_riders_and_no_others(counts, more, product, forecast):
    """More requests for one product raise its forecast, and lower no other's."""
    view = replace(view_at(ZONE), requests=np.array([counts], float)[:, :, None] * np.ones(6), covered_ms=COVERED_MS)
    asked = view.requests.copy()
    asked[0, product] += more
    before, after = (
        of_products(np.array([forecast]), each, SHARES)[0] for each in (view, replace(view, requests=asked))
    )
    assert after[product] > before[product]
    assert np.delete(after, product).tolist() == np.delete(before, product).tolist()


def test_requests_as_forecast_leave_the_usual_split():
    """Half an hour at the rate of the forecast says nothing new, and neither does nothing known."""
    usual = 10.0 * SHARES
    seen = replace(view_at(ZONE), requests=(usual / 5)[None, :, None] * MINUTES, covered_ms=COVERED_MS)
    assert of_products(np.array([10.0]), seen, SHARES)[0] == pytest.approx(usual, rel=1e-12)
    blind = replace(seen, requests=np.zeros((1, 3, 6)), covered_ms=np.zeros(6, np.int64))
    assert of_products(np.array([10.0]), blind, SHARES)[0] == pytest.approx(usual, rel=1e-12)


def test_riders_of_half_an_hour_outweigh_the_usual_split():
    """Where XL is asked twice as often as usual, most of it is believed if it is much."""
    asked = np.array([1.0, 2.0, 1.0])
    busy = replace(view_at(ZONE), requests=(200.0 * SHARES * asked / 5)[None, :, None] * MINUTES, covered_ms=COVERED_MS)
    believed = of_products(np.array([200.0]), busy, SHARES)[0] / (200.0 * SHARES)
    assert 1.5 < believed[1] < 2.0


@given(*[st.integers(0, 20)] * 4)
def test_one_more_car_never_lowers_supply(idle, busy, soon_free, product):
    """Idle, busy or soon free: a car more is no car less for any product."""
    soon_free, product = min(soon_free, busy), product % len(PRODUCTS)

    def cars(idle_more=0, busy_more=0, soon_more=0):
        standing = np.full((1, 3), float(idle))
        standing[0, product] += idle_more
        return cars_expected(
            standing, np.array([busy + busy_more + 0.0]), np.array([soon_free + soon_more + 0.0]), SHARES
        )

    assert (cars(idle_more=1) >= cars()).all()
    assert (cars(busy_more=1) >= cars()).all()
    assert (cars(busy_more=1, soon_more=1) >= cars(busy_more=1)).all()


def guessing_model(seed):
    """Coefficients and one tree of two levels, drawn at random and small enough to stay in the band."""
    random = np.random.default_rng(seed)
    leaves = random.normal(0.0, 0.2, (1, 4)).astype(np.float32)
    quick = CompiledTrees(
        depth=2,
        features=random.integers(0, len(FEATURES), (1, 4)),
        thresholds=random.normal(size=(1, 4)).astype(np.float32),
        leaves=leaves,
    )
    coefficients = random.normal(0.0, 0.03, (4, len(INPUTS)))
    return replace(MODEL, coefficients=coefficients, trees=xgboost.Booster(), quick=quick)


@pytest.mark.parametrize("supply", [ASSUMED, SupplyShares(soon_free=0.9, other_busy=0.3)], ids=["assumed", "fitted"])
@pytest.mark.parametrize("model", [MODEL, *map(guessing_model, range(4))])
def test_compiled_loops_are_the_plain_form(model, supply):
    """What is made in a few passes over a zone is what the rooms' own functions say one by one, to the bit."""
    view, city, layout = view_at(ZONE), city_of(60.0), layout_of(ZONE)
    found = outlook_of(view, city, layout, model, SHARES, supply=supply)
    slow = plain_outlook(view, city, layout, model, SHARES, supply=supply)
    for field in fields(slow):
        assert getattr(found, field.name).tobytes() == getattr(slow, field.name).tobytes(), field.name
