"""A backtest: nothing from after a bin reaches its forecast, and it learns what a made-up city does."""

from dataclasses import replace
from datetime import date
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand.counts_spread import quantiles, within
from pricing.learning.forecast_backtest import BacktestPlan, backtest, scores
from pricing.learning.forecast_scores import share_in_squares
from pricing.learning.local_pickups import LocalPickups, history_and_test, pickups_of_csv
from pricing.learning.plain_forecasts import GRID, PlainForecasts
from pricing.models.fitted_forecast import sample_of

FIRST_DAY = date(2014, 4, 1).toordinal()
DAYS, TEST_FROM = 31, 28
CORNERS = ((40.758, -73.985), (40.722, -73.998), (40.775, -73.962))
PLAN = BacktestPlan(resolution=8, bin_min=60, online=True)
FORECASTERS = ("mean", "log_linear", "p10", "p90", "tuned", "last_value", "last_week")


@lru_cache(1)
def pickups():
    """A month at three corners, busier in the evening, and on some days twice as busy as on others."""
    rng = np.random.default_rng(11)
    minute = np.arange(DAYS * 1440)
    level = np.repeat(rng.choice([0.6, 1.0, 1.8], DAYS), 1440)
    rate = 0.12 * level * (1.2 + np.sin((minute % 1440) / 1440 * 2 * np.pi - 2.0))
    minutes = np.repeat(minute, rng.poisson(rate))
    at = np.array(CORNERS)[rng.choice(3, minutes.size, p=[0.6, 0.3, 0.1])]
    return LocalPickups(minutes=FIRST_DAY * 1440 + minutes, lat=at[:, 0], lon=at[:, 1])


def split(of=None):
    """History and test."""
    every = of or pickups()
    return every.between(FIRST_DAY, FIRST_DAY + TEST_FROM), every.between(FIRST_DAY + TEST_FROM, FIRST_DAY + DAYS)


@lru_cache(4)
def forecast(online=True):
    return backtest(*split(), replace(PLAN, online=online))


@lru_cache(1)
def forecast_of_another_test():
    """Offline, of a test that is silent from its second day on."""
    history, test = split()
    return backtest(history, cut(test, (test.first_day + 1) * 1440), replace(PLAN, online=False))


def cut(test, minute):
    """The test without anything from `minute` on, but for one pickup that keeps its last day."""
    kept = test.minutes < minute
    last = np.array([test.minutes[-1]])
    return LocalPickups(
        minutes=np.append(test.minutes[kept], last),
        lat=np.append(test.lat[kept], 40.6),
        lon=np.append(test.lon[kept], -74.2),
    )


@settings(max_examples=3, deadline=None)
@given(st.integers(60, (DAYS - TEST_FROM) * 1440 - 1))
def test_forecasts_before_an_instant_do_not_see_what_comes_after_it(minute):
    """Cut the data off at any instant and forecast again: every bin that starts by then has the same forecast."""
    history, test = split()
    again = backtest(history, cut(test, test.first_day * 1440 + minute), PLAN)
    bins = minute // PLAN.bin_min + 1
    for name in FORECASTERS:
        assert (getattr(again, name)[:, :bins] == getattr(forecast(), name)[:, :bins]).all(), name


def test_choices_are_frozen_before_the_test():
    """Another test changes no weight of the tuned mean, and offline no forecast at all."""
    history, test = split()
    empty = cut(test, test.minutes[0] + 1)
    offline = replace(PLAN, online=False)
    assert backtest(history, empty, offline).weights == forecast().weights
    assert (backtest(history, empty, offline).mean == forecast(online=False).mean).all()


@pytest.mark.parametrize("name", FORECASTERS)
def test_offline_nobody_sees_the_test(name):
    """Of two tests that differ from the second day on the model and the plain forecasts say the same."""
    assert (getattr(forecast_of_another_test(), name) == getattr(forecast(online=False), name)).all()


def test_offline_the_plain_forecasts_repeat_the_end_of_the_history():
    """The last bin, and each weekday's last: known to the first bin they are forecast from, as they are online."""
    online, offline = forecast(), forecast(online=False)
    assert (offline.last_value == online.last_value[:, :1]).all()
    assert (offline.last_week == online.last_week).all()
    assert (offline.tuned[:, 0] == online.tuned[:, 0]).all()
    assert (offline.tuned != online.tuned).any()


def test_what_stands_repeats_by_bin_day_and_week():
    """Fifteen days of two bins, the last eight not seen: the same as if they had been nothing, or anything."""
    counts = np.arange(30.0)[None]
    plain, blind = (
        PlainForecasts(values, np.ones(30, bool), 2, stands_from=14) for values in (counts, np.minimum(counts, 14.0))
    )
    assert plain.last_value()[0, 13:].tolist() == [12.0, *[13.0] * 16]
    assert plain.last_week()[0, 14:].tolist() == [*range(14), 0.0, 1.0]
    for weights in GRID[::97]:
        assert (plain.mean(weights) == blind.mean(weights)).all()


def test_a_model_that_follows_the_city_beats_the_tuned_mean():
    """Days differ in level, which only live ratios can tell: most of the gap closes, and offline much less."""
    draws = np.random.default_rng(1).integers(0, DAYS - TEST_FROM, (200, DAYS - TEST_FROM))
    online, offline = scores(forecast(), draws), scores(forecast(online=False), draws)
    assert online.deviance.share > 0.5
    assert online.errors["model"].deviance < online.errors["tuned historical mean"].deviance
    assert online.errors["model"].deviance < offline.errors["model"].deviance
    assert online.errors["tuned historical mean"].deviance < online.errors["last week"].deviance
    assert online.deviance.low <= online.deviance.share <= online.deviance.high


def test_intervals_cover_what_they_say():
    """Whole numbers from p10 to p90 hold four of five counts or more; with jumps spread evenly four of five."""
    draws = np.zeros((1, DAYS - TEST_FROM), np.int64)
    found = scores(forecast(), draws)
    for covered in (found.covered, found.covered_where_busy):
        assert 0.8 <= covered.whole <= 0.99
        assert covered.spread_evenly == pytest.approx(0.8, abs=0.06)
    assert (forecast().p10 <= forecast().p90).all()


@pytest.mark.parametrize("mean", [0.05, 0.7, 6.0, 40.0])
@pytest.mark.parametrize("spread", [0.0, 0.06])
def test_counts_of_the_stated_spread_are_within_as_often_as_stated(mean, spread):
    """Drawn with the variance 1.04 mean + spread mean², four of five lie between, at any size; if clumpier, fewer."""
    variance = 1.04 * mean + spread * mean**2
    came = (
        np.random.default_rng(6).negative_binomial(mean**2 / (variance - mean), mean / variance, 40_000).astype(float)
    )
    means = np.full(came.size, mean)
    assert within(came, means, spread, low=0.1, high=0.9).mean() == pytest.approx(0.8, abs=0.01)
    assert within(came, means, spread + 0.2, low=0.1, high=0.9).mean() > 0.8
    inside = (came >= quantiles(means, spread, at=0.1)) & (came <= quantiles(means, spread, at=0.9))
    assert inside.mean() >= 0.79


def test_every_bin_and_active_cell_has_a_forecast():
    """Cells by cells of the history, bins by days: none missing, all positive."""
    found = forecast()
    assert found.mean.shape == (3, (DAYS - TEST_FROM) * 24) == found.came.shape
    assert (found.mean > 0).all()
    assert found.scored.all()


def test_a_backtest_twice_is_the_same():
    """Equal files and plan give equal forecasts, to the bit."""
    assert (backtest(*split(), PLAN).mean == forecast().mean).all()


def test_a_test_must_come_after_its_history():
    """Overlapping files are refused by name."""
    history, test = split()
    with pytest.raises(ValueError, match="must begin on a day after"):
        backtest(test, history, PLAN)


def test_a_history_of_one_day_is_too_short():
    """No day lies before it, so nothing is expected of any of its bins, and nothing can be learnt."""
    history, test = split()
    with pytest.raises(ValueError, match="history is too short"):
        backtest(history.between(FIRST_DAY, FIRST_DAY + 1), test, PLAN)


@pytest.mark.parametrize("days", [1, 2, 3, 12, 91])
def test_the_first_day_is_never_learnt_from(days):
    """However short the history."""
    assert sample_of(50, 1, until_day=days).first_day >= 1


def test_bins_are_those_that_fill_an_hour():
    """Other bins are refused by name."""
    with pytest.raises(ValueError, match="bin must be one of 5, 15, 30, 60 minutes, got 7"):
        backtest(*split(), replace(PLAN, bin_min=7))


def test_days_nobody_recorded_are_not_days_without_rides():
    """A gap in the history is unknown; a silent day of the test is not."""
    history, test = split()
    gap = history.minutes // 1440 != FIRST_DAY + 10
    holed = LocalPickups(minutes=history.minutes[gap], lat=history.lat[gap], lon=history.lon[gap])
    days = history_and_test(holed, test, np.unique(history.cells(8)), 8)
    assert np.flatnonzero(~days.known).tolist() == [10]


BROKEN = {
    "a header that is not ours": (["time,lat,lon", "2014-04-01T00:00,40.7,-73.9"], "line 1 must begin with"),
    "a time that is none": (["pickup_local,lat,lon,base", "yesterday,40.7,-73.9,B"], "line 2 must be"),
    "a latitude off the earth": (["pickup_local,lat,lon", "2014-04-01T00:00,91,-73.9"], "line 2 must be"),
    "a latitude that is no number": (["pickup_local,lat,lon", "2014-04-01T00:00,nan,-73.9"], "line 2 must be"),
    "a time of another clock": (
        ["pickup_local,lat,lon", "2014-04-01T00:00-04:00,40.7,-73.9"],
        "line 2 .*without a UTC",
    ),
    "a time of UTC": (["pickup_local,lat,lon", "2014-04-01T00:00Z,40.7,-73.9"], "line 2 .*without a UTC offset"),
    "a day alone": (["pickup_local,lat,lon", "2014-04-01,40.7,-73.9"], "line 2 .*day and time of the local clock"),
    "a row cut short": (["pickup_local,lat,lon", "2014-04-01T00:00,40.7"], "line 2 must be"),
    "no rows": (["pickup_local,lat,lon"], "no pickups"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_line(name):
    """The error names the line and what it must be."""
    lines, said = BROKEN[name]
    with pytest.raises(ValueError, match=said):
        pickups_of_csv(lines)


def test_the_tuned_mean_is_the_best_of_its_grid():
    """Among all points of the grid none has a lower deviance on the bins it was tuned on."""
    rng = np.random.default_rng(4)
    counts = rng.poisson(1.5, (2, 40 * 24)).astype(float)
    plain = PlainForecasts(counts, np.ones(40 * 24, bool), 24)
    fit = slice(28 * 24, None)

    def loss(weights):
        mean = plain.mean(weights)[:, fit]
        return float((mean - counts[:, fit] * np.log(mean)).sum())

    assert loss(plain.tuned(fit)) == pytest.approx(min(loss(weights) for weights in (*GRID[::13], plain.tuned(fit))))


def test_one_who_knows_the_rate_closes_the_whole_gap():
    """Clumping Poisson counts and their true rate: about 1 in squares, whatever the other forecast."""
    rng = np.random.default_rng(2)
    rate = rng.gamma(2.0, 2.0, (20, 30, 24))
    singles, pairs = rng.poisson(rate * 0.96), rng.poisson(rate * 0.02)
    came = (singles + 2 * pairs).astype(float)
    share = share_in_squares(came, rate, np.full_like(rate, rate.mean()), np.arange(30)[None])
    assert share.share == pytest.approx(1.0, abs=0.02)
