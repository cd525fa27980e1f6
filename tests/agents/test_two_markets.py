"""Markets that are nothing but data: priced beside New York, each by its own clock, money, law and model."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.pricing_desk import PricingDesk
from agents.quote_desk import QuoteDesk
from infra.cli.control_files import record_of
from infra.cli.seeding import shipped_model
from pricing.defaults import new_york_market, new_york_policy
from pricing.models.model_choice import ModelBook
from pricing.models.model_coverage import OTHER_MARKET
from pricing.quotes.quote_offers import Asked
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from topics.catalogue import MARKETS, PRICING_POLICY, QUOTES
from topics.codec import ObjectCodec
from topics.events import QuoteRequested
from topics.wire import frame
from windows.epochs import Epoch
from windows.hexagons import cells_of, zone_of

NOON_MS = 1_793_620_800_000
EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PLACES = {  # from, to, and what the ride is priced in
    "nyc": ((40.7580, -73.9855), (40.7033, -74.0170), "USD"),
    "london": ((51.5079, -0.1283), (51.5054, -0.0235), "GBP"),
    "tokyo": ((35.6595, 139.7005), (35.7100, 139.8107), "JPY"),
}


def example(name, topic, **changes):
    """An example of the documentation as a record."""
    values = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    values.pop("about", None)
    said = {"policy_id": "p"} if topic is PRICING_POLICY else {}
    return record_of(topic, {"author": "a", "effective_from_ms": 0, **said, **values, **changes})


def books(london_from_ms=0):
    """Three markets; New York and London have policies, Tokyo has none."""
    markets, policies, models = MarketBook(), PolicyBook(), ModelBook()
    markets.learn(replace(new_york_market(), effective_from_ms=0), 0)
    markets.learn(example("london-market.json", MARKETS, effective_from_ms=london_from_ms), 1)
    markets.learn(example("tokyo-market.json", MARKETS), 2)
    policies.learn(replace(new_york_policy(), effective_from_ms=0), 0)
    policies.learn(example("london-policy.json", PRICING_POLICY), 1)
    models.learn(shipped_model(NOON_MS), 0)
    return markets, policies, models


def pricing_desk(now_ms=NOON_MS, **changes):
    """A desk that holds every zone of every market in force."""
    markets, policies, models = books(**changes)
    desk = PricingDesk(markets=markets, policies=policies, models=models, zone_partitions=1)
    desk.assigned(Epoch(1, now_ms), [PartitionState(0)])
    desk.read_back()
    desk.follow_markets(now_ms)
    return desk


def cell_of(place):
    return int(cells_of(np.array([place[0]]), np.array([place[1]]))[0])


def request_of(market):
    (lat, lon), (to_lat, to_lon), _ = PLACES[market]
    return QuoteRequested(
        request_id=f"r-{market}", rider_id="rider-1", at_ms=NOON_MS, pickup_lat=lat, pickup_lon=lon,
        dropoff_lat=to_lat, dropoff_lon=to_lon, product="standard",
    )  # fmt: skip


@pytest.fixture(scope="module")
def ticks():
    """The tick of each market's place, from one worker."""
    desk = pricing_desk()
    return {market: desk.tick(zone_of(cell_of(PLACES[market][0])), NOON_MS) for market in PLACES}


def quotes(ticks, **orders):
    """A quote in each market from one worker that has read the ticks; `orders` change the policy of London."""
    markets, policies, _ = books()
    policies.learn(example("london-policy.json", PRICING_POLICY, based_on_offset=1, **orders), 2)
    desk = QuoteDesk(markets=markets, policies=policies)
    desk.assigned([0])
    for offset, tick in enumerate(ticks.values()):
        desk.tick_read(tick, 0, offset)
    requests = [request_of(market) for market in PLACES]
    fields = ("request_id", "rider_id", "at_ms", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon", "product",
              "deadline_ms")  # fmt: skip
    asked = Asked(
        [0] * len(requests),
        [*range(len(requests))],
        [NOON_MS] * len(requests),
        *([getattr(request, field) for request in requests] for field in fields),
        [cell_of(pickup) for pickup, _, _ in PLACES.values()],
    )
    codec = ObjectCodec(QUOTES, 1)
    answers = desk.answer_all(asked, frame=frame(1, b""), now_ms=NOON_MS)
    return {market: codec.decode(answer.value) for market, answer in zip(PLACES, answers, strict=True)}


def test_each_market_is_priced_in_its_own_money(ticks):
    """One worker, one instant: dollars, pounds, and yen that have no minor unit, each of the market's own policy."""
    answered = quotes(ticks)
    assert {market: quote.currency for market, quote in answered.items()} == {
        market: currency for market, (_, _, currency) in PLACES.items()
    }
    assert {market: quote.market for market, quote in answered.items()} == {market: market for market in PLACES}
    assert [answered[market].policy_offset for market in PLACES] == [0, 2, -1]
    for quote in answered.values():
        assert sum(line.amount_minor for line in quote.breakdown) == quote.amount_minor
        assert quote.tick_offset >= 0
    assert 1_000 < answered["tokyo"].amount_minor < 10_000  # yen, not hundredths of yen


def test_a_ride_takes_the_speed_of_its_own_hour_and_city(ticks):
    """At one instant it is morning in New York, noon in London and evening in Tokyo; London states speeds."""
    answered = quotes(ticks)
    km_per_h = {market: quote.distance_m * 3.6 / quote.duration_s for market, quote in answered.items()}
    assert {market: round(speed) for market, speed in km_per_h.items()} == {"nyc": 20, "london": 15, "tokyo": 21}


def test_a_model_prices_only_the_market_it_was_trained_in(ticks):
    """Elsewhere the closed form stands in, and tick and quote say why."""
    assert (ticks["nyc"].model, ticks["nyc"].fallback) == ("demand@2", "")
    for market in ("london", "tokyo"):
        assert (ticks[market].model, ticks[market].fallback, ticks[market].models_offset) == ("", OTHER_MARKET, -1)
        assert quotes(ticks)[market].fallback == OTHER_MARKET


def test_a_long_memory_is_kept_only_where_a_model_reads_it():
    """Memories are sums against a model's expectation: without a model of the market there are none."""
    desk = pricing_desk()
    kept = {memory.zone for memory in desk.memories(NOON_MS)}
    zones = {market: zone_of(cell_of(place[0])) for market, place in PLACES.items()}
    assert [zones[market] in kept for market in PLACES] == [True, False, False]


def test_orders_hold_in_one_market_only(ticks):
    """London frozen or capped says so in every quote of London, and in no other."""
    for orders, code in (({"freeze": True}, "freeze"), ({"emergency_cap_hundredths": 110}, "emergency-cap")):
        said = {market: [why.code for why in quote.reasons] for market, quote in quotes(ticks, **orders).items()}
        assert said["london"].count(code) == 1
        assert code not in said["nyc"] + said["tokyo"]


def test_a_market_is_priced_from_its_first_instant_on():
    """No record tells that a market defined ahead has begun; its zones are due all the same, with its city's total."""
    opens_ms = NOON_MS + 60_000
    desk = pricing_desk(london_from_ms=opens_ms)
    zone = zone_of(cell_of(PLACES["london"][0]))
    assert zone not in desk.due(opens_ms - 1)
    assert desk.tick(zone, opens_ms - 1) is None
    desk.due(opens_ms)
    assert zone in desk.due(opens_ms + 10_000)
    assert desk.tick(zone, opens_ms + 10_000).market == "london"
