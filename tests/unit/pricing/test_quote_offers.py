"""Chunks of requests answered as bytes: what `pricing.quotes.quote` says of each, encoded by fastavro, to the byte."""

from dataclasses import replace
from functools import cache

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pricing.quotes.quote import QuoteContext, answer
from pricing.quotes.quote_offers import Asked, answer_values, offer_of, request_at
from pricing.quotes.quote_values import FIELDS, long_of, refuse_other_fields, text_of
from pricing.rules.routes import Route
from tests.unit.pricing.test_quote import tick_at
from tests.unit.pricing.worlds import MARKET, NOON_MS, TIMES_SQUARE, ZONE, policy
from topics import wire
from topics.catalogue import QUOTES
from topics.codec import ObjectCodec
from topics.control import CellOverride
from topics.prices import QuoteOutcome
from topics.schemas import schema_of

CODEC = ObjectCodec(QUOTES, 7)
FRAME = wire.frame(7, b"")
SOMEWHERE = st.one_of(
    st.just((40.758, -73.9855)),
    st.tuples(st.floats(40.6, 40.9), st.floats(-74.1, -73.8)),
    st.sampled_from([(0.0, 0.0), (91.0, 0.0), (float("nan"), 0.0), (40.758, -73.98551), (51.5, -0.1)]),
)
NEAR_NOON = st.one_of(
    st.integers(-40_000, 10_000), st.sampled_from([-30_000, -30_001, 0, 5_000, 5_001]), st.integers(-(10**12), 10**12)
).map(lambda ms: NOON_MS + ms)
REQUESTS = st.tuples(
    st.integers(0, 3),
    st.integers(0, 2**62),
    NEAR_NOON,
    st.text(st.characters(codec="utf-8"), max_size=200),
    st.text(st.characters(codec="utf-8"), max_size=70),
    NEAR_NOON,
    SOMEWHERE,
    SOMEWHERE,
    st.sampled_from(["standard", "xl", "premium", "", "cargo"]),
    st.none() | NEAR_NOON,
)
AGES_MS = st.integers(-100_000, 100_000) | st.integers(-(10**6), 10**6)
ASKED = (0, 0, NOON_MS, "r-1", "rider", NOON_MS, (40.758, -73.9855), (40.7, -74.0), "standard", None)
RULES = st.fixed_dictionaries(
    {},
    optional={
        "freeze": st.booleans(),
        "emergency_cap_hundredths": st.none() | st.integers(100, 250),
        "lock_ms": st.integers(0, 600_000),
        "overrides": st.just([CellOverride(cell=TIMES_SQUARE, product="", multiplier_hundredths=180)]),
        "caps": st.just([]),
    },
)


def asked_of(requests):
    """The chunk in columns; every pickup on earth is taken to be in Times Square."""
    rows = [
        (number, offset, appended, request, rider, at_ms, *pickup, *dropoff, product, deadline,
         TIMES_SQUARE if abs(pickup[0]) <= 90 else 0)
        for number, offset, appended, request, rider, at_ms, pickup, dropoff, product, deadline in requests
    ]  # fmt: skip
    return Asked(*map(list, zip(*rows, strict=True))) if rows else Asked(*([] for _ in Asked._fields))


def where(cell, rules, tick):
    """What is known in Times Square; nothing is where there is no cell."""
    known = cell == TIMES_SQUARE
    market = MARKET if known else None
    return QuoteContext(
        cell=cell, zone=ZONE if known else 0, market=market, policy=policy(**rules) if known else None, tick=tick
    )


class Ferry:
    """A routing engine that knows one kind of ride: across the harbour."""

    def route(self, pickup, dropoff, at_ms, market):
        assert (pickup, at_ms, market.name) == ((40.758, -73.9855), NOON_MS, "nyc")
        return Route(9_000, 1_500, "ferry") if dropoff[0] < 40.7 else None


@pytest.mark.parametrize(("to_lat", "source"), [(40.65, "ferry"), (40.72, "")])
def test_a_routing_engine_takes_the_place_of_the_estimate_and_is_named(to_lat, source):
    """Distance, duration and hence the fare are the engine's; where it knows no way the estimate stands, unnamed.

    What the engine said is in the quote, so it is answered again without the engine.
    """
    asked = asked_of([(0, 7, NOON_MS, "r-1", "rider", NOON_MS, (40.758, -73.9855), (to_lat, -74.0), "standard", None)])
    tick = tick_at(150, NOON_MS - 100)

    def offers(cell, product):
        return offer_of(where(cell, {}, tick), product, NOON_MS)

    [made] = answer_values(asked, offers, frame=FRAME, now_ms=NOON_MS, engine=Ferry())
    quote = CODEC.decode(made.value)
    assert quote.route_source == source
    request, appended_ms, offset = request_at(asked, 0)
    route = Route(quote.distance_m, quote.duration_s, source) if source else None
    context = replace(where(TIMES_SQUARE, {}, tick), route=route)
    assert quote == answer(request, context, appended_ms=appended_ms, now_ms=NOON_MS, request_offset=offset)
    assert (quote.distance_m == 9_000) == (source == "ferry")


@given(
    st.lists(REQUESTS, max_size=6),
    RULES,
    st.none() | st.tuples(st.integers(50, 400), AGES_MS),
    AGES_MS.map(abs),
)
@example([ASKED], {}, (150, -75_000), 30_000)
def test_answers_are_the_oracles_bytes(requests, rules, ticked, kept_ms):
    """Each answer is `answer` encoded by fastavro, also from an offer kept since; without bytes, it is refused."""
    tick = tick_at(ticked[0], NOON_MS - ticked[1]) if ticked else None
    asked = asked_of(requests)
    context_of = cache(lambda cell: where(cell, rules, tick))

    def offers(cell, product):
        kept = offer_of(context_of(cell), product, NOON_MS - kept_ms)
        holds = kept is not None and kept.holds(context_of(cell), NOON_MS)
        return kept if holds else offer_of(context_of(cell), product, NOON_MS)

    made = answer_values(asked, offers, frame=FRAME, now_ms=NOON_MS)
    for place, value in enumerate(made):
        request, appended_ms, offset = request_at(asked, place)
        oracle = answer(
            request,
            context_of(asked.cell[place]),
            appended_ms=appended_ms,
            now_ms=NOON_MS,
            request_offset=offset,
        )
        assert (value is None) == (oracle.outcome is QuoteOutcome.REFUSED)
        if value is not None:
            assert (value.quote_id, value.outcome, value.fallback) == (oracle.quote_id, oracle.outcome, oracle.fallback)
            assert value.value == CODEC.encode(oracle)


@pytest.mark.parametrize("value", [0, -1, 63, 64, -64, -65, 8191, 8192, 2**20 - 1, 2**20, 2**63 - 1, -(2**63)])
def test_numbers_are_written_as_fastavro_does(value):
    """At every border between one byte more and less."""
    announced = replace(QUOTE, amount_minor=value)
    coded = CODEC.encode(announced)
    assert long_of(value) in coded
    assert len(coded) - len(CODEC.encode(QUOTE)) == len(long_of(value)) - 1


QUOTE = answer(
    request_at(asked_of([(0, 0, 0, "r", "p", 0, (91.0, 0.0), (0.0, 0.0), "standard", None)]), 0)[0],
    where(0, {}, None),
    appended_ms=0,
    now_ms=0,
    request_offset=0,
)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1])
def test_what_takes_more_than_64_bits_is_refused_by_name(value):
    """A value nobody could read is not published."""
    with pytest.raises(ValueError, match="must fit into 64 bits"):
        long_of(value)


def test_texts_are_counted_in_bytes():
    """As UTF-8, not as characters."""
    assert text_of("é") == b"\x04\xc3\xa9"


@pytest.mark.parametrize("age_ms", [-60_000, -15_001, -15_000, 0, 15_000, 15_001, 60_000])
def test_an_offer_holds_until_its_tick_steps_down(age_ms):
    """Kept as long as nothing it rests on has moved; one of a stale tick is good for its instant only."""
    now_ms = NOON_MS + age_ms
    context = where(TIMES_SQUARE, {}, tick_at(150))
    offer = offer_of(context, "standard", now_ms)
    stale = abs(age_ms) > 15_000
    assert offer.until_ms == (now_ms if stale else NOON_MS + 15_000)
    assert offer.holds(replace(context, policy=offer.policy), now_ms)
    assert not offer.holds(replace(context, policy=offer.policy), offer.until_ms + 1)
    assert not offer.holds(replace(context, policy=offer.policy, tick=tick_at(150)), now_ms)
    assert not offer.holds(context if context.policy is not offer.policy else replace(context, policy=policy()), now_ms)


def test_the_writer_knows_the_schemas_fields():
    """A field added to the schema and not here is noticed before anything is written."""
    refuse_other_fields()
    assert len(FIELDS) == len(schema_of(QUOTES)["fields"])
