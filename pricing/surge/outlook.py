"""The next five minutes of one zone: requests and cars per cell and product.

A cell's own part of the log-linear model runs on home and halo rows alike, so every zone that sees a cell forecasts the
same bits for it. What rings and trees add needs the cells around and therefore runs on home rows only; it scales the
catchment sums of its cell.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.base import SLOT_MS, SLOTS_PER_DAY, slot_of
from demand.forecast import REQUESTS_PER_PICKUP, LiveLevel, Observed
from demand.log_linear import exponent
from demand.ratio_walk import BESIDE, OWN_INPUTS, REFERENCE, ring_sums
from demand.ratios import CELL_RATIOS, RING_RATIOS, Sums, cell_ratios, city_ratios
from pricing.models.demand_features import FEATURES, FeatureInputs
from pricing.models.demand_model import DemandModel
from pricing.models.fitted_forecast import CORRECTION_BAND
from pricing.models.supply_forecast import ASSUMED, FLEET_PER_DEMAND, SupplyShares
from pricing.surge.catchment import PLACE_WEIGHTS
from pricing.surge.nowcast import live_requests, zone_requests
from pricing.surge.outlook_loops import exponents, looked_ahead, ratios
from pricing.zones.zone_view import CityView, ZoneLayout, ZoneView
from windows.panes import MINUTE_MS, WINDOWS_MS

HORIZON_MS = 5 * MINUTE_MS
# How many requests of a product its usual part of a cell's is worth, beside those of the last half hour.
PRODUCT_PRIOR = 30.0
_RINGS = RING_RATIOS[:4], RING_RATIOS[4:]
_CELL_PRIORS = np.array([ratio.prior for ratio in CELL_RATIOS])
_RING_PRIORS = np.array([[ratio.prior for ratio in ring] for ring in _RINGS])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Forecasts of the home cells, float64[home, P]: of the cell itself and summed over its catchment.

    What a catchment saw lately is weighed into `requests_near` (`surge.nowcast`); `fleet_near` float64[home] are the
    cars of all products, each once.
    """

    requests: NDArray[np.float64]
    cars: NDArray[np.float64]
    requests_near: NDArray[np.float64]
    cars_near: NDArray[np.float64]
    idle_near: NDArray[np.float64]
    fleet_near: NDArray[np.float64]


def outlook_of(
    view: ZoneView,
    city: CityView,
    layout: ZoneLayout,
    model: DemandModel,
    demand_shares: NDArray[np.float64],
    *,
    supply: SupplyShares = ASSUMED,
) -> Outlook:
    """What the next five minutes bring to each home cell."""
    homes, products = layout.home, demand_shares.size
    usual = model.base.expected(layout.cells, view.now_ms, view.now_ms + HORIZON_MS)
    level, exponentials = _exponentials(view, city, layout, model, usual)
    found, seen, fleet = np.empty((6, homes, products)), np.empty((homes, products, len(WINDOWS_MS))), np.empty(homes)
    looked_ahead(
        (view.requests, view.idle, view.idle_total, view.busy, view.soon_free),
        usual,
        exponentials,
        demand_shares,
        (
            REQUESTS_PER_PICKUP * level,
            PRODUCT_PRIOR,
            known_horizons(view),
            FLEET_PER_DEMAND,
            supply.soon_free,
            supply.other_busy,
        ),
        CORRECTION_BAND,
        layout.neighbours,
        PLACE_WEIGHTS,
        found,
        seen,
        fleet,
    )
    requests, cars, requests_near, cars_near, idle_near, usual_near = found
    usual_near *= _zone_requests(requests, view, layout) / math.fsum(usual[:homes].tolist())
    np.maximum(requests_near, usual_near, out=requests_near)
    return Outlook(
        requests=requests,
        cars=cars,
        requests_near=live_requests(requests_near, seen, covered_ms=view.covered_ms, horizon_ms=HORIZON_MS),
        cars_near=cars_near,
        idle_near=idle_near,
        fleet_near=fleet,
    )


def _exponentials(
    view: ZoneView, city: CityView, layout: ZoneLayout, model: DemandModel, usual: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64]]:
    """The city's level, and what `looked_ahead` takes: of each cell alone, then of each home's rings and trees."""
    logs_of_city = city_ratios(Sums(observed=city.observed, expected=city.expected))
    level = np.exp(logs_of_city)
    quick, cells, horizon_min = model.quick, layout.cells.size, HORIZON_MS // MINUTE_MS
    homes = 0 if quick is None else layout.home
    sums = view.memory_observed, view.memory_expected
    logs = np.empty(cells * level.size + homes * (len(RING_RATIOS) + 1))
    near = layout.neighbours[:homes]
    ratios(*sums, level, _CELL_PRIORS, _RING_PRIORS, near, quick is None, usual, horizon_min, logs)
    slot = slot_of(model.base.time_zone, view.now_ms // SLOT_MS)
    calendar = (float(slot % SLOTS_PER_DAY), float(slot // SLOTS_PER_DAY), float(horizon_min))
    exponent, features = np.empty(cells + homes), np.empty((homes, len(FEATURES)), np.float32)
    coefficients = model.coefficients_of(horizon_min)
    exponents(np.log(logs), logs_of_city, BESIDE, REFERENCE, coefficients, calendar, exponent, features)
    if quick is not None:
        exponent = np.concatenate((exponent, quick.margins(features)))
    return float(level[REFERENCE]), np.exp(exponent)


def _zone_requests(forecasts: NDArray[np.float64], view: ZoneView, layout: ZoneLayout) -> float:
    """What the zone's home cells will see by their forecasts float64[home, P] and counts, all products together."""
    return zone_requests(
        math.fsum(forecasts.reshape(-1).tolist()),
        np.add.reduce(view.requests[: layout.home].reshape(-1, len(WINDOWS_MS)), axis=0),
        covered_ms=view.covered_ms,
        horizon_ms=HORIZON_MS,
    )


def observed_of(view: ZoneView, city: CityView, layout: ZoneLayout) -> Observed:
    """The view as the demand room takes it: all products together."""
    return Observed(
        now_ms=view.now_ms,
        cells=layout.cells,
        sums=Sums(observed=view.memory_observed, expected=view.memory_expected),
        city=Sums(observed=city.observed, expected=city.expected),
    )


def known_horizons(view: ZoneView) -> float:
    """How many horizons of requests the view's longest window knows."""
    return float(min(view.covered_ms[-1], WINDOWS_MS[-1])) / HORIZON_MS


def of_products(
    forecast: NDArray[np.float64], view: ZoneView, demand_shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Forecasts of cells, float64[n], as float64[n, P]: usual parts, drawn to what each product saw in half an hour.

    A part of all that was seen would fall where another product's riders ask, and the price with it.
    """
    part = forecast[:, None] * demand_shares
    return part * ((PRODUCT_PRIOR + view.requests[:, :, -1]) / (PRODUCT_PRIOR + part * known_horizons(view)))


def rows_of(model: DemandModel, seen: Observed, level: LiveLevel, layout: ZoneLayout) -> FeatureInputs:
    """What the trees look at, one row per home cell."""
    horizon_min = HORIZON_MS // MINUTE_MS
    inputs = np.concatenate((level.own[: layout.home], *_rings(seen, level, layout)), axis=1)
    slot = slot_of(model.base.time_zone, seen.now_ms // SLOT_MS)
    return FeatureInputs(
        inputs=inputs,
        usual_per_min=model.base.expected(layout.home_cells, seen.now_ms, seen.now_ms + HORIZON_MS) / horizon_min,
        quarter_of_day=slot % SLOTS_PER_DAY,
        weekday=slot // SLOTS_PER_DAY,
        horizon_min=horizon_min,
    )


def ring_factor(model: DemandModel, rows: FeatureInputs) -> NDArray[np.float64]:
    """What the log-linear model adds for the cells around, float64[home]."""
    coefficients = model.coefficients_of(rows.horizon_min)[OWN_INPUTS:]
    factor: NDArray[np.float64] = np.exp(exponent(rows.inputs[:, OWN_INPUTS:], coefficients))
    return factor


def _rings(seen: Observed, level: LiveLevel, layout: ZoneLayout) -> list[NDArray[np.float64]]:
    """The model's inputs from rings 1 and 2 of each home cell, float64[home, 4] each."""
    near = (layout.neighbours[:, 1:7], layout.neighbours[:, 7:])
    return [
        cell_ratios(ring_sums(seen.sums, rows), level.city_logs, kind) for rows, kind in zip(near, _RINGS, strict=True)
    ]
