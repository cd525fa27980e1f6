"""How good a model of pickup time or acceptance is on offers it was not fitted on, beside simpler and stronger ones.

    assumed       the closed form of `models.eta` or `models.conversion`: what prices without a model
    usual         the mean of the hour of the day, whatever cars stood there or the price was
    fitted        the model
    trees         XGBoost on all columns, monotone as the model is: what its shape leaves on the table

Deviances are those of the likelihoods the models are fitted by, Gamma for waits and Bernoulli for acceptance; lower is
better.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
import xgboost
from numpy.typing import NDArray

from pricing.learning.offers import Offers
from pricing.models.acceptance import Acceptance
from pricing.models.conversion import chance_at_rest, price_factor
from pricing.models.eta import Waits, eta_s

Floats = NDArray[np.float64]
GROUPS = 10
HOUR_MS = 3_600_000
SHORTEST_S = 1.0
TREES = {"max_depth": 4, "eta": 0.1, "nthread": 1, "seed": 2014, "tree_method": "hist", "min_child_weight": 20}
TREE_ROUNDS = 80
_Z95 = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """`bias` is predicted less seen, `deviance` per offer; `error` RMSE in seconds, or the Brier score of a chance."""

    error: float
    bias: float
    deviance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A tenth of the offers by what was predicted: the mean predicted, the mean seen and its 95 % interval."""

    offers: int
    predicted: float
    seen: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Scores by model, and how the fitted and the assumed one stand against what was seen, group by group."""

    offers: int
    scores: Mapping[str, Score]
    fitted: list[Group]
    assumed: list[Group]


def waits_scored(model: Waits, history: Offers, test: Offers) -> Calibration:
    """Of offers that ended in a ride; `history` is what the model was fitted on.

    Raises ValueError if the test has none.
    """
    seen, before = test.only(test.picked), history.only(history.picked)
    _refuse_none(seen, "offers that ended in a ride")
    wait_s = np.maximum(seen.wait_s, SHORTEST_S)
    told = {
        "assumed": eta_s(seen.idle_per_km2),
        "usual": _by_hour(before, np.maximum(before.wait_s, SHORTEST_S), seen),
        "fitted": eta_s(seen.idle_per_km2, model),
        "trees": _trees(before, np.maximum(before.wait_s, SHORTEST_S), seen, "reg:gamma", (-1, 0, 0, 0)),
    }
    return _calibration(told, wait_s, _gamma, sqrt)


def acceptance_scored(model: Acceptance, history: Offers, test: Offers) -> Calibration:
    """Of offers that told a wait; `history` is what the model was fitted on.

    Raises ValueError if the test has none.
    """
    seen, before = test.only(test.eta_s >= 0.0), history.only(history.eta_s >= 0.0)
    _refuse_none(seen, "offers that told a wait")
    taken = seen.accepted.astype(np.float64)
    told = {
        "assumed": chance_at_rest(seen.eta_s) * price_factor(seen.multiplier),
        "usual": _by_hour(before, before.accepted.astype(np.float64), seen),
        "fitted": model.chance(seen.multiplier, seen.eta_s),
        "trees": _trees(before, before.accepted.astype(np.float64), seen, "binary:logistic", (0, 0, -1, 0, -1)),
    }
    return _calibration(told, taken, _bernoulli, lambda brier: brier)


def _refuse_none(seen: Offers, what: str) -> None:
    if not seen.at_ms.size:
        raise ValueError(f"the test must hold {what}, got none")


def _calibration(
    told: Mapping[str, Floats],
    seen: Floats,
    deviance: Callable[[Floats, Floats], Floats],
    of_squares: Callable[[float], float],
) -> Calibration:
    scores = {
        name: Score(
            error=round(float(of_squares(float(np.mean(np.square(seen - one))))), 4),
            bias=round(float(np.mean(one - seen)), 4),
            deviance=round(float(np.mean(deviance(seen, one))), 4),
        )
        for name, one in told.items()
    }
    return Calibration(
        offers=seen.size,
        scores=scores,
        fitted=groups_of(told["fitted"], seen),
        assumed=groups_of(told["assumed"], seen),
    )


def groups_of(predicted: Floats, seen: Floats) -> list[Group]:
    """Tenths by prediction, lowest first, the same prediction in the order given.

    >>> [(g.offers, g.predicted, g.seen) for g in groups_of(np.arange(20.0), np.arange(20.0) + 1)][:2]
    [(2, 0.5, 1.5), (2, 2.5, 3.5)]
    """
    found = []
    for rows in np.array_split(np.argsort(predicted, kind="stable"), GROUPS):
        if rows.size:
            mean, spread = float(np.mean(seen[rows])), float(np.std(seen[rows]))
            half = _Z95 * spread / float(np.sqrt(rows.size))
            found.append(
                Group(
                    offers=rows.size,
                    predicted=round(float(np.mean(predicted[rows])), 4),
                    seen=round(mean, 4),
                    low=round(mean - half, 4),
                    high=round(mean + half, 4),
                )
            )
    return found


def _gamma(seen: Floats, told: Floats) -> Floats:
    deviance: Floats = 2.0 * ((seen - told) / told - np.log(seen / told))
    return deviance


def _bernoulli(seen: Floats, told: Floats) -> Floats:
    chance = np.clip(told, 1e-6, 1.0 - 1e-6)
    deviance: Floats = -2.0 * np.where(seen > 0.0, np.log(chance), np.log(1.0 - chance))
    return deviance


def _by_hour(history: Offers, seen: Floats, test: Offers) -> Floats:
    """Mean of the hour of the day (UTC), of all where an hour has none."""
    hours = history.at_ms // HOUR_MS % 24
    sums, counts = np.bincount(hours, seen, minlength=24), np.bincount(hours, minlength=24)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.mean(seen))
    return means[test.at_ms // HOUR_MS % 24]


def _trees(history: Offers, seen: Floats, test: Offers, objective: str, signs: tuple[int, ...]) -> Floats:
    """What monotone trees say: the columns are density, hour, price, product and, of acceptance, the wait told.

    A wait told may know more than the counts do, as that of the simulated city does: it foretells no wait.
    """
    columns = len(signs)
    products = np.unique(history.product)
    data = xgboost.DMatrix(_columns(history, products)[:, :columns], label=seen, nthread=1)
    parameters = TREES | {"objective": objective, "monotone_constraints": str(signs)}
    fitted = xgboost.train(parameters, data, num_boost_round=TREE_ROUNDS)
    told: Floats = fitted.predict(xgboost.DMatrix(_columns(test, products)[:, :columns], nthread=1)).astype(np.float64)
    return told


def _columns(offers: Offers, products: NDArray[np.str_]) -> Floats:
    """Float64[n, 5]; a product is its number among `products`, ascending, NaN where it is none of them."""
    at = np.minimum(np.searchsorted(products, offers.product), products.size - 1)
    product = np.where(products[at] == offers.product, at, np.nan)
    hour = (offers.at_ms // HOUR_MS % 24).astype(np.float64)
    return np.stack([offers.idle_per_km2, hour, offers.multiplier, product, offers.eta_s], axis=1)
