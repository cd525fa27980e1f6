"""Trees asked for few rows and for many: XGBoost's own call, smaller trees, and the same trees compiled.

A tick asks for the dozens of rows of one zone, a worker's busy zones for a hundred and fifty, a backtest for thousands.
All contestants correct one log-linear forecast and were fitted on the same rows, pickups of June 2014; their error is
the mean Poisson deviance on the first half of July, beside the forecast that no tree corrects.

    plain      the trees of the demand model, by XGBoost's quickest call, `inplace_predict` on one thread
    deep       200 trees of depth 6, as one would begin with
    pruned     the first third of the plain trees
    distilled  a third as many trees of depth 2, fitted to what the plain ones say
    loop       the plain trees as arrays walked by a compiled loop, `pricing.models.compiled_trees`: what prices
    arrays     the same arrays, all splits of all trees compared at once by numpy
"""

import gzip
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import xgboost
from numpy.typing import NDArray

from bench.city import PICKUPS
from bench.measured import Contestant, Figures, JobResult, Outcome, percentile, turns
from demand.log_linear import exponent, fitted
from demand.ratio_walk import RatioMemory, active_cells, walk, with_rings
from demand.recorded_days import STEP_MIN, STEPS_PER_DAY, RecordedDays, recorded_days
from pricing.learning.local_pickups import busy_cells, pickups_of_csv
from pricing.models.compiled_trees import CompiledTrees, compiled
from pricing.models.demand_features import FEATURES
from pricing.models.fitted_forecast import PARAMETERS, RISING, ROUNDS, Rows, banded, boosted, joined, rows_of
from windows.hexagons import CELL_RESOLUTION

SIZES = (1, 150, 6_000)
ROUNDS_COUNTED, QUICK_ROUNDS = 15, 5
CALLS = {1: 200, 150: 100, 6_000: 5}
BIN_MIN = 15
LEAST_PER_DAY = 4.0
FROM, CUT, UNTIL = (date(2014, month, day).toordinal() for month, day in ((6, 1), (7, 1), (7, 15)))
SMALLER = ROUNDS // 3
DEEP = {"max_depth": 6, "min_child_weight": 20}
Ask = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rival:
    contestant: Contestant
    ask: Ask


def measure(*, quick: bool) -> JobResult:
    """Measure all of them; about a minute, most of it for the rows."""
    history, test = rows()
    coefficients = fitted(history.inputs, history.came, history.usual, rising=RISING)
    rivals = _rivals(history, np.log(history.usual) + exponent(history.inputs, coefficients))
    errors = {each.contestant.name: _deviance(test, coefficients, each.ask) for each in rivals}
    asked = {size: test.features[:size] for size in SIZES}
    for each in rivals:
        for size in SIZES:
            each.ask(asked[size])  # compiled and warm
    found: dict[str, list[Figures]] = {each.contestant.name: [] for each in rivals}
    for order in turns(rivals, QUICK_ROUNDS if quick else ROUNDS_COUNTED):
        for each in order:
            times = {f"rows_{size}_us": _microseconds(each.ask, asked[size], CALLS[size]) for size in SIZES}
            found[each.contestant.name].append(times | {"deviance": errors[each.contestant.name]})
    return JobResult(
        job="inference",
        about="Correct a demand forecast by trees, for 1, 150 and 6,000 rows",
        headline="rows_150_us",
        outcomes=[Outcome(contestant=each.contestant, rounds=found[each.contestant.name]) for each in rivals],
        facts={
            "rows_fitted_on": history.came.size,
            "rows_scored": test.came.size,
            "deviance_without_trees": round(
                _deviance(test, coefficients, lambda rows: np.zeros(len(rows), np.float32)), 5
            ),
            "largest_difference_of_arrays_from_plain": _largest(rivals, test, "arrays"),
            "largest_difference_of_loop_from_plain": _largest(rivals, test, "loop"),
        },
    )


def rows() -> tuple[Rows, Rows]:
    """Rows of June to fit on and of July to score, bins of a quarter of an hour, each as it was known then."""
    with gzip.open(PICKUPS, "rt", encoding="utf-8") as lines:
        known = pickups_of_csv(lines).between(FROM, UNTIL)
    cells = known.cells(CELL_RESOLUTION)
    busy = busy_cells(cells, least=LEAST_PER_DAY * (UNTIL - FROM))
    days = recorded_days(known.minutes, cells, with_rings(busy), first_day=FROM, known=np.ones(UNTIL - FROM, bool))
    return _parted(days, busy)


def _parted(days: RecordedDays, busy: NDArray[np.int64]) -> tuple[Rows, Rows]:
    steps, cut = BIN_MIN // STEP_MIN, (CUT - FROM) * STEPS_PER_DAY
    active = active_cells(days.cells, busy)
    before: list[Rows] = []
    after: list[Rows] = []
    for start in walk(days, active, steps, memory=RatioMemory(days.cells.size)):
        if start.step >= 7 * STEPS_PER_DAY:  # the first week teaches nothing
            (before if start.step < cut else after).append(rows_of(start, days, active, steps))
    return joined(before), joined(after)


def _rivals(history: Rows, margin: NDArray[np.float64]) -> list[_Rival]:
    plain = boosted(history.features, history.came, margin)
    deep = _boosted(history, margin, PARAMETERS | DEEP, 200)
    taught = _by_xgboost(plain)(history.features).astype(np.float64)
    small = PARAMETERS | {"objective": "reg:squarederror", "max_depth": 2, "eta": 0.2, "base_score": 0.0}
    data = xgboost.DMatrix(history.features, label=taught, nthread=1)
    arrays = compiled(plain)
    size = f"{ROUNDS} of depth {PARAMETERS['max_depth']}"
    return [
        _Rival(contestant=_named("loop", size), ask=arrays.margins),
        _Rival(contestant=_named("plain", size), ask=_by_xgboost(plain)),
        _Rival(contestant=_named("deep", "200 of depth 6"), ask=_by_xgboost(deep)),
        _Rival(
            contestant=_named("pruned", f"{SMALLER} of depth {PARAMETERS['max_depth']}"),
            ask=_by_xgboost(plain[:SMALLER]),
        ),
        _Rival(
            contestant=_named("distilled", f"{SMALLER} of depth 2"),
            ask=_by_xgboost(xgboost.train(small, data, num_boost_round=SMALLER)),
        ),
        _Rival(contestant=_named("arrays", size), ask=_by_arrays(arrays)),
    ]


def _named(name: str, trees: str) -> Contestant:
    return Contestant(name=name, guarantee="keeps nothing", configuration={"trees": trees, "threads": 1})


def _boosted(history: Rows, margin: NDArray[np.float64], parameters: dict[str, object], number: int) -> xgboost.Booster:
    names = [feature.name for feature in FEATURES]
    data = xgboost.DMatrix(history.features, label=history.came, base_margin=margin, feature_names=names, nthread=1)
    return xgboost.train(parameters, data, num_boost_round=number)


def _by_xgboost(trees: xgboost.Booster) -> Ask:
    trees.set_param({"nthread": 1})

    def ask(features: NDArray[np.float32]) -> NDArray[np.float32]:
        base = np.zeros(len(features), np.float32)
        found: NDArray[np.float32] = trees.inplace_predict(features, base_margin=base, predict_type="margin")
        return found

    return ask


def _by_arrays(trees: CompiledTrees) -> Ask:
    """All splits of all trees compared at once, level by level, then each level halves what is left."""
    levels = [slice((1 << level) - 1, (2 << level) - 1) for level in range(trees.depth)]

    def ask(rows: NDArray[np.float32]) -> NDArray[np.float32]:
        columns, left = np.ascontiguousarray(rows.T), trees.leaves[:, :, None]
        for level in reversed(levels):
            goes_left = columns[trees.features[level]] < trees.thresholds[level][:, :, None]
            left = np.where(goes_left, left[0::2], left[1::2])
        parts = np.broadcast_to(left[0], (left.shape[1], len(rows)))
        total: NDArray[np.float32] = np.add.accumulate(parts, axis=0)[-1]
        return total

    return ask


def _microseconds(ask: Ask, features: NDArray[np.float32], calls: int) -> float:
    """Processor time of a call, microseconds: the median of several."""
    spent = []
    for _ in range(calls):
        begun = time.thread_time_ns()
        ask(features)
        spent.append((time.thread_time_ns() - begun) / 1e3)
    return percentile(spent, 0.5)


def _deviance(test: Rows, coefficients: NDArray[np.float64], ask: Ask) -> float:
    """Mean Poisson deviance of the corrected forecast on the rows."""
    mean = test.usual * np.exp(exponent(test.inputs, coefficients)) * banded(ask(test.features))
    came = test.came
    gained = np.where(came > 0.0, came * np.log(np.maximum(came, 1.0) / mean), 0.0)
    return float(np.mean(2.0 * (gained - (came - mean))))


def _largest(rivals: list[_Rival], test: Rows, name: str) -> float:
    """Largest difference of a compiled margin from XGBoost's own, over all scored rows."""
    by_name = {each.contestant.name: each.ask for each in rivals}
    return float(np.max(np.abs(by_name[name](test.features) - by_name["plain"](test.features))))
