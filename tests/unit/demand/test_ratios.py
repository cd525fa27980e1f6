"""Ratios: the streaming sums are the batch sums, and neither the city's size nor the other rows matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demand.kernel_base import CellShares, along_steps, city_rates, usual_week
from demand.log_linear import fitted
from demand.ratio_walk import INPUTS, OWN_INPUTS, RatioMemory, active_cells, look, walk, with_rings
from demand.ratios import CELL_RATIOS, RATIOS, Sums, cell_ratios, city_ratios, faded_sums
from demand.recorded_days import STEPS_PER_DAY, RecordedDays
from windows.hexagons import disk

TIMES_SQUARE = 0x882A100D67FFFFF
STEP_MS = 300_000
CELLS = with_rings(np.array([TIMES_SQUARE], np.int64))


def made_up(days=9, seed=3, unknown=()):
    """Days around Times Square, busier by day."""
    rng = np.random.default_rng(seed)
    rate = 0.05 * (1.1 + np.sin(np.arange(days * STEPS_PER_DAY) / STEPS_PER_DAY * 2 * np.pi))
    known = np.ones(days, bool)
    known[list(unknown)] = False
    counts = rng.poisson(rate, (CELLS.size, rate.size)).astype(np.uint16) * np.repeat(known, STEPS_PER_DAY)
    city = counts.sum(axis=0, dtype=np.int64)
    return RecordedDays(first_day=735_324, cells=CELLS, counts=counts, city=city, known=known)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_sums_faded_step_by_step_are_those_added_up_at_once(steps, seed):
    """At any instant the streaming form equals the batch form, for cells, expectations and the city."""
    rng = np.random.default_rng(seed)
    counts, expected = rng.poisson(0.4, (3, steps)), rng.gamma(1.0, 0.4, (3, steps))
    memory = RatioMemory(3)
    for step in range(steps):
        memory.add(counts[:, step], expected[:, step], float(counts[:, step].sum()), float(expected[:, step].sum()))
    assert memory.sums.observed[:3] == pytest.approx(faded_sums(counts.astype(float), STEP_MS))
    assert memory.sums.expected[:3] == pytest.approx(faded_sums(expected, STEP_MS))
    assert memory.city.observed == pytest.approx(faded_sums(counts.sum(axis=0).astype(float)[None], STEP_MS)[0])


@settings(max_examples=10, deadline=None)
@given(st.integers(STEPS_PER_DAY, 9 * STEPS_PER_DAY - 1))
def test_inputs_of_a_walk_are_those_of_its_instant(step):
    """Features at a random time equal those made from the recording cut off there, all at once."""
    days, active = made_up(unknown=(4,)), active_cells(CELLS, np.array([TIMES_SQUARE], np.int64))
    [start] = walk(days, active, 1, wanted=lambda at: at == step)
    rates, known = city_rates(days).reshape(-1), np.repeat(days.known, STEPS_PER_DAY)
    seen = known[:step] & (rates[:step] > 0)
    shares = CellShares(CELLS)
    profile = []
    for day in range(days.days):
        profile.append(along_steps(shares.of(int(days.weekdays[day]))))
        if days.known[day]:
            of_day = slice(day * STEPS_PER_DAY, (day + 1) * STEPS_PER_DAY)
            shares.take(days.counts[:, of_day], days.city[of_day], int(days.weekdays[day]))
    expected = np.concatenate(profile, axis=1) * rates
    nobody = np.zeros((1, step))
    sums = Sums(
        observed=faded_sums(np.concatenate([days.counts[:, :step] * seen, nobody]), STEP_MS),
        expected=faded_sums(np.concatenate([expected[:, :step] * seen, nobody]), STEP_MS),
    )
    city = Sums(
        observed=faded_sums((days.city[:step] * seen)[None], STEP_MS)[0],
        expected=faded_sums((rates[:step] * seen)[None], STEP_MS)[0],
    )
    inputs, level = look(sums, city, active)
    assert start.inputs == pytest.approx(inputs, abs=1e-9)
    assert start.level == pytest.approx(level)


def test_a_city_twenty_times_busier_has_the_same_cell_ratios():
    """Cells are measured beside the city: its size changes its own level and nothing else."""
    expected = np.full(6, 400.0)
    for times in (1.0, 20.0):
        logs = city_ratios(Sums(observed=times * expected, expected=expected))
        assert np.exp(logs) == pytest.approx(np.full(6, times), rel=0.06)
        cell = cell_ratios(Sums(observed=times * np.full(6, 9.0), expected=np.full(6, 9.0)), logs, CELL_RATIOS)
        assert cell == pytest.approx(np.zeros(6), abs=0.05)


def test_what_was_never_seen_is_as_usual():
    """Empty sums give ratios of 1."""
    nothing = Sums(observed=np.zeros((2, 6)), expected=np.zeros((2, 6)))
    logs = city_ratios(Sums(observed=np.zeros(6), expected=np.zeros(6)))
    assert logs == pytest.approx(np.zeros(6), abs=1e-6)
    assert cell_ratios(nothing, logs, CELL_RATIOS) == pytest.approx(np.zeros((2, 6)), abs=1e-6)


def test_ratios_are_declared_once():
    """Names are unique, and the model's inputs are the constant, the city beside its hour, cells and rings."""
    assert len({ratio.name for ratio in RATIOS}) == len(RATIOS) == 20
    assert len(INPUTS) == 20
    assert INPUTS[OWN_INPUTS] == "ring_1_20min"


def test_the_usual_day_knows_only_the_days_before_it():
    """Change a day, and neither its own expectation nor an earlier one moves; later ones do."""
    days = made_up()
    busier = days.city.copy()
    busier[5 * STEPS_PER_DAY : 6 * STEPS_PER_DAY] *= 7
    other = RecordedDays(first_day=days.first_day, cells=days.cells, counts=days.counts, city=busier, known=days.known)
    before, after = city_rates(days), city_rates(other)
    assert (before[:6] == after[:6]).all()
    assert (before[6:] != after[6:]).any()


def test_nothing_is_expected_before_anything_is_known():
    """The first day has no usual day behind it; unknown days are skipped."""
    rates = city_rates(made_up(unknown=(0,)))
    assert (rates[:2] == 0).all()
    assert (rates[2:] > 0).all()


def test_the_usual_week_is_what_the_next_days_would_get():
    """The week after the recording, Monday first, agrees with the rates of a day appended to it."""
    days = made_up(days=9)
    longer = RecordedDays(
        first_day=days.first_day,
        cells=CELLS,
        counts=np.pad(days.counts, ((0, 0), (0, STEPS_PER_DAY))),
        city=np.pad(days.city, (0, STEPS_PER_DAY)),
        known=np.append(days.known, True),
    )
    assert (usual_week(days)[longer.weekdays[-1]] == city_rates(longer)[-1]).all()


def test_shares_come_back_to_what_was_counted():
    """A cell with a fifth of the pickups gets about a fifth, and a neighbour nobody rides from almost none."""
    cells = np.array(sorted(disk(TIMES_SQUARE, 1)), np.int64)
    shares = CellShares(cells)
    for weekday in (0, 1, 2, 3, 4, 5, 6, 0, 1, 2):
        counts = np.zeros((7, STEPS_PER_DAY), np.uint16)
        counts[2] = 1
        shares.take(counts, np.full(STEPS_PER_DAY, 5), weekday)
    of_monday = shares.of(0)
    assert of_monday[2] == pytest.approx(np.full(48, 0.2), rel=0.1)
    assert of_monday[5].max() < 0.01


def test_coefficients_are_found_again():
    """Counts drawn with known coefficients give them back."""
    rng = np.random.default_rng(8)
    inputs = np.column_stack([np.ones(40_000), rng.normal(0, 1, (40_000, 2))])
    came = rng.poisson(2.0 * np.exp(inputs @ np.array([0.1, 0.4, -0.2])))
    assert fitted(inputs, came.astype(float), np.full(40_000, 2.0)) == pytest.approx([0.1, 0.4, -0.2], abs=0.02)


def test_nothing_to_fit_is_refused():
    """No rows, no coefficients."""
    with pytest.raises(ValueError, match="at least one row"):
        fitted(np.empty((0, 2)), np.empty(0), np.empty(0))
