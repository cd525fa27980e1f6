"""A backtest: fit on a history, freeze, forecast every bin of a test span, and compare with plain forecasts.

Coefficients, trees and the weights of the tuned mean see the history only. Online, the ratios and the usual week
follow the test as it comes, each bin forecast from what lies before it; otherwise all stands as at the history's end,
plain forecasts included.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.counts_spread import quantiles, within
from demand.ratio_walk import Active, active_cells, walk, with_rings
from demand.recorded_days import STEP_MIN, STEPS_PER_DAY, RecordedDays
from demand.same_hour import same_hours
from pricing.learning.forecast_scores import (
    LEAST_MEAN,
    Errors,
    ErrorsRecur,
    GapShare,
    errors,
    errors_recur,
    noise_floor,
    share_in_deviance,
    share_in_squares,
)
from pricing.learning.local_pickups import LocalPickups, busy_cells, history_and_test
from pricing.learning.plain_forecasts import MeanWeights, PlainForecasts
from pricing.models.fitted_forecast import Rows, fit, joined, rows_of, sample_of

Floats = NDArray[np.float64]
# Hears the number of the day walked through, and of how many.
Told = Callable[[int, int], None]
BIN_MINUTES = (5, 15, 30, 60)
LOW, HIGH = 0.1, 0.9
# Forecasts of so many pickups and more, where whole numbers hardly blur an interval.
BUSY_MEAN = 5.0
# The tuned mean is tuned on days that have four weeks behind them.
_TUNED_FROM_DAY = 28


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestPlan:
    """What to forecast: cells of `resolution` with `least_per_day` pickups a day in the history, in `bin_min` bins.

    Scores are over those with `scored_per_day`. `online`: whether ratios follow the test.
    """

    resolution: int
    bin_min: int
    online: bool
    least_per_day: float = 1.0
    scored_per_day: float = 4.0

    @property
    def bin_steps(self) -> int:
        """Steps of five minutes in a bin."""
        return self.bin_min // STEP_MIN


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forecasts:
    """Forecasts of the test's bins, float64[cells, bins], and what came; `scored` bool[cells].

    `spread` as `demand.counts_spread` has it: what p10 and p90 were made with.
    """

    first_day: int
    cells: NDArray[np.int64]
    scored: NDArray[np.bool_]
    came: Floats
    log_linear: Floats
    mean: Floats
    p10: Floats
    p90: Floats
    spread: float
    tuned: Floats
    last_value: Floats
    last_week: Floats
    weights: MeanWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Of `bins` counts: the part within the whole numbers [p10, p90], and that with each count's jump spread evenly.

    The second is 0.8 if the spread is right, whatever the size of the counts.
    """

    bins: int
    whole: float
    spread_evenly: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Errors by forecaster, shares of the gap, how much intervals cover, and whether errors recur."""

    cells: int
    bins: int
    errors: dict[str, Errors]
    deviance: GapShare
    squares: GapShare
    covered: Coverage
    covered_where_busy: Coverage | None
    recur: ErrorsRecur


def unheard(_day: int, _days: int) -> None:
    """Nobody listens."""


def backtest(history: LocalPickups, test: LocalPickups, plan: BacktestPlan, *, told: Told = unheard) -> Forecasts:
    """Forecasts for every bin of the test's days; `told` hears of each day walked through.

    Raises ValueError if the bin is none of `BIN_MINUTES`, the test begins too early, or no cell is busy enough.
    """
    if plan.bin_min not in BIN_MINUTES:
        raise ValueError(f"bin must be one of {', '.join(map(str, BIN_MINUTES))} minutes, got {plan.bin_min}")
    known_cells = history.cells(plan.resolution)
    recorded = np.unique(history.minutes // 1440).size
    active = busy_cells(known_cells, least=plan.least_per_day * recorded)
    scored = busy_cells(known_cells, least=plan.scored_per_day * recorded)
    if not scored.size:
        raise ValueError(f"no cell of the history has {plan.scored_per_day:g} pickups a day")
    days = history_and_test(history, test, with_rings(active), plan.resolution)
    test_day = test.first_day - history.first_day
    at, is_scored = active_cells(days.cells, active), np.isin(active, scored)
    learnt, asked = _rows(days, at, plan, test_day=test_day, learn_from=is_scored, told=told)
    fitted = fit(learnt)
    log_linear, mean = (values.reshape(-1, active.size).T for values in (fitted.log_linear(asked), fitted.mean(asked)))
    first = test_day * STEPS_PER_DAY // plan.bin_steps
    plain = _plain(days, at, plan, stands_from=None if plan.online else first)
    weights = plain.tuned(slice(min(_TUNED_FROM_DAY, test_day // 2) * STEPS_PER_DAY // plan.bin_steps, first))
    return Forecasts(
        first_day=test.first_day,
        cells=active,
        scored=is_scored,
        came=_binned(days, at, plan.bin_steps)[:, first:],
        log_linear=log_linear,
        mean=mean,
        p10=quantiles(mean, fitted.spread, at=LOW),
        p90=quantiles(mean, fitted.spread, at=HIGH),
        spread=fitted.spread,
        tuned=plain.mean(weights)[:, first:],
        last_value=plain.last_value()[:, first:],
        last_week=plain.last_week()[:, first:],
        weights=weights,
    )


def _rows(
    days: RecordedDays, at: Active, plan: BacktestPlan, *, test_day: int, learn_from: NDArray[np.bool_], told: Told
) -> tuple[Rows, Rows]:
    """Rows to learn from, of the cells `learn_from` bool[a], and rows of every bin and cell of the test."""
    seen = days if plan.online else days.without_days_from(test_day)
    sample = sample_of(int(learn_from.sum()), plan.bin_steps, until_day=test_day)
    test_bin = test_day * STEPS_PER_DAY // plan.bin_steps
    kept: dict[int, Rows] = {}
    expected = np.zeros((days.known.size * STEPS_PER_DAY // plan.bin_steps, at.rows.size))
    for start in walk(seen, at, plan.bin_steps):
        number = start.step // plan.bin_steps
        expected[number] = start.usual * start.level
        if number >= test_bin or sample.holds(start.step, days, plan.bin_steps):
            kept[number] = rows_of(start, days, at, plan.bin_steps)
        if start.step % STEPS_PER_DAY == 0:
            told(start.step // STEPS_PER_DAY + 1, days.days)
    past = _past(seen, at, expected, plan.bin_steps)
    learnt = [rows.beside(past[number]).only(learn_from) for number, rows in kept.items() if number < test_bin]
    return joined(learnt), joined([rows.beside(past[number]) for number, rows in kept.items() if number >= test_bin])


def _past(seen: RecordedDays, at: Active, expected: Floats, bin_steps: int) -> NDArray[np.float32]:
    """The same hour of other days, float32[bins, a, len(SAME_HOURS)], where `expected` float64[bins, a]."""
    per_day = STEPS_PER_DAY // bin_steps
    known = np.repeat(seen.known, per_day)[:, None] & (expected > 0.0)
    return same_hours(np.where(known, _binned(seen, at, bin_steps).T, 0.0), np.where(known, expected, 0.0), per_day)


def _binned(days: RecordedDays, at: Active, bin_steps: int) -> Floats:
    counts = days.counts[at.rows].astype(np.float64)
    binned: Floats = counts.reshape(at.rows.size, -1, bin_steps).sum(axis=2)
    return binned


def _plain(days: RecordedDays, at: Active, plan: BacktestPlan, *, stands_from: int | None) -> PlainForecasts:
    per_day = STEPS_PER_DAY // plan.bin_steps
    known = np.repeat(days.known, per_day)
    return PlainForecasts(_binned(days, at, plan.bin_steps), known, per_day, stands_from=stands_from)


def scores(forecasts: Forecasts, draws: NDArray[np.int64]) -> Scores:
    """The scores over the scored cells; `draws` int64[B, days] are the days of each bootstrap sample."""
    rows = forecasts.scored
    days = draws.shape[1]

    def of(values: Floats) -> Floats:
        kept = values[rows]
        return kept.reshape(len(kept), days, -1)

    came, mean, tuned = of(forecasts.came), of(forecasts.mean), of(forecasts.tuned)
    by_name = {
        "last value": of(forecasts.last_value),
        "last week": of(forecasts.last_week),
        "tuned historical mean": tuned,
        "log-linear": of(forecasts.log_linear),
        "model": mean,
    }
    busy = mean >= BUSY_MEAN
    return Scores(
        cells=int(rows.sum()),
        bins=came[0].size,
        errors={name: errors(came, values) for name, values in by_name.items()}
        | {"noise floor": noise_floor(came, np.maximum(mean, LEAST_MEAN))},
        deviance=share_in_deviance(came, np.maximum(mean, LEAST_MEAN), tuned, draws),
        squares=share_in_squares(came, mean, tuned, draws),
        covered=_coverage(forecasts, rows[:, None] & (forecasts.mean > 0.0)),
        recur=errors_recur(came, np.maximum(mean, LEAST_MEAN)),
        covered_where_busy=_coverage(forecasts, rows[:, None] & (forecasts.mean >= BUSY_MEAN)) if busy.any() else None,
    )


def _coverage(forecasts: Forecasts, chosen: NDArray[np.bool_]) -> Coverage:
    came, mean = forecasts.came[chosen], forecasts.mean[chosen]
    whole = (came >= forecasts.p10[chosen]) & (came <= forecasts.p90[chosen])
    evenly = within(came, mean, forecasts.spread, low=LOW, high=HIGH)
    return Coverage(bins=came.size, whole=float(whole.mean()), spread_evenly=float(evenly.mean()))
