"""Recorded pickups are counted in full, however many fall together, or refused by the cell they fall in."""

import numpy as np
import pytest

from demand.recorded_days import STEPS_PER_DAY, recorded_days

CELLS = np.array([0x882A100D65FFFFF, 0x882A100D67FFFFF], np.int64)


def days_of(pickups):
    """A day from (local minute, cell or another, how many)."""
    minutes, cells = (np.repeat([one[at] for one in pickups], [one[2] for one in pickups]) for at in (0, 1))
    return recorded_days(minutes, cells, CELLS, first_day=0, known=np.ones(1, bool))


@pytest.mark.parametrize("many", [1, 255, 256, 300, 65_535])
def test_equal_pickups_of_one_step_are_all_counted(many):
    """A stadium empties: the cell has what the city has."""
    days = days_of([(7, CELLS[1], many), (9, CELLS[1], 0), (12, CELLS[0], 2)])
    assert days.counts.max() == days.city.max() == max(many, 2)
    assert days.counts[:, 1].tolist() == [0, many]
    assert days.counts.sum(axis=0).tolist() == days.city.tolist()


def test_more_pickups_than_a_count_holds_are_refused_by_cell():
    """Better no forecast than one fitted on what is left after an overflow."""
    with pytest.raises(ValueError, match="at most 65,535 pickups in five minutes, 882a100d67fffff has 65,536"):
        days_of([(7, CELLS[1], 65_536)])


def test_pickups_of_cells_without_a_row_count_for_the_city_only():
    """A cell before, between or behind those counted changes no row."""
    others = [(3, CELLS[0] + place, 2) for place in (-1, 1, 1 << 40)]
    days = days_of([*others, (3, CELLS[0], 5)])
    assert days.city[0] == 11
    assert (days.counts[:, 0].tolist(), days.counts.shape) == ([5, 0], (2, STEPS_PER_DAY))


def test_an_axis_may_begin_and_end_with_empty_days():
    """Its first day is the one that is said, not that of the first pickup."""
    days = recorded_days(np.array([1_445, 1_450]), CELLS, CELLS, first_day=0, known=np.array([False, True, False]))
    assert (days.first_day, days.days) == (0, 3)
    assert np.flatnonzero(days.city).tolist() == [STEPS_PER_DAY + 1, STEPS_PER_DAY + 2]


@pytest.mark.parametrize("first_day", [2, -3])
def test_pickups_outside_the_axis_are_refused(first_day):
    """Before its first day as after its last."""
    with pytest.raises(ValueError, match="known must cover every pickup"):
        recorded_days(np.array([1_445, 1_450]), CELLS, CELLS, first_day=first_day, known=np.ones(3, bool))


def test_days_masked_leave_the_days_before_as_they_were():
    """From the day on nothing is known and nothing was counted."""
    days = recorded_days(np.array([5, 1_445]), CELLS, CELLS, first_day=0, known=np.ones(2, bool))
    masked = days.without_days_from(1)
    assert masked.known.tolist() == [True, False]
    assert (masked.counts[0, 1], masked.counts.sum(), masked.city.sum()) == (1, 1, 1)
    assert days.counts.sum() == 2
