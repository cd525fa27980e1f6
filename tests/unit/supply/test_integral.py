"""Car-milliseconds against the definition, millisecond by millisecond."""

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supply.integral import car_ms, spans
from windows.panes import pane_start


@given(st.integers(0, 50_000), st.integers(0, 40_000))
def test_every_millisecond_falls_into_its_pane_once(since_ms, length_ms):
    """The spans of an interval are its milliseconds, grouped by pane."""
    now_ms = since_ms + length_ms
    assert dict(spans(since_ms, now_ms)) == Counter(pane_start(at_ms) for at_ms in range(since_ms, now_ms))


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=10), st.integers(0, 9))
def test_cutting_an_interval_changes_nothing(instants, cars):
    """The integral of a constant count does not depend on how often it was taken."""
    instants = sorted(instants)
    total = Counter()
    for since_ms, now_ms in pairwise(instants):
        total.update({pane: int(ms) for pane, ms in car_ms(np.array(cars), since_ms=since_ms, now_ms=now_ms).items()})
    assert total == {pane: cars * ms for pane, ms in spans(instants[0], instants[-1])}


@pytest.mark.parametrize("now_ms", [20_000, 19_999, 0])
def test_a_clock_that_stands_or_goes_back_adds_nothing(now_ms):
    """A zombie's earlier clock never takes supply away."""
    assert car_ms(np.array([5]), since_ms=20_000, now_ms=now_ms) == {}


def test_car_milliseconds_do_not_overflow():
    """A thousand cars for an hour exceed 32 bits."""
    added = car_ms(np.full((1, 2), 1_000_000, np.int32), since_ms=0, now_ms=10_000)
    assert added[0].tolist() == [[10_000_000_000, 10_000_000_000]]
