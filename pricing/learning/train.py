"""Train the demand model on recorded pickups, reproducibly: equal pickups and days give equal bytes.

Everything a row holds was known at its instant, the usual week too, so the coefficients and trees learn the errors of a
forecast made ahead. One thread, one seed, histograms, rounded coefficients: nothing depends on the number of cores.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import xgboost
from numpy.typing import NDArray

from demand.kernel_base import WIDTHS, CellShares, usual_week
from demand.log_linear import exponent, fitted
from demand.ratio_walk import INPUTS, RatioMemory, active_cells, walk, with_rings
from demand.ratios import HALF_LIVES_MS, RATIOS
from demand.recorded_days import STEP_MIN, STEPS_PER_DAY, RecordedDays, recorded_days
from pricing.learning.local_pickups import LocalPickups, busy_cells
from pricing.models.artefact import FORMAT, Parts, packed
from pricing.models.demand_features import FEATURES
from pricing.models.demand_model import HORIZONS_MIN
from pricing.models.fitted_forecast import (
    CORRECTION_BAND,
    PARAMETERS,
    RISING,
    ROUNDS,
    SEED,
    Rows,
    boosted,
    joined,
    rows_of,
    sample_of,
)
from topics.control import ModelAnnounced
from windows.hexagons import CELL_RESOLUTION

_QUARTER_STEPS = 15 // STEP_MIN
_MONDAY, _SATURDAY = 0, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What to train on: pickups of the local days `[start_day, end_day)`, ordinals.

    Rows are of cells with `least_per_day` pickups a day; the usual week is of those with `known_from` in all and of
    their rings.
    """

    time_zone: str
    start_day: int
    end_day: int
    least_per_day: float = 4.0
    known_from: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedModel:
    """The artefact, its hash, and its card as far as training knows it; the backtest adds its metrics."""

    artefact: bytes
    sha256: str
    card: dict[str, Any]

    @property
    def format(self) -> str:
        """Format and version of the artefact."""
        return FORMAT

    def card_json(self) -> str:
        """The card as it is announced."""
        return json.dumps(self.card, sort_keys=True, indent=1)

    def announced(self, *, name: str, version: int, announced_ms: int, alias: str = "champion") -> ModelAnnounced:
        """The record of `models.v1` that makes this model available."""
        return ModelAnnounced(
            name=name,
            version=version,
            alias=alias,
            format=self.format,
            sha256=self.sha256,
            artefact=self.artefact,
            card=self.card_json(),
            announced_ms=announced_ms,
        )


def train(pickups: LocalPickups, plan: TrainingPlan) -> TrainedModel:
    """The demand model of the plan's days; one without any pickup was not recorded.

    Raises ValueError if they hold no pickups.
    """
    known = pickups.between(plan.start_day, plan.end_day)
    cells = known.cells(CELL_RESOLUTION)
    days = recorded_days(
        known.minutes,
        cells,
        with_rings(busy_cells(cells, least=plan.known_from)),
        first_day=plan.start_day,
        known=np.isin(np.arange(plan.start_day, plan.end_day), known.minutes // 1440),
    )
    memory = RatioMemory(days.cells.size)
    rows = training_rows(days, busy_cells(cells, least=plan.least_per_day * int(days.known.sum())), memory)
    coefficients = np.stack([fitted(one.inputs, one.came, one.usual, rising=RISING) for one in rows])
    trees = _trees(rows, coefficients)
    artefact = packed(_parts(days, plan, coefficients, memory, trees))
    return TrainedModel(
        artefact=artefact,
        sha256=hashlib.sha256(artefact).hexdigest(),
        card=_card(known, plan, coefficients, rows=sum(one.came.size for one in rows)),
    )


def training_rows(days: RecordedDays, busy: NDArray[np.int64], memory: RatioMemory) -> list[Rows]:
    """Rows of the `busy` cells for each horizon; `memory`, blank, is left as at the end of the days."""
    active = active_cells(days.cells, busy)
    every: list[Rows] = []
    for number, horizon_min in enumerate(HORIZONS_MIN):
        steps = horizon_min // STEP_MIN
        sample = sample_of(busy.size * len(HORIZONS_MIN), steps, until_day=days.days)
        starts = walk(
            days,
            active,
            steps,
            wanted=lambda step, sample=sample, steps=steps: sample.holds(step, days, steps),  # type: ignore[misc]
            memory=memory if number == 0 else None,
        )
        every.append(joined([rows_of(start, days, active, steps) for start in starts]))
    return every


def _trees(rows: list[Rows], coefficients: NDArray[np.float64]) -> bytes:
    """Trees on the rows of all horizons together, each from its own log-linear forecast."""
    margins = [np.log(one.usual) + exponent(one.inputs, row) for one, row in zip(rows, coefficients, strict=True)]
    together = joined(rows)
    return bytes(boosted(together.features, together.came, np.concatenate(margins)).save_raw("ubj"))


def _parts(
    days: RecordedDays, plan: TrainingPlan, coefficients: NDArray[np.float64], memory: RatioMemory, trees: bytes
) -> Parts:
    shares = CellShares(days.cells)
    for day in np.flatnonzero(days.known).tolist():
        counted = slice(day * STEPS_PER_DAY, (day + 1) * STEPS_PER_DAY)
        shares.take(days.counts[:, counted], days.city[counted], int(days.weekdays[day]))
    profiles = np.stack([shares.of(_MONDAY), shares.of(_SATURDAY)], axis=1)
    week = usual_week(days).reshape(-1, _QUARTER_STEPS).mean(axis=1) / STEP_MIN
    end = datetime.fromordinal(plan.end_day).replace(tzinfo=ZoneInfo(plan.time_zone))
    return Parts(
        meta={
            "format": FORMAT,
            "time_zone": plan.time_zone,
            "share_elsewhere": 0.1 / float(days.city.sum()),
            "features": [feature.name for feature in FEATURES],
            "inputs": list(INPUTS),
            "half_lives_ms": list(HALF_LIVES_MS),
            "correction_band": list(CORRECTION_BAND),
            "memory_through_ms": round(end.timestamp()) * 1000,
        },
        arrays={
            "city_per_min": np.round(week, 6),
            "cells": days.cells,
            "share": np.round(profiles, 7).astype(np.float32),
            "coefficients": coefficients,
            "memory": np.round(np.stack([memory.sums.observed[:-1], memory.sums.expected[:-1]]), 4).astype(np.float32),
            "city_memory": np.round(np.stack([memory.city.observed, memory.city.expected]), 4),
        },
        trees=trees,
    )


def _card(known: LocalPickups, plan: TrainingPlan, coefficients: NDArray[np.float64], *, rows: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "data": {
            "first_day": f"{datetime.fromordinal(plan.start_day):%Y-%m-%d}",
            "last_day": f"{datetime.fromordinal(plan.end_day - 1):%Y-%m-%d}",
            "pickups": int(known.minutes.size),
            "rows": rows,
        },
        "time_zone": plan.time_zone,
        "ratios": [{"name": ratio.name, "prior": ratio.prior} for ratio in RATIOS],
        "coefficients_by_horizon_min": {
            str(horizon): dict(zip(INPUTS, row.tolist(), strict=True))
            for horizon, row in zip(HORIZONS_MIN, coefficients, strict=True)
        },
        "features": [{"name": feature.name, "unit": feature.unit, "doc": feature.doc} for feature in FEATURES],
        "widths": {name: getattr(WIDTHS, name) for name in WIDTHS.__slots__},
        "parameters": PARAMETERS | {"rounds": ROUNDS},
        "versions": {"xgboost": xgboost.__version__, "numpy": np.__version__},
        "seed": SEED,
    }
