"""What a driver gets: a share, a surge that is the same for every ride from a cell, and what the law demands."""

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pricing.rules.driver_pay import driver_pay, driver_surge, metered_minor, pay_terms
from pricing.rules.fares import fare_lines
from pricing.rules.routes import Route
from tests.unit.pricing.worlds import MARKET, policy

ROUTES = st.builds(Route, st.integers(1, 60_000), st.integers(1, 7_200))
MULTIPLIERS = st.integers(50, 400)
STANDARD = MARKET.products[0]


def paid(route, multiplier, *, least=0, share=75):
    """Lines by code."""
    caps = [replace(cap, driver_minimum_share_hundredths=least) for cap in policy().rules.caps]
    rules = policy(caps=caps, driver_share_hundredths=share)
    terms = pay_terms(MARKET, rules, product="standard", jurisdiction="us-ny-nyc", multiplier_hundredths=multiplier)
    lines = driver_pay(terms, fare_lines(STANDARD, route, multiplier))
    return {line.code: line.amount_minor for line in lines}


@given(ROUTES, ROUTES, MULTIPLIERS)
def test_the_surge_does_not_depend_on_the_ride(short, long, multiplier):
    """Additive: no reason to wait for a longer ride."""
    assert paid(short, multiplier).get("surge", 0) == paid(long, multiplier).get("surge", 0)


@given(ROUTES, MULTIPLIERS)
def test_the_share_is_of_the_plain_fare(route, multiplier):
    """Whatever the multiplier, below 1.00 too: a rider's discount is not the driver's."""
    assert paid(route, multiplier)["share"] == paid(route, 100)["share"]
    assert "surge" not in paid(route, min(multiplier, 100))


@given(MULTIPLIERS.filter(lambda multiplier: multiplier >= 100))
def test_on_the_usual_ride_the_driver_gets_their_share_of_all(multiplier):
    """Share and surge add up to the share of the surged fare, to the two roundings."""
    route = MARKET.usual_ride
    fare = metered_minor(STANDARD, route) * multiplier / 100
    assert abs(sum(paid(route, multiplier).values()) - 0.75 * fare) <= 1


@given(ROUTES, MULTIPLIERS, st.integers(0, 100))
def test_the_jurisdictions_least_share_is_kept(route, multiplier, least):
    """Of the rider's fare, surge included; a long ride at a high multiplier is topped up."""
    fare = metered_minor(STANDARD, route)
    rider_pays = fare + (fare * (multiplier - 100) + 50) // 100
    assert sum(paid(route, multiplier, least=least).values()) * 100 >= least * rider_pays - 100


def test_a_long_ride_at_a_high_multiplier_is_topped_up():
    """Thirty kilometres at 2.50: a share of the plain fare and a usual ride's surge are less than 0.80 of it."""
    lines = paid(Route(30_000, 3_600), 250, least=80)
    assert metered_minor(STANDARD, Route(30_000, 3_600)) == 5_625
    assert sum(lines.values()) == 11_251  # 0.80 of 140.63, rounded up
    assert lines == {"share": 4_219, "surge": 1_375, "minimum_share": 5_657}


def test_a_tick_says_the_surge_a_quote_pays():
    """One formula for both, in every product."""
    multipliers = np.array([[100, 130, 250], [80, 100, 175]])
    said = driver_surge(MARKET, policy(), multipliers)
    for row, column in np.ndindex(multipliers.shape):
        terms = pay_terms(
            MARKET,
            policy(),
            product=MARKET.product_ids[column],
            jurisdiction="us-ny-nyc",
            multiplier_hundredths=int(multipliers[row, column]),
        )
        assert said[row, column] == terms.surge_minor
