"""How good forecasts are on pickups nobody trained on, beside the plain historical mean.

Every forecaster answers the same rows: each active cell at each sampled instant, for every horizon. Mean Poisson
deviance judges rates, mean squared error judges counts; both are lower for better forecasts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demand.base import SLOT_MS, SLOTS_PER_WEEK, slot_of
from pricing.demand_model import DemandModel
from pricing.pickup_history import MinuteCounts, Pickups, minute_counts, with_rings
from pricing.training_rows import HORIZONS_MS, Walk, disks_of, rows_at, steps
from windows.panes import MINUTE_MS

_HOURS_PER_WEEK = SLOTS_PER_WEEK // 4
_SLOTS_PER_HOUR = 4
# What the plain mean expects of a cell-hour of the week never seen with a pickup: a quarter of one in all of training.
_LEAST_PICKUPS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPlan:
    """Score `[start_ms, end_ms)` at every n-th step of the walk.

    Memory warms up from `warm_from_ms`; the plain mean and the choice of cells rest on `[history_ms, start_ms)`.
    """

    history_ms: int
    warm_from_ms: int
    start_ms: int
    end_ms: int
    least_pickups: int = 364
    every_steps: int = 7


def poisson_deviance(came: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    """Mean Poisson deviance of forecasts `expected` (positive) for counts `came`, float64[n].

    >>> poisson_deviance(np.array([2.0, 0.0]), np.array([2.0, 1.0]))
    1.0
    """
    counted = np.where(came > 0, came * np.log(np.maximum(came, 1.0) / expected), 0.0)
    return float(np.mean(2.0 * (counted - (came - expected))))


def backtest(pickups: Pickups, model: DemandModel, plan: BacktestPlan) -> dict[str, Any]:
    """Deviance and squared error per horizon in minutes and forecaster: `mean`, `closed_form`, `model`."""
    names, numbers = np.unique(pickups.between(plan.history_ms, plan.start_ms).cells, return_counts=True)
    busy = names[numbers >= plan.least_pickups]
    cells = with_rings(busy)
    active = np.searchsorted(cells, busy)
    counts = minute_counts(pickups, cells, plan.history_ms, plan.end_ms)
    walk = Walk(
        counts=counts, base=model.base, strengths=model.strengths, active=active, neighbours=disks_of(cells, active)
    )
    mean = historical_mean(counts, active, plan, model.base.time_zone)
    return {
        str(horizon_ms // MINUTE_MS): _scores(walk, model, mean, plan, horizon_ms) for horizon_ms in HORIZONS_MS
    } | {"cells": int(active.size), "start_ms": plan.start_ms, "end_ms": plan.end_ms}


def historical_mean(
    counts: MinuteCounts, active: NDArray[np.int64], plan: BacktestPlan, time_zone: str
) -> NDArray[np.float64]:
    """Pickups per minute of each active cell in each hour of the local week over the history, float64[a, 168]."""
    total = np.full((active.size, _HOURS_PER_WEEK), _LEAST_PICKUPS)
    minutes = np.zeros(_HOURS_PER_WEEK)
    for start_ms in range(plan.history_ms, plan.start_ms - SLOT_MS + 1, SLOT_MS):
        hour = slot_of(time_zone, start_ms // SLOT_MS) // _SLOTS_PER_HOUR
        total[:, hour] += counts.between(start_ms, start_ms + SLOT_MS)[active]
        minutes[hour] += SLOT_MS / MINUTE_MS
    return total / np.maximum(minutes, 1.0)


def _scores(
    walk: Walk, model: DemandModel, mean: NDArray[np.float64], plan: BacktestPlan, horizon_ms: int
) -> dict[str, dict[str, float]]:
    came, forecasts = [], []
    for number, (seen, level) in enumerate(steps(walk, plan.warm_from_ms, plan.end_ms - horizon_ms)):
        if seen.now_ms < plan.start_ms or number % plan.every_steps:
            continue
        rows = rows_at(walk, seen, level, horizon_ms)
        hour = slot_of(model.base.time_zone, seen.now_ms // SLOT_MS) // _SLOTS_PER_HOUR
        plain = mean[:, hour] * (horizon_ms / MINUTE_MS)
        came.append(rows.came)
        forecasts.append((plain, rows.expected, rows.expected * model.correction(rows.features)))
    truth = np.concatenate(came)
    columns = [np.concatenate(column) for column in zip(*forecasts, strict=True)]
    return {
        name: {
            "deviance": round(poisson_deviance(truth, column), 5),
            "squared_error": round(float(np.mean((truth - column) ** 2)), 5),
        }
        for name, column in zip(("mean", "closed_form", "model"), columns, strict=True)
    }
