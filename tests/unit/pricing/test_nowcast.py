"""What was seen lately bends the forecast of a catchment: little where little was seen, soon where much was."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.surge.nowcast import live_requests, zone_requests
from windows.panes import WINDOWS_MS

MINUTES = np.array(WINDOWS_MS) / 60_000
REQUESTS = st.floats(0.01, 500.0)
PER_MIN = st.lists(st.integers(0, 40), min_size=32, max_size=32)


def windows(newest_first):
    """Sums over each window of requests minute by minute."""
    return np.array([sum(newest_first[: int(minutes)]) for minutes in MINUTES], float)


def live(forecast, seen, known_min=32.0):
    covered_ms = np.minimum(WINDOWS_MS, round(known_min * 60_000)).astype(np.int64)
    found = live_requests(np.array([[forecast]]), seen[None, None], covered_ms=covered_ms, horizon_ms=300_000)
    return float(found[0, 0])


@given(REQUESTS, PER_MIN, st.floats(0.0, 50.0), st.integers(0, 31))
def test_a_higher_forecast_and_more_seen_both_raise_it_or_leave_it(forecast, per_min, more, minute):
    """Monotone in the forecast and in each minute, so that more demand never lowers a price."""
    added = [count + (at == minute) for at, count in enumerate(per_min)]
    assert live(forecast + more, windows(per_min)) >= live(forecast, windows(per_min)) * (1 - 1e-12)
    assert live(forecast, windows(added)) >= live(forecast, windows(per_min))


@given(REQUESTS)
def test_what_was_expected_changes_nothing(forecast):
    """Minutes as forecast leave the forecast; so do windows of which nothing is known."""
    assert abs(live(forecast, forecast * MINUTES / 5) / forecast - 1) < 1e-12
    assert abs(live(forecast, np.zeros(6), known_min=0.0) / forecast - 1) < 1e-12


def test_a_city_that_doubled_is_believed_within_minutes_where_it_is_busy():
    """Of a doubling a busy catchment believes most, a quiet one little."""
    assert live(50.0, 20.0 * MINUTES) > 90.0
    assert live(0.5, 0.2 * MINUTES) < 0.55


def test_the_beginning_and_the_end_of_a_crowd_are_seen_within_minutes():
    """Two minutes of a crowd of thirty a minute are believed above the forecast; so are four without it."""
    crowd, gone = windows([30] * 2 + [3] * 30), windows([3] * 4 + [30] * 28)
    assert live(15.0, crowd) > 90.0
    assert live(15.0, gone) < 30.0


def test_a_zone_that_doubled_is_believed_sooner_than_any_of_its_quiet_places():
    """Forty requests in eight minutes where twenty were forecast say more for a zone than two for one of one."""
    covered_ms = np.array(WINDOWS_MS, np.int64)
    assert 20.0 < zone_requests(12.5, 5.0 * MINUTES, covered_ms=covered_ms, horizon_ms=300_000) < 25.0
    assert live(0.625, 0.25 * MINUTES) < 1.1 * 0.625
