"""Panes, grace and windows of event time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from windows.panes import (
    BUCKET_MS,
    GRACE_MS,
    PANE_MS,
    WINDOWS_MS,
    bucket_start,
    grace_end,
    is_from_future,
    is_late,
    oldest_open_pane,
    pane_start,
    window_panes,
)

INSTANTS = st.integers(0, 2**45)


@pytest.mark.parametrize(
    ("at_ms", "appended_ms", "late"),
    [
        # pane [20, 30) s ── grace ──> 50 s
        (20_000, 50_000, False),
        (20_000, 50_001, True),
        (29_999, 50_000, False),
        (29_999, 50_001, True),
        (30_000, 50_001, False),
        (30_000, 60_001, True),
    ],
)
def test_late_is_appended_after_pane_end_and_grace(at_ms, appended_ms, late):
    """An event is late when appended after its pane's end and grace, the last instant included in grace."""
    assert is_late(at_ms, appended_ms) is late
    assert is_late(np.array([at_ms]), np.array([appended_ms])).tolist() == [late]


@given(INSTANTS)
def test_every_instant_lies_in_its_pane_and_bucket(at_ms):
    """Panes and buckets are half-open, aligned to the epoch, and a pane never crosses a bucket's border."""
    pane, bucket = pane_start(at_ms), bucket_start(at_ms)
    assert pane % PANE_MS == bucket % BUCKET_MS == 0
    assert pane <= at_ms < pane + PANE_MS
    assert bucket <= pane < pane + PANE_MS <= bucket + BUCKET_MS
    assert grace_end(at_ms) == pane + PANE_MS + GRACE_MS


@given(INSTANTS)
def test_the_oldest_open_pane_takes_what_its_predecessor_refuses(appended_ms):
    """At any append time the oldest open pane is in time and the one before it is late."""
    oldest = oldest_open_pane(appended_ms)
    assert oldest % PANE_MS == 0
    assert not is_late(oldest, appended_ms)
    assert is_late(oldest - 1, appended_ms)


@given(INSTANTS, st.sampled_from(WINDOWS_MS))
def test_a_window_weighs_each_millisecond_once(now_ms, window_ms):
    """The closed panes of a window, weighted, and what has passed of the open one add up to its length."""
    panes = window_panes(now_ms, window_ms)
    starts = [start for start, _ in panes]
    assert starts == list(range(starts[0], pane_start(now_ms) + 1, PANE_MS))
    passed = sum(weight * PANE_MS for _, weight in panes[:-1]) + (now_ms - starts[-1])
    assert passed == pytest.approx(window_ms)
    assert panes[-1] == (pane_start(now_ms), 1.0)


@given(st.lists(st.integers(0, 200_000)), st.integers(60_000, 200_000))
def test_a_window_holds_what_happened_inside_it(happened_ms, now_ms):
    """A window's sum counts all that happened since its first whole pane, and of the oldest pane the stated part."""
    happened_ms = [at_ms for at_ms in happened_ms if at_ms <= now_ms]
    counted = sum(
        weight * sum(start <= at_ms < start + PANE_MS for at_ms in happened_ms)
        for start, weight in window_panes(now_ms, 60_000)
    )
    since_ms = now_ms - 60_000
    oldest_end_ms = pane_start(since_ms) + PANE_MS
    whole = sum(at_ms >= oldest_end_ms for at_ms in happened_ms)
    part = sum(oldest_end_ms - PANE_MS <= at_ms < oldest_end_ms for at_ms in happened_ms)
    assert counted == pytest.approx(whole + part * (oldest_end_ms - since_ms) / PANE_MS)


@pytest.mark.parametrize("window_ms", [0, -10_000, 15_000])
def test_a_window_that_is_no_sum_of_panes_is_refused(window_ms):
    """A window must be a positive multiple of the pane."""
    with pytest.raises(ValueError, match="window_ms must be a positive multiple of 10000"):
        window_panes(100_000, window_ms)


def test_the_future_begins_five_seconds_ahead_of_the_broker():
    """An event may be five seconds ahead of its append time, not more."""
    assert is_from_future(np.array([15_000, 15_001]), np.array([10_000, 10_000])).tolist() == [False, True]
