"""A zone of Manhattan with riders and cars in it, as tests of pricing want it."""

from dataclasses import replace

import numpy as np

from demand.forecast import REQUESTS_PER_PICKUP
from demand.ratios import HALF_LIVES_MS
from pricing.defaults import new_york_market, new_york_policy
from pricing.rules.markets import market_of
from pricing.rules.policy import policy_of
from pricing.surge.tick import TickInputs, TickOffsets
from pricing.zones.zone_view import CityView, empty_view, layout_of
from topics.events import QuoteRequested
from windows.epochs import Epoch
from windows.hexagons import zone_of

TIMES_SQUARE = 0x882A100D67FFFFF
ZONE = zone_of(TIMES_SQUARE)
NOON_MS = 1_397_059_200_000  # Wednesday 9 April 2014, 12:00 in New York
MINUTES = np.array([1, 2, 4, 8, 16, 32], np.float64)
# What is left after 32 minutes of one request a minute, per half-life.
_LASTING = np.array([(life / np.log(2)) * (1 - 0.5 ** (32 / life)) for life in np.array(HALF_LIVES_MS) / 60_000])
MARKET = market_of(new_york_market(), 0)
PRODUCTS = MARKET.product_ids


def policy(**changes):
    """The shipped policy with some rules changed."""
    return policy_of(replace(new_york_policy(), **changes), 3)


def view_of(requests_per_min=0.02, idle=2.0, *, now_ms=NOON_MS, **changes):
    """Every cell alike: so many requests a minute, split over the products as usual, and so many idle cars each."""
    view = empty_view(ZONE, now_ms, PRODUCTS, half_lives=6)
    rows = layout_of(ZONE).cells.size
    split = MARKET.demand_shares()
    cars = np.full((rows, len(PRODUCTS)), float(idle))
    requests = np.full((rows, 1, 1), requests_per_min) * split[None, :, None] * MINUTES
    usual = REQUESTS_PER_PICKUP * 1e-3  # of a market nobody measured
    return replace(
        view,
        requests=requests,
        idle=cars,
        idle_total=cars[:, 0],
        memory_observed=np.outer(np.full(rows, requests_per_min), _LASTING),
        memory_expected=np.outer(np.full(rows, usual), _LASTING),
        **changes,
    )


def city_of(requests_per_min=3.0):
    """A city with so many requests a minute."""
    return CityView(
        observed=requests_per_min * _LASTING,
        expected=REQUESTS_PER_PICKUP * _LASTING,
    )


def inputs_of(view=None, **changes):
    """Inputs of a tick without a model and without a previous tick."""
    inputs = TickInputs(
        view=view if view is not None else view_of(),
        city=city_of(),
        market=MARKET,
        policy=policy(),
        model=None,
        fallback="no-model",
        previous=None,
        epoch=Epoch(4, 1_000),
        offsets=TickOffsets(previous=-1, supply=10, demand=20, city=30),
    )
    return replace(inputs, **changes)


def request_of(**changes):
    """From Times Square to the Battery."""
    request = QuoteRequested(
        request_id="r-1",
        rider_id="rider-1",
        at_ms=NOON_MS,
        pickup_lat=40.7580,
        pickup_lon=-73.9855,
        dropoff_lat=40.7033,
        dropoff_lon=-74.0170,
        product="standard",
    )
    return replace(request, **changes)
