"""The next five minutes of one zone: requests and cars per cell and product.

The closed form runs on home and halo rows alike, so every zone that sees a cell forecasts the same bits for it. The
model's correction needs rings around a cell and therefore runs on home rows only; it scales the catchment sums of its
cell.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.forecast import REQUESTS_PER_PICKUP, LiveLevel, Observed, forecast, live_level
from pricing.catchment import catchment_sums
from pricing.demand_model import DemandModel
from pricing.features import feature_matrix
from pricing.supply_forecast import cars_expected
from pricing.training_rows import inputs_at
from pricing.zone_view import CityView, ZoneLayout, ZoneView
from windows.panes import MINUTE_MS

HORIZON_MS = 5 * MINUTE_MS
# How many requests of the last half hour weigh as much as the market's usual split between products.
SPLIT_STRENGTH = 5.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Forecasts of the home cells, float64[home, P]: of the cell itself and summed over its catchment."""

    requests: NDArray[np.float64]
    cars: NDArray[np.float64]
    requests_near: NDArray[np.float64]
    cars_near: NDArray[np.float64]
    idle_near: NDArray[np.float64]


def outlook_of(
    view: ZoneView, city: CityView, layout: ZoneLayout, model: DemandModel, demand_shares: NDArray[np.float64]
) -> Outlook:
    """What the next five minutes bring to each home cell."""
    seen = observed_of(view, city, layout)
    level = live_level(model.base, seen, model.strengths, scale=REQUESTS_PER_PICKUP)
    requests = requests_by_product(view, seen, level, model, demand_shares)
    correction = _correction(model, seen, level, layout)[:, None]
    cars = cars_expected(view.idle, view.busy, view.soon_free, demand_shares)
    products = len(view.products)
    near = catchment_sums(np.concatenate([requests, cars, view.idle], axis=1), layout.neighbours)
    return Outlook(
        requests=requests[: layout.home] * correction,
        cars=cars[: layout.home],
        requests_near=near[:, :products] * correction,
        cars_near=near[:, products : 2 * products],
        idle_near=near[:, 2 * products :],
    )


def requests_by_product(
    view: ZoneView, seen: Observed, level: LiveLevel, model: DemandModel, demand_shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The closed form of every row, home and halo, float64[n, P]; a row depends on no other row."""
    total = forecast(model.base, level, now_ms=view.now_ms, horizon_ms=HORIZON_MS, scale=REQUESTS_PER_PICKUP)
    return total[:, None] * product_split(seen.requests, view.requests, demand_shares)


def observed_of(view: ZoneView, city: CityView, layout: ZoneLayout) -> Observed:
    """The view as the demand room takes it: all products together."""
    total = view.requests[:, 0]
    for product in range(1, len(view.products)):
        total = total + view.requests[:, product]
    return Observed(
        now_ms=view.now_ms,
        cells=layout.cells,
        requests=total,
        covered_ms=view.covered_ms,
        city_requests=city.requests,
        city_covered_ms=city.covered_ms,
        memory_observed=view.memory_observed,
        memory_expected=view.memory_expected,
    )


def product_split(
    total: NDArray[np.float64], by_product: NDArray[np.float64], demand_shares: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Part of a cell's requests for each product, float64[n, P]: its last half hour, drawn to the market's split."""
    seen = by_product[:, :, -1] + SPLIT_STRENGTH * demand_shares
    return seen / (total[:, -1:] + SPLIT_STRENGTH)


def _correction(model: DemandModel, seen: Observed, level: LiveLevel, layout: ZoneLayout) -> NDArray[np.float64]:
    """The model's factor per home cell, float64[home]."""
    if model.trees is None:
        return np.ones(layout.home)
    inputs = inputs_at(
        model.base,
        seen,
        level,
        active=np.arange(layout.home),
        neighbours=layout.neighbours,
        horizon_ms=HORIZON_MS,
        scale=REQUESTS_PER_PICKUP,
    )
    return model.correction(feature_matrix(inputs))
