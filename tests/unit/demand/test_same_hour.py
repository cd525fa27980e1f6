"""The same hour of other days: equal to its definition bin by bin, and nothing of the bin or after it."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand.holidays import rests
from demand.same_hour import MINUTES_AROUND, SAME_HOURS, same_hours

DAYS = 23


def made_up(per_day, seed=5):
    rng = np.random.default_rng(seed)
    return rng.poisson(1.3, (DAYS * per_day, 3)).astype(float), rng.gamma(2.0, 0.6, (DAYS * per_day, 3))


def slowly(observed, expected, per_day, bin_, cell, declared):
    """The definition: loop over days and over bins whose start is within half an hour of the bin's."""
    reach = MINUTES_AROUND // 2 // (1440 // per_day)
    seen = usual = 0.0
    for day in declared.days:
        for other in range(bin_ - day * per_day - reach, bin_ - day * per_day + reach + 1):
            if other >= 0 and bin_ - day * per_day >= 0:
                seen += observed[other].sum() if declared.of_city else observed[other, cell]
                usual += expected[other].sum() if declared.of_city else expected[other, cell]
    return np.log((seen + declared.prior) / (usual + declared.prior))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([24, 48, 96, 288]), st.floats(0, 1, exclude_max=True), st.integers(0, 2))
def test_ratios_are_those_of_the_definition(per_day, at, cell):
    """At any bin length, instant and cell every ratio is the one the slow loop finds."""
    observed, expected = made_up(per_day)
    bin_ = int(at * len(observed))
    found = same_hours(observed, expected, per_day)[bin_, cell]
    wanted = [slowly(observed, expected, per_day, bin_, cell, declared) for declared in SAME_HOURS]
    assert found == pytest.approx(wanted, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([24, 96, 288]), st.floats(0, 1, exclude_max=True))
def test_nothing_from_a_bin_on_reaches_its_ratios(per_day, at):
    """Cut both sums off at any bin: its ratios and all before it stay, to the bit."""
    observed, expected = made_up(per_day)
    bin_ = int(at * len(observed))
    again = same_hours(*(np.where(np.arange(len(of))[:, None] < bin_, of, 0.0) for of in (observed, expected)), per_day)
    assert (again[: bin_ + 1] == same_hours(observed, expected, per_day)[: bin_ + 1]).all()


def test_a_day_of_which_nothing_is_known_says_nothing():
    """Neither observed nor expected: every ratio is 1, its log 0."""
    nothing = np.zeros((DAYS * 24, 3))
    assert not same_hours(nothing, nothing, 24).any()


@pytest.mark.parametrize("year", [2014, 2020, 2026])
def test_holidays_fall_on_the_weekday_they_are_named_by(year):
    """Six at most a year, none on a weekend; Memorial and Labor Day are Mondays, Thanksgiving a Thursday."""
    found = [day for n in range(366) if rests((day := date(year, 1, 1) + timedelta(n)).toordinal())]
    floating = [(day.month, day.weekday()) for day in found if day.month in (5, 9, 11)]
    assert floating == [(5, 0), (9, 0), (11, 3)]
    assert 3 <= len(found) <= 7
    assert all(day.weekday() < 5 for day in found)
