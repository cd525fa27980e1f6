"""Markets and policies: what is in force where and when, and what is refused."""

import gzip
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from pricing.defaults import market_from_json, new_york_market, new_york_policy, policy_from_json
from pricing.quotes.bookings import REFUSALS as BOOKING_REFUSALS
from pricing.quotes.quote import REFUSALS
from pricing.rules.markets import MarketBook, market_of
from pricing.rules.policy import PolicyBook, policy_of
from pricing.rules.reasons import Reason
from pricing.rules.standing_orders import orders_of
from pricing.zones.zone_view import layout_of
from tests.unit.pricing.worlds import MARKET, TIMES_SQUARE, ZONE
from topics.control import CellOverride, JurisdictionCap
from windows.hexagons import cells_of

ROOT = Path(__file__).parents[3]
PLACES = {
    "Times Square": (40.7580, -73.9855, "us-ny-nyc"),
    "Jersey City": (40.7178, -74.0431, "us-nj"),
    "Newark Airport": (40.6895, -74.1745, "us-nj"),
    "Kennedy Airport": (40.6413, -73.7781, "us-ny-nyc"),
    "Staten Island": (40.5800, -74.1500, "us-ny-nyc"),
    "Yonkers": (40.9300, -73.8900, "us-ny"),
}


@pytest.mark.parametrize("place", PLACES)
def test_places_lie_in_their_jurisdiction(place):
    """The first jurisdiction that holds a cell's centre applies, the rest of the market is New York State."""
    lat, lon, jurisdiction = PLACES[place]
    assert MARKET.jurisdiction_of[int(cells_of(np.array([lat]), np.array([lon]))[0])] == jurisdiction


@pytest.mark.parametrize("name", ["2014-04-to-08-B02512", "2014-dense-days"])
def test_new_york_holds_the_shipped_pickups(name):
    """At least 99.5 % of recorded pickups lie in the market as drawn."""
    with gzip.open(ROOT / "data" / f"nyc-uber-pickups-{name}.csv.gz", "rt") as file:
        points = np.array([line.split(",")[1:3] for line in file.read().splitlines()[1:]], np.float64)
    inside = np.isin(cells_of(points[:, 0], points[:, 1]), np.array(list(MARKET.jurisdiction_of)))
    assert inside.mean() >= 0.995


def test_the_market_in_force_is_the_last_that_has_begun():
    """Versions apply from their instant on; none before the first."""
    book = MarketBook()
    book.learn(replace(new_york_market(), effective_from_ms=100), 0)
    book.learn(replace(new_york_market(), effective_from_ms=200, currency="EUR"), 1)
    assert book.holding(TIMES_SQUARE, 99) is None
    assert book.holding(TIMES_SQUARE, 199).currency == "USD"
    assert book.named("nyc", 200).currency == "EUR"
    assert book.holding(1, 200) is None
    assert book.of_zone(layout_of(ZONE).home_cells, 200).offset == 1
    assert book.named("paris", 200) is None


def test_the_policy_in_force_is_built_in_until_one_begins():
    """A market without a policy does not surge, and its ticks say so by offset -1."""
    book = PolicyBook()
    book.learn(replace(new_york_policy(), effective_from_ms=100), 5)
    assert (book.at("nyc", 99).offset, book.at("nyc", 100).offset) == (-1, 5)
    orders = orders_of(book.at("paris", 100), cell=7, product="standard", jurisdiction="anywhere")
    assert (orders.floor, orders.cap) == (100, 100)


def test_bounds_include_the_emergency_cap():
    """A cap over everything lowers the cap and, where it must, the floor."""
    caps = [JurisdictionCap(jurisdiction="x", floor_hundredths=120, cap_hundredths=250)]
    policy = policy_of(replace(new_york_policy(), caps=caps, emergency_cap_hundredths=110), 0)
    orders = orders_of(policy, cell=7, product="standard", jurisdiction="x")
    assert [orders.bounded(wanted) for wanted in (100, 200, 300)] == [110, 110, 110]


def test_an_override_of_a_product_beats_one_of_all():
    """The more particular one set by hand applies."""
    overrides = [
        CellOverride(cell=7, product="", multiplier_hundredths=150),
        CellOverride(cell=7, product="xl", multiplier_hundredths=90),
    ]
    policy = policy_of(replace(new_york_policy(), overrides=overrides), 0)
    assert [policy.override_of(7, p) for p in ("xl", "premium")] == [90, 150]
    assert policy.override_of(8, "xl") is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"caps": [JurisdictionCap(jurisdiction="x", floor_hundredths=200, cap_hundredths=100)]}, "floor <= cap"),
        ({"lock_ms": -1}, "lock_ms must not be negative"),
        ({"overrides": [CellOverride(cell=1, product="", multiplier_hundredths=0)]}, "must be positive"),
        ({"emergency_cap_hundredths": -100}, "emergency_cap_hundredths must be positive"),
    ],
)
def test_policies_without_sense_are_refused_by_name(changes, message):
    """Bounds the wrong way round, negative durations, a multiplier of zero."""
    with pytest.raises(ValueError, match=message):
        policy_of(replace(new_york_policy(), **changes), 0)


def test_markets_without_sense_are_refused_by_name():
    """A product twice, a boundary that encloses nothing, or a currency that is none."""
    market = new_york_market()
    with pytest.raises(ValueError, match="products must be"):
        market_of(replace(market, products=market.products * 2), 0)
    with pytest.raises(ValueError, match="boundary must have"):
        market_of(replace(market, boundary=market.boundary[:2]), 0)
    for currency in ("", "US", "dollars", "U$D", "€€€"):
        with pytest.raises(
            ValueError, match=f"currency must be a three-letter ISO 4217 code, got {re.escape(repr(currency))}"
        ):
            market_of(replace(market, currency=currency), 0)


@pytest.mark.parametrize("read", [market_from_json, policy_from_json])
@pytest.mark.parametrize("text", ["[]", "{}", '{"moon": 1}', "nonsense"])
def test_broken_json_is_refused_by_name(read, text):
    """Missing and unknown fields are an error, not a default."""
    with pytest.raises(ValueError, match=r"must|Expecting"):
        read(text)


def test_shipped_shares_add_up():
    """What is expected of the products where nothing is known is a whole."""
    assert MARKET.demand_shares().sum() == pytest.approx(1.0)
    assert {field.name for field in fields(new_york_policy())}


def test_every_reason_and_refusal_is_explained():
    """`docs/reasons.md` has a row for each reason with its number, and for each refusal."""
    text = (ROOT / "docs" / "reasons.md").read_text(encoding="utf-8")
    for reason in Reason:
        assert f"| {int(reason)} | `{reason.wire_name}` |" in text
    for code in (*REFUSALS, *BOOKING_REFUSALS):
        assert f"| `{code}` |" in text
