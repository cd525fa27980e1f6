"""The outlook of a zone in plain arrays, a step after the other: what its compiled loops must say, to the bit."""

import math

import numpy as np
from numpy.typing import NDArray

from demand.forecast import REQUESTS_PER_PICKUP, LiveLevel, Observed, forecast, live_level
from pricing.models.demand_features import feature_matrix
from pricing.models.demand_model import DemandModel
from pricing.models.fitted_forecast import CORRECTION_BAND
from pricing.models.supply_forecast import ASSUMED, FLEET_PER_DEMAND, SupplyShares, other_busy
from pricing.surge.catchment import catchment_sums
from pricing.surge.nowcast import live_requests, zone_requests
from pricing.surge.outlook import HORIZON_MS, Outlook, observed_of, of_products, ring_factor, rows_of
from pricing.zones.zone_view import CityView, ZoneLayout, ZoneView
from windows.panes import MINUTE_MS


def plain_outlook(
    view: ZoneView,
    city: CityView,
    layout: ZoneLayout,
    model: DemandModel,
    demand_shares: NDArray[np.float64],
    supply: SupplyShares = ASSUMED,
) -> Outlook:
    """What `outlook_of` says."""
    seen = observed_of(view, city, layout)
    level = live_level(seen, yielding=model.trees is None)
    requests, factor = requests_by_product(view, seen, level, model, demand_shares), np.ones((layout.home, 1))
    if model.trees is not None:
        rows = rows_of(model, seen, level, layout)
        bent = ring_factor(model, rows) * model.correction(feature_matrix(rows))
        factor = np.minimum(np.maximum(bent, CORRECTION_BAND[0]), CORRECTION_BAND[1])[:, None]
    cars = cars_expected(view.idle, view.busy, view.soon_free, demand_shares, supply)
    fleet = view.idle_total + np.max(cars - view.idle, axis=1, initial=0.0)
    home, windows = requests[: layout.home] * factor, np.sum(view.requests[: layout.home], axis=(0, 1))
    spans = {"covered_ms": view.covered_ms, "horizon_ms": HORIZON_MS}
    ahead = catchment_sums(requests, layout.neighbours) * factor
    usual = model.base.expected(layout.cells, view.now_ms, view.now_ms + HORIZON_MS)
    whole = zone_requests(math.fsum(home.reshape(-1).tolist()), windows, **spans)
    part = catchment_sums(usual[:, None] * demand_shares, layout.neighbours)
    ahead = np.maximum(ahead, part * (whole / math.fsum(usual[: layout.home].tolist())))
    return Outlook(
        requests=home,
        cars=cars[: layout.home],
        requests_near=live_requests(ahead, catchment_sums(view.requests, layout.neighbours), **spans),
        cars_near=catchment_sums(cars, layout.neighbours),
        idle_near=catchment_sums(view.idle, layout.neighbours),
        fleet_near=catchment_sums(fleet, layout.neighbours),
    )


def requests_by_product(
    view: ZoneView, seen: Observed, level: LiveLevel, model: DemandModel, demand_shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A cell's own part of the model, every row, home and halo, float64[n, P]; a row depends on no other row."""
    coefficients = model.coefficients_of(HORIZON_MS // MINUTE_MS)
    total = forecast(model.base, seen, level, coefficients, horizon_ms=HORIZON_MS, scale=REQUESTS_PER_PICKUP)
    return of_products(total, view, demand_shares)


def cars_expected(
    idle: NDArray[np.float64],
    busy: NDArray[np.float64],
    soon_free: NDArray[np.float64],
    demand_shares: NDArray[np.float64],
    shares: SupplyShares = ASSUMED,
) -> NDArray[np.float64]:
    """Cars available in the next five minutes, float64[n, P].

    `idle` float64[n, P], `busy` and `soon_free` (part of busy) float64[n], `demand_shares` float64[P] of the market.
    """
    eligible = np.minimum(1.0, FLEET_PER_DEMAND * demand_shares / np.max(demand_shares))
    coming = shares.soon_free * soon_free + shares.other_busy * other_busy(busy, soon_free)
    return idle + coming[:, None] * eligible[None, :]
