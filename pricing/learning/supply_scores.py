"""How good a forecast of supply is on evenings it was not fitted on, beside simpler and stronger ones.

    last value     what stands there now
    assumed        idle now and the assumed parts of busy cars: what prices rest on without a model
    usual          the historical mean of the cell
    half hour      the mean of the last half hour (of idle cars only)
    fitted         the model
    trees          XGBoost on the same columns: what the model's shape leaves on the table

Deviance is Poisson's, per row; lower is better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import xgboost
from numpy.typing import NDArray

from demand.counts_spread import quantiles_of, within_of
from pricing.learning.offer_scores import Calibration, Group, Score, groups_of
from pricing.learning.supply_fits import HIGH, LOW, CarsRows, IdleRows, cars_rows, idle_rows
from pricing.models.idle_forecast import HORIZONS_MIN, IdleAt, variance_of
from pricing.models.supply_features import FEATURES
from pricing.models.supply_forecast import ASSUMED, SupplyShares
from pricing.models.supply_recording import SupplySpan

Floats = NDArray[np.float64]
TREES = {
    "objective": "count:poisson",
    "max_depth": 4,
    "eta": 0.1,
    "nthread": 1,
    "seed": 2014,
    "tree_method": "hist",
    "min_child_weight": 20,
}
TREE_ROUNDS = 60
TREE_ROWS = 100_000
BUSY = 5.0
_COLUMN = {feature.name: place for place, feature in enumerate(FEATURES)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """Of `rows` counts: the part within the whole numbers p10 to p90, and with each count's jump spread evenly.

    The second should be 0.8; `busy` are those forecast at `BUSY` and more, None if there is none.
    """

    rows: int
    whole: float
    spread_evenly: float
    busy_rows: int
    busy_spread_evenly: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleScores:
    """One horizon: scores by model and evening, coverage over all and by evening, and the model by tenths.

    Spans of one name are one evening; an evening too short to have a row has no scores.
    """

    rows: int
    scores: Mapping[str, Score]
    by_span: Mapping[str, Mapping[str, Score]]
    covered: Covered
    covered_by_span: Mapping[str, Covered]
    fitted: list[Group]


def cars_scored(model: SupplyShares, history: Sequence[SupplySpan], test: Sequence[SupplySpan]) -> Calibration:
    """Of the cars there within five minutes, by catchment: what a price weighs."""
    learnt, asked = cars_rows(history), cars_rows(test)
    told = {
        "last value": asked.idle,
        "assumed": asked.told(ASSUMED),
        "usual": _usual(learnt, asked),
        "fitted": asked.told(model),
        "trees": _trees(_cars_columns(learnt), learnt.there, _cars_columns(asked)),
    }
    return Calibration(
        offers=asked.there.size,
        scores={name: score_of(asked.there, one) for name, one in told.items()},
        fitted=groups_of(told["fitted"], asked.there),
        assumed=groups_of(told["assumed"], asked.there),
    )


def idle_scored(
    model: SupplyShares, history: Sequence[SupplySpan], test: Sequence[SupplySpan]
) -> dict[int, IdleScores]:
    """Of idle cars later, by horizon and cell.

    Raises ValueError if the model forecasts none, or the evenings are too short.
    """
    if model.idle is None:
        raise ValueError("model must forecast idle cars, got shares alone")
    usual, found = dict(model.idle.usual), {}
    for horizon_min, at in zip(HORIZONS_MIN, model.idle.horizons, strict=True):
        learnt, asked = (idle_rows(spans, usual, horizon_min) for spans in (history, test))
        told = _told(at, asked) | {"trees": _trees(learnt.features, learnt.came, asked.features)}
        found[horizon_min] = _scores(at, asked, told, [span.name for span in test])
    return found


def score_of(came: Floats, told: Floats) -> Score:
    """Error, bias and deviance of what was told, float64[n] both.

    >>> score_of(np.array([1.0, 3.0]), np.array([2.0, 2.0]))
    Score(error=1.0, bias=0.0, deviance=0.5232)
    """
    safe = np.maximum(told, 1e-3)
    deviance = 2.0 * (np.where(came > 0.0, came * np.log(np.maximum(came, 1.0) / safe), 0.0) - (came - safe))
    return Score(
        error=round(sqrt(float(np.mean(np.square(came - told)))), 4),
        bias=round(float(np.mean(told - came)), 4),
        deviance=round(float(np.mean(deviance)), 4),
    )


def _told(at: IdleAt, rows: IdleRows) -> dict[str, Floats]:
    def of(name: str) -> Floats:
        return rows.features[:, _COLUMN[name]]

    assumed = of("idle") + ASSUMED.soon_free * of("soon_free") + ASSUMED.other_busy * of("other_busy")
    return {
        "last value": of("idle"),
        "assumed": assumed,
        "usual": of("usual"),
        "half hour": of("idle_long"),
        "fitted": at.mean(rows.features),
    }


def _scores(at: IdleAt, rows: IdleRows, told: Mapping[str, Floats], names: Sequence[str]) -> IdleScores:
    of_name = np.array(names)[rows.span]
    parts = {name: kept for name in dict.fromkeys(names) if (kept := of_name == name).any()}
    return IdleScores(
        rows=rows.came.size,
        scores={name: score_of(rows.came, one) for name, one in told.items()},
        by_span={
            span: {name: score_of(rows.came[kept], one[kept]) for name, one in told.items()}
            for span, kept in parts.items()
        },
        covered=covered(at, rows.came, told["fitted"]),
        covered_by_span={span: covered(at, rows.came[kept], told["fitted"][kept]) for span, kept in parts.items()},
        fitted=groups_of(told["fitted"], rows.came),
    )


def covered(at: IdleAt, came: Floats, mean: Floats) -> Covered:
    """How many counts the interval of the horizon holds, of `came` forecast at `mean`, float64[n]."""
    variance = variance_of(mean, at.spread)
    low, high = quantiles_of(mean, variance, at=LOW), quantiles_of(mean, variance, at=HIGH)
    evenly, busy = within_of(came, mean, variance, low=LOW, high=HIGH), mean >= BUSY
    return Covered(
        rows=came.size,
        whole=round(float(np.mean((low <= came) & (came <= high))), 3),
        spread_evenly=round(float(np.mean(evenly)), 3),
        busy_rows=int(busy.sum()),
        busy_spread_evenly=round(float(np.mean(evenly[busy])), 3) if busy.any() else None,
    )


def _usual(learnt: CarsRows, asked: CarsRows) -> Floats:
    """Mean of the same catchment in the history, 0 of one it did not know."""
    cells, row = np.unique(learnt.cell, return_inverse=True)
    means = np.bincount(row, learnt.there) / np.bincount(row)
    at = np.minimum(np.searchsorted(cells, asked.cell), cells.size - 1)
    return np.where(cells[at] == asked.cell, means[at], 0.0)


def _cars_columns(rows: CarsRows) -> Floats:
    return np.stack([rows.idle, rows.soon_free, rows.other_busy], axis=1)


def _trees(learnt: Floats, came: Floats, asked: Floats) -> Floats:
    every = max(1, -(-came.size // TREE_ROWS))
    every += every % 2 == 0  # an even stride would always meet the same cells
    data = xgboost.DMatrix(learnt[::every], label=came[::every], nthread=1)
    fitted = xgboost.train(TREES, data, num_boost_round=TREE_ROUNDS)
    told: Floats = fitted.predict(xgboost.DMatrix(asked, nthread=1)).astype(np.float64)
    return told
