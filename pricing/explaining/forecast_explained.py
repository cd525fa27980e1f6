"""Why so many riders were expected in one cell: the forecast as a chain of factors, and what each input added.

    usual week ─> city's level ─> the cell's own ratios ─> its rings ─> trees ─> band ─> one product of all

The chain is the forecast of `surge.outlook`, taken apart: same functions, same order. Contributions are computed on
demand for one row; no tick waits for them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.forecast import REQUESTS_PER_PICKUP, forecast, live_level
from demand.log_linear import exponent
from demand.ratio_walk import INPUTS, OWN_INPUTS
from pricing.models.demand_features import FEATURES, FeatureInputs, feature_matrix
from pricing.models.demand_model import DemandModel
from pricing.models.fitted_forecast import CORRECTION_BAND
from pricing.models.tree_contributions import contributions
from pricing.surge.outlook import HORIZON_MS, observed_of, of_products, ring_factor, rows_of
from pricing.surge.tick import TickInputs, unmeasured_model
from pricing.zones.zone_view import ZoneLayout, layout_of
from windows.panes import MINUTE_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One step of the forecast: requests in the next five minutes before and after it."""

    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureTold:
    """One value the model looked at, in `unit`, and what it added to the log of the forecast.

    `log_linear` is coefficient x value, 0 for what that model does not look at; `trees` is the exact Shapley value of
    the trees, None where nothing was fitted or the trees do not look at it.
    """

    name: str
    unit: str
    value: float
    log_linear: float
    trees: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastTold:
    """The forecast of one cell and product.

    The trees' contributions and `trees_base` add up to `trees_margin`, the log of their factor before the band; both
    are None without fitted trees.
    """

    model: str
    factors: list[Factor]
    features: list[FeatureTold]
    trees_base: float | None
    trees_margin: float | None


def forecast_told(inputs: TickInputs, cell: int, product: str) -> ForecastTold | None:
    """Why the tick expected so many riders there; None if the cell is not one of the zone's, or the product unknown."""
    layout = layout_of(inputs.view.zone)
    home = layout.home_cells.tolist()
    if cell not in home or product not in inputs.view.products:
        return None
    model = inputs.model or unmeasured_model(inputs.market.time_zone)
    seen = observed_of(inputs.view, inputs.city, layout)
    level = live_level(seen, yielding=model.trees is None)
    row, rows = home.index(cell), rows_of(model, seen, level, layout)
    matrix = feature_matrix(rows)[row : row + 1]
    coefficients = model.coefficients_of(HORIZON_MS // MINUTE_MS)
    alone = forecast(model.base, seen, level, coefficients, horizon_ms=HORIZON_MS, scale=REQUESTS_PER_PICKUP)
    parts = of_products(alone, inputs.view, inputs.market.demand_shares())[row]
    split = float(parts[inputs.view.products.index(product)] / alone[row])
    features, base, margin = _features(model, rows, row, matrix[0])
    return ForecastTold(
        model=model.label,
        factors=_factors(model, rows, row, matrix, level=level.city, split=split),
        features=features,
        trees_base=base,
        trees_margin=margin,
    )


def rings_of(layout: ZoneLayout, cell: int) -> list[list[int]]:
    """Rows of the layout: the cell itself, its ring 1 and its ring 2, without places that hold no cell."""
    near = layout.neighbours[layout.home_cells.tolist().index(cell)]
    parts = (near[:1], near[1:7], near[7:])
    return [[int(row) for row in part if row < layout.cells.size] for part in parts]


def _factors(
    model: DemandModel,
    rows: FeatureInputs,
    row: int,
    matrix: NDArray[np.float32],
    *,
    level: float,
    split: float,
) -> list[Factor]:
    """The chain; `matrix` float32[1, F] is the row the trees look at."""
    horizon_min = HORIZON_MS // MINUTE_MS
    coefficients = model.coefficients_of(horizon_min)
    own = float(np.exp(exponent(rows.inputs[row : row + 1, :OWN_INPUTS], coefficients[:OWN_INPUTS]))[0])
    rings = float(ring_factor(model, rows)[row]) if model.trees else 1.0
    trees = float(model.correction(matrix)[0])
    banded = float(np.clip(rings * trees, *CORRECTION_BAND)) / (rings * trees) if model.trees else 1.0
    usual = REQUESTS_PER_PICKUP * float(rows.usual_per_min[row]) * horizon_min
    steps = (("city-level", level), ("own-ratios", own), ("rings", rings), ("trees", trees), ("band", banded))
    chain = [Factor(name="usual-week", before=0.0, after=usual)]
    for name, factor in (*steps, ("product-split", split)):
        chain.append(Factor(name=name, before=chain[-1].after, after=chain[-1].after * factor))
    return chain


def _features(
    model: DemandModel, rows: FeatureInputs, row: int, looked_at: NDArray[np.float32]
) -> tuple[list[FeatureTold], float | None, float | None]:
    """Every value either model looked at, and the trees' base value and margin."""
    coefficients = model.coefficients_of(rows.horizon_min)
    values = rows.inputs[row]
    linear = {name: float(coefficients[at] * values[at]) for at, name in enumerate(INPUTS)}
    if model.trees is None:  # rings are read by fitted models only
        linear = {name: added if at < OWN_INPUTS else 0.0 for at, (name, added) in enumerate(linear.items())}
    by_trees = contributions(model.trees, looked_at) if model.trees is not None else None
    constant = FeatureTold(name="constant", unit="1", value=1.0, log_linear=linear["constant"], trees=None)
    told = [
        FeatureTold(
            name=feature.name,
            unit=feature.unit,
            value=float(looked_at[at]),
            log_linear=linear.get(feature.name, 0.0),
            trees=float(by_trees.of[at]) if by_trees else None,
        )
        for at, feature in enumerate(FEATURES)
    ]
    return [constant, *told], by_trees.base if by_trees else None, by_trees.margin if by_trees else None
