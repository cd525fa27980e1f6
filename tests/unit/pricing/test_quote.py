"""The one answer to a quote request: priced, expired or refused, through one rule on tick age and policy."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quote import REFUSALS, QuoteContext, answer, quote_id_of
from pricing.surge.tick import price_zone
from tests.unit.pricing.worlds import (
    MARKET,
    NOON_MS,
    PRODUCTS,
    TIMES_SQUARE,
    ZONE,
    inputs_of,
    policy,
    request_of,
)
from topics.catalogue import SURGE
from topics.codec import ObjectCodec
from topics.control import CellOverride
from topics.prices import QuoteOutcome

BASE = price_zone(inputs_of())


def tick_at(multiplier, now_ms=NOON_MS):
    """A tick of the zone in which every cell is at that multiplier."""
    tick = BASE
    size = len(tick.multiplier_hundredths)
    reasons = {"reason_at": [*range(size)], "reason_code": [1] * size, "reason_before": [100] * size}
    tick = replace(
        tick, now_ms=now_ms, multiplier_hundredths=[multiplier] * size, reason_after=[multiplier] * size, **reasons
    )
    return PreparedTick(tick, 2, 77)


def where(tick=None, **rules):
    return QuoteContext(cell=TIMES_SQUARE, zone=ZONE, market=MARKET, policy=policy(**rules), tick=tick)


def quoted(request=None, context=None, now_ms=NOON_MS, appended_ms=NOON_MS):
    request, context = request or request_of(), context or where(tick_at(150))
    return answer(request, context, appended_ms=appended_ms, now_ms=now_ms, request_offset=9)


def test_a_priced_quote_is_locked_explained_and_traceable():
    """Amount, lines, lock, reasons, and every input by offset."""
    quote = quoted()
    assert quote.outcome is QuoteOutcome.PRICED
    assert quote.amount_minor == sum(line.amount_minor for line in quote.breakdown)
    assert (quote.multiplier_hundredths, quote.valid_until_ms, quote.currency) == (150, NOON_MS + 120_000, "USD")
    assert (quote.tick_partition, quote.tick_offset, quote.tick_now_ms) == (2, 77, NOON_MS)
    assert (quote.policy_offset, quote.markets_offset, quote.request_offset) == (3, 0, 9)
    assert [reason.code for reason in quote.reasons] == ["demand-and-supply"]
    assert quote.fallback == "no-model"


def test_a_tick_read_into_arrays_makes_the_same_quotes():
    """In every cell and for every product, all numbers plain ones."""
    tick, codec = tick_at(150).tick, ObjectCodec(SURGE, 1)
    tick = replace(tick, multiplier_hundredths=[*range(100, 100 + len(tick.eta_s))])
    in_arrays = codec.decode(codec.encode(tick), as_arrays=True)
    for cell, product in itertools.product(tick.cells, PRODUCTS):
        lists, arrays = (
            quoted(request_of(product=product), replace(where(PreparedTick(made, 2, 77)), cell=cell))
            for made in (tick, in_arrays)
        )
        assert repr(arrays) == repr(lists)


def test_no_tick_means_one_and_says_so():
    """A quote before the zone's first tick is at 1.00 and names no tick."""
    quote = quoted(context=where(None))
    assert (quote.multiplier_hundredths, quote.fallback, quote.tick_offset, quote.eta_s) == (100, "no-tick", -1, -1)


@pytest.mark.parametrize(
    ("age_ms", "multiplier", "fallback"),
    [
        (0, 150, "no-model"),
        (15_000, 150, "no-model"),  # held
        (15_001, 150, "stale-tick"),
        (75_000, 120, "stale-tick"),  # a minute too old: the policy's fall of 0.30
        (10_000_000, 100, "stale-tick"),
        (-500, 150, "no-model"),  # the tick's clock is ahead
        (-75_000, 120, "stale-tick"),  # so far ahead that its age cannot be known
    ],
)
def test_an_old_tick_steps_down_by_its_age(age_ms, multiplier, fallback):
    """Held for the policy's hold, then down to 1.00 at the rate limit."""
    quote = quoted(context=where(tick_at(150, NOON_MS - age_ms)))
    assert (quote.multiplier_hundredths, quote.fallback) == (multiplier, fallback)


@given(st.integers(0, 10**7), st.integers(50, 400))
def test_age_never_raises_a_price(age_ms, multiplier):
    """An older tick never gives a higher multiplier than a fresh one, within the same bounds."""
    old, fresh = (
        quoted(context=where(tick_at(multiplier, NOON_MS - age_ms))),
        quoted(context=where(tick_at(multiplier))),
    )
    assert old.multiplier_hundredths <= fresh.multiplier_hundredths


@pytest.mark.parametrize(
    ("rules", "multiplier", "code"),
    [
        ({"freeze": True}, 100, "freeze"),
        ({"emergency_cap_hundredths": 120}, 120, "emergency-cap"),
        ({"overrides": [CellOverride(cell=TIMES_SQUARE, product="", multiplier_hundredths=180)]}, 180, "override"),
        ({"caps": []}, 100, "jurisdiction-bounds"),
    ],
)
def test_the_newest_policy_applies_at_once(rules, multiplier, code):
    """Freeze, caps and overrides do not wait for the next tick."""
    quote = quoted(context=where(tick_at(150), **rules))
    assert quote.multiplier_hundredths == multiplier
    assert quote.reasons[-1].code == code
    assert quote.reasons[-1].after_hundredths == multiplier


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"at_ms": NOON_MS + 5_001}, "from-the-future"),
        ({"pickup_lat": float("nan")}, "bad-coordinates"),
        ({"dropoff_lon": 181.0}, "bad-coordinates"),
        ({"product": "helicopter"}, "unknown-product"),
        ({"dropoff_lat": 40.7580, "dropoff_lon": -73.9855}, "same-place"),
        ({"dropoff_lat": 44.0}, "too-far"),
    ],
)
def test_bad_requests_are_refused_by_name(changes, refusal):
    """Every rule that refuses has its code, and a refused quote locks nothing."""
    quote = quoted(request_of(**changes))
    assert (quote.outcome, quote.refusal) == (QuoteOutcome.REFUSED, refusal)
    assert (quote.amount_minor, quote.valid_until_ms, quote.breakdown) == (0, 0, [])
    assert refusal in REFUSALS


def test_outside_every_market_is_refused():
    """No market at the pickup, or a cell the market does not hold."""
    nowhere = replace(where(), market=None, policy=None)
    assert quoted(context=nowhere).refusal == "outside-every-market"
    assert quoted(context=replace(where(), cell=1)).refusal == "outside-every-market"


@pytest.mark.parametrize(
    ("deadline_ms", "now_ms", "outcome"),
    [
        (None, NOON_MS + 30_000, QuoteOutcome.PRICED),
        (None, NOON_MS + 30_001, QuoteOutcome.EXPIRED),
        (NOON_MS + 500, NOON_MS + 500, QuoteOutcome.PRICED),
        (NOON_MS + 500, NOON_MS + 501, QuoteOutcome.EXPIRED),
        (NOON_MS + 90_000, NOON_MS + 30_001, QuoteOutcome.EXPIRED),
    ],
)
def test_deadlines(deadline_ms, now_ms, outcome):
    """The client's deadline holds, at most 30 s; its last millisecond is in time."""
    assert quoted(request_of(deadline_ms=deadline_ms), now_ms=now_ms).outcome is outcome


def test_equal_intents_at_one_tick_cost_the_same():
    """Riders differ, prices do not."""
    one, other = quoted(request_of(request_id="a", rider_id="x")), quoted(request_of(request_id="b", rider_id="y"))
    assert one.amount_minor == other.amount_minor
    assert one.quote_id != other.quote_id


def test_ids_are_golden():
    """A quote id can be recomputed from the request's for ever."""
    assert quote_id_of("r-1") == "7193b71ec281b6d85e3c56e28b907b21"
