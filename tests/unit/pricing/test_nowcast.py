"""What was seen lately bends the forecast of a catchment: little where little was seen."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.nowcast import live_requests

REQUESTS = st.floats(0.01, 500.0)


def live(forecast, seen, covered_ms=480_000):
    return float(
        live_requests(np.array([[forecast]]), np.array([[seen]]), covered_ms=covered_ms, horizon_ms=300_000)[0, 0]
    )


@given(REQUESTS, REQUESTS, st.floats(0.0, 50.0))
def test_a_higher_forecast_and_more_seen_both_raise_it(forecast, seen, more):
    """Monotone in both, so that more demand never lowers a price."""
    assert live(forecast + more, seen) >= live(forecast, seen) * (1 - 1e-12)
    assert live(forecast, seen + more) >= live(forecast, seen)


@given(REQUESTS)
def test_what_was_expected_changes_nothing(forecast):
    """Eight minutes as forecast leave the forecast; so does a window of which nothing is known."""
    assert abs(live(forecast, forecast * 8 / 5) / forecast - 1) < 1e-12
    assert abs(live(forecast, 0.0, covered_ms=0) / forecast - 1) < 1e-12


def test_a_city_that_doubled_is_believed_within_minutes_where_it_is_busy():
    """Of a doubling a busy catchment believes most, a quiet one little."""
    assert live(50.0, 160.0) > 90.0
    assert live(0.5, 1.6) < 0.55
