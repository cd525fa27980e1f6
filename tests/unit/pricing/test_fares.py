"""Fares by hand, routes against the map, and lines that always add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.rules.fares import amount_of, fare_lines
from pricing.rules.rounding import divided_half_up
from pricing.rules.routes import Route, great_circle_m, route_of
from tests.unit.pricing.worlds import MARKET, NOON_MS

STANDARD = MARKET.products[0]


def lines_of(route, multiplier, product=STANDARD):
    return {line.code: line.amount_minor for line in fare_lines(product, route, multiplier)}


def test_a_fare_by_hand():
    """$2.55 + 10.5 km at $1.09 + 20.5 min at $0.35, times 1.3, plus $2.75."""
    lines = lines_of(Route(10_500, 1_230), 130)
    assert lines == {"base": 255, "distance": 1_145, "time": 718, "surge": 635, "booking_fee": 275}
    assert sum(lines.values()) == 3_028


def test_the_minimum_is_multiplied_and_the_booking_fee_is_not():
    """A ride of a few metres at 2.0 costs twice the minimum and the fee once."""
    lines = lines_of(Route(100, 20), 200)
    assert lines["base"] + lines["distance"] + lines["time"] + lines["minimum"] == STANDARD.minimum_minor
    assert lines["surge"] == STANDARD.minimum_minor
    assert sum(lines.values()) == 2 * STANDARD.minimum_minor + STANDARD.booking_fee_minor


def test_below_one_the_surge_line_is_a_discount():
    """A multiplier of 0.80 takes a fifth off, as a line of its own."""
    assert lines_of(Route(10_500, 1_230), 80)["surge"] == -424


@given(st.integers(0, 300_000), st.integers(0, 40_000), st.integers(50, 900), st.sampled_from(MARKET.products))
def test_lines_add_up_and_a_price_never_falls_with_the_multiplier(distance_m, duration_s, multiplier, product):
    """The amount is the sum of its lines, positive, and no cheaper at the next hundredth."""
    lines = fare_lines(product, Route(distance_m, duration_s), multiplier)
    assert amount_of(lines) == sum(line.amount_minor for line in lines) > 0
    assert amount_of(fare_lines(product, Route(distance_m, duration_s), multiplier + 1)) >= amount_of(lines)


def test_the_great_circle_from_times_square_to_jfk():
    """About 21.8 km on the map."""
    assert great_circle_m(40.7580, -73.9855, 40.6413, -73.7781) == pytest.approx(21_800, rel=0.01)


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_distance_is_the_same_both_ways_and_never_more_than_half_the_earth(lat, lon, to_lat, to_lon):
    """Symmetric up to rounding, and bounded."""
    there, back = great_circle_m(lat, lon, to_lat, to_lon), great_circle_m(to_lat, to_lon, lat, lon)
    assert there == pytest.approx(back, abs=1e-3)
    assert 0 <= there <= 20_015_200


def test_a_ride_takes_longer_at_noon_than_at_night():
    """Speed follows the market's local hour."""
    instants = (NOON_MS, NOON_MS + 15 * 3_600_000)
    noon, night = (route_of(5_000.0, MARKET.km_per_h_at(at_ms)) for at_ms in instants)
    assert noon.distance_m == night.distance_m == 6_500
    assert noon.duration_s > night.duration_s


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**6))
def test_money_rounds_to_the_nearest_and_halves_away_from_zero(numerator, denominator):
    """At most half a unit off, and symmetric around zero."""
    rounded = divided_half_up(numerator, denominator)
    assert abs(2 * (rounded * denominator - numerator)) <= denominator
    assert rounded == -divided_half_up(-numerator, denominator)


def test_a_denominator_of_zero_is_refused_by_name():
    """Nothing is divided by nothing."""
    with pytest.raises(ValueError, match="denominator must be positive"):
        divided_half_up(1, 0)
