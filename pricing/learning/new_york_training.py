"""The model shipped with the project: trained on April to June 2014 of the pickups, scored on July and August."""

from dataclasses import asdict, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pricing.learning.forecast_backtest import BacktestPlan, Scores, backtest, scores
from pricing.learning.local_pickups import LocalPickups
from pricing.learning.train import TrainedModel, TrainingPlan, train
from pricing.models.demand_model import HORIZONS_MIN
from windows.hexagons import CELL_RESOLUTION

TIME_ZONE = "America/New_York"
SOURCE = "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
TRAINED_FROM, SCORED_FROM, SCORED_TO = (date(2014, month, 1).toordinal() for month in (4, 7, 9))
SCORED_DAYS = SCORED_TO - SCORED_FROM
SELECTION_NOTE = (
    "Widths, priors, depth and rounds were chosen on April to June by two-fold cross-validation; July and August were "
    "looked at while forms were compared (docs/forecast.md) and then scored with the frozen choices."
)
SCORED_NOTE = (
    "The backtest's form fitted on April to June, forecasting July and August online: its usual week follows by day, "
    "holidays are Sundays and its trees see the same hour of other days. The artefact has none of the three: its usual "
    "week is the one that was known at the end of June."
)


def training_plan() -> TrainingPlan:
    """April to June 2014."""
    return TrainingPlan(time_zone=TIME_ZONE, start_day=TRAINED_FROM, end_day=SCORED_FROM)


def new_york_model(pickups: LocalPickups, draws: NDArray[np.int64]) -> TrainedModel:
    """The demand model of New York with its scores on the card; some minutes of one core.

    `draws` int64[B, 62] are the days of each bootstrap sample of July and August.
    """
    trained = train(pickups, training_plan())
    history, test = pickups.between(TRAINED_FROM, SCORED_FROM), pickups.between(SCORED_FROM, SCORED_TO)
    by_horizon = {}
    for horizon_min in HORIZONS_MIN:
        plan = BacktestPlan(resolution=CELL_RESOLUTION, bin_min=horizon_min, online=True, least_per_day=4.0)
        found = backtest(history, test, plan)
        by_horizon[str(horizon_min)] = _rounded(scores(found, draws)) | {"tuned_mean": asdict(found.weights)}
    extra = {
        "source": SOURCE,
        "selection": SELECTION_NOTE,
        "scored": SCORED_NOTE,
        "backtest_by_horizon_min": by_horizon,
    }
    return replace(trained, card=trained.card | extra)


def _rounded(found: Scores) -> dict[str, Any]:
    """The scores for the card: to four digits, so that the card is the same everywhere."""
    errors = {name: {"rmse": round(of.rmse, 4), "deviance": round(of.deviance, 4)} for name, of in found.errors.items()}
    shares = {
        name: [round(part, 3) for part in (share.share, share.low, share.high)]
        for name, share in (("deviance", found.deviance), ("squared_error", found.squares))
    }
    return {"cells": found.cells, "errors": errors, "share_of_gap_with_interval": shares}
