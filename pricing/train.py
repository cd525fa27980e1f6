"""Train the demand model on recorded pickups, reproducibly: equal pickups and spans give equal bytes.

The trees learn on rows whose base was measured on the other months, so that what they correct is the error of a base
that has not seen the answer. One thread, one seed, histograms: nothing depends on the machine's number of cores.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from demand.base import DemandBase
from demand.forecast import PriorStrengths, live_level
from demand.long_memory import HALF_LIVES_MS
from demand.measured_base import measured_base
from pricing.artefact import FORMAT, Parts, packed
from pricing.demand_model import CORRECTION_BAND
from pricing.features import FEATURES
from pricing.pickup_history import Pickups, minute_counts, with_rings
from pricing.training_rows import HORIZONS_MS, STEP_MS, Rows, Walk, disks_of, forgetful, joined, rows_at, steps
from topics.control import ModelAnnounced

DAY_MS = 86_400_000
SEED = 20140401
WARM_UP_MS = 2 * DAY_MS
PARAMETERS: dict[str, Any] = {
    "objective": "count:poisson",
    "tree_method": "hist",
    "max_depth": 5,
    "eta": 0.06,
    "min_child_weight": 30,
    "subsample": 0.8,
    "colsample_bytree": 0.7,
    "lambda": 5.0,
    "max_delta_step": 0.5,
    "nthread": 1,
    "seed": SEED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What to train on: pickups of `[start_ms, end_ms)` in cells with at least `least_pickups`.

    `folds` parts take turns as what the base has not seen; rows come from every n-th ten-minute step.
    """

    time_zone: str
    start_ms: int
    end_ms: int
    folds: int = 3
    least_pickups: int = 30
    every_steps: int = 4
    rounds: int = 150


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


def train(pickups: Pickups, plan: TrainingPlan, strengths: PriorStrengths | None = None) -> TrainedModel:
    """The demand model of the plan's span.

    Raises ValueError if the span holds no pickups.
    """
    strengths = strengths or PriorStrengths()
    known = pickups.between(plan.start_ms, plan.end_ms)
    base = measured_base(known.at_ms, known.cells, [(plan.start_ms, plan.end_ms)], plan.time_zone)
    rows = training_rows(known, plan, strengths)
    trees = boosted(rows, plan.rounds)
    body = bytes(trees.save_raw("ubj"))
    artefact = packed(_parts(base, strengths, body))
    return TrainedModel(
        artefact=artefact, sha256=hashlib.sha256(artefact).hexdigest(), card=_card(plan, known, rows, strengths)
    )


def training_rows(known: Pickups, plan: TrainingPlan, strengths: PriorStrengths) -> Rows:
    """Rows of all folds, each measured against the base of the other folds."""
    cells, active = _cells_of(known, plan.least_pickups)
    counts = minute_counts(known, cells, plan.start_ms, plan.end_ms)
    neighbours = disks_of(cells, active)
    edges = np.linspace(plan.start_ms // STEP_MS, plan.end_ms // STEP_MS, plan.folds + 1).astype(np.int64) * STEP_MS
    parts: list[Rows] = []
    for first, last in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        base = _base_without(known, plan, first, last)
        walk = Walk(counts=counts, base=base, strengths=strengths, active=active, neighbours=neighbours)
        parts.extend(_sampled(walk, plan, first, last))
    return joined(parts)


def _cells_of(known: Pickups, least_pickups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Cells to count, ascending, and the rows among them that give training rows."""
    names, pickups = np.unique(known.cells, return_counts=True)
    busy = names[pickups >= least_pickups]
    cells = with_rings(busy)
    return cells, np.searchsorted(cells, busy)


def _base_without(known: Pickups, plan: TrainingPlan, first_ms: int, last_ms: int) -> DemandBase:
    """The usual week of the plan's span without `[first_ms, last_ms)`; of all of it if there is only one fold."""
    out = (known.at_ms < first_ms) | (known.at_ms >= last_ms) if plan.folds > 1 else np.ones(known.at_ms.size, bool)
    spans = ((plan.start_ms, first_ms), (last_ms, plan.end_ms)) if plan.folds > 1 else ((plan.start_ms, plan.end_ms),)
    return measured_base(known.at_ms[out], known.cells[out], spans, plan.time_zone)


def _sampled(walk: Walk, plan: TrainingPlan, first_ms: int, last_ms: int) -> list[Rows]:
    """Rows of every n-th step after the warm-up; horizons take turns, and every fourth sample has no long memory."""
    sampled: list[Rows] = []
    for number, (seen, level) in enumerate(steps(walk, first_ms + STEP_MS * 4, last_ms - HORIZONS_MS[-1])):
        if number % plan.every_steps or seen.now_ms < first_ms + WARM_UP_MS:
            continue
        turn = number // plan.every_steps
        horizon_ms = HORIZONS_MS[turn // 4 % len(HORIZONS_MS)]
        if turn % 4 < 3:
            sampled.append(rows_at(walk, seen, level, horizon_ms))
        else:
            blank = forgetful(seen)
            sampled.append(rows_at(walk, blank, live_level(walk.base, blank, walk.strengths), horizon_ms))
    return sampled


def boosted(rows: Rows, rounds: int) -> xgboost.Booster:
    """Trees on top of the closed form: its logarithm is the base margin."""
    data = xgboost.DMatrix(
        rows.features,
        label=rows.came,
        base_margin=np.log(rows.expected),
        feature_names=[feature.name for feature in FEATURES],
        nthread=1,
    )
    return xgboost.train(PARAMETERS, data, num_boost_round=rounds)


def _parts(base: DemandBase, strengths: PriorStrengths, trees: bytes) -> Parts:
    return Parts(
        meta={
            "format": FORMAT,
            "time_zone": base.time_zone,
            "share_elsewhere": base.share_elsewhere,
            "features": [feature.name for feature in FEATURES],
            "half_lives_ms": list(HALF_LIVES_MS),
            "strengths": _strengths(strengths),
            "correction_band": list(CORRECTION_BAND),
        },
        arrays={"city_per_min": base.city_per_min, "cells": base.cells, "share": base.share},
        trees=trees,
    )


def _strengths(strengths: PriorStrengths) -> dict[str, Any]:
    return {
        "city_long": strengths.city_long,
        "city_short": strengths.city_short,
        "memory": list(strengths.memory),
        "cell": strengths.cell,
    }


def _card(plan: TrainingPlan, known: Pickups, rows: Rows, strengths: PriorStrengths) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "data": {
            "start_ms": plan.start_ms,
            "end_ms": plan.end_ms,
            "pickups": int(known.at_ms.size),
            "rows": len(rows.came),
        },
        "time_zone": plan.time_zone,
        "features": [{"name": feature.name, "unit": feature.unit, "doc": feature.doc} for feature in FEATURES],
        "strengths": _strengths(strengths),
        "parameters": PARAMETERS | {"rounds": plan.rounds},
        "versions": {"xgboost": xgboost.__version__, "numpy": np.__version__},
        "seed": SEED,
    }
