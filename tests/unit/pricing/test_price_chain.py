"""A price as a chain: it begins at nothing, never jumps, and ends at the amount."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pricing.explaining.price_chain import UNEXPLAINED, price_chain
from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quote import QuoteContext, answer
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
    view_of,
)
from topics.control import CellOverride
from topics.prices import PriceReason

RULES = st.fixed_dictionaries(
    {},
    optional={
        "freeze": st.booleans(),
        "emergency_cap_hundredths": st.integers(100, 300),
        "overrides": st.integers(60, 380).map(
            lambda multiplier: [CellOverride(cell=TIMES_SQUARE, product="xl", multiplier_hundredths=multiplier)]
        ),
    },
)


def quoted(*, scarce=True, age_ms=0, product="standard", dropoff_lat=40.70, **rules):
    """A quote of Times Square, where riders are many or few."""
    view = view_of(8.0, 0.0) if scarce else view_of(0.02, 3.0)
    previous = replace(price_zone(inputs_of(view)), now_ms=NOON_MS - 600_000)
    tick = PreparedTick(price_zone(inputs_of(view, previous=previous)), 2, 77)
    where = QuoteContext(
        cell=TIMES_SQUARE, zone=ZONE, market=MARKET, policy=policy(**rules), tick=None if age_ms < 0 else tick
    )
    request = request_of(product=product, dropoff_lat=dropoff_lat, at_ms=NOON_MS + max(0, age_ms))
    return answer(request, where, appended_ms=request.at_ms, now_ms=request.at_ms, request_offset=9)


@given(
    st.booleans(),
    st.sampled_from([-1, 0, 20_000, 90_000]),
    st.sampled_from(PRODUCTS),
    st.floats(40.50, 40.95),
    RULES,
)
def test_the_chain_ends_at_the_amount_and_leaves_nothing_unexplained(scarce, age_ms, product, dropoff_lat, rules):
    """Of every quote that is answered: each step begins where the last ended, each rule is there, none is made up."""
    quote = quoted(scarce=scarce, age_ms=age_ms, product=product, dropoff_lat=dropoff_lat, **rules)
    chain = price_chain(quote)
    assert (chain[0].rule, chain[0].before_minor) == ("base", 0)
    assert all(one.after_minor == two.before_minor for one, two in pairwise(chain))
    assert chain[-1].after_minor == quote.amount_minor
    assert chain[-1].after_hundredths == quote.multiplier_hundredths
    assert UNEXPLAINED not in {step.rule for step in chain}
    assert [step.rule for step in chain if step.rule in {reason.code for reason in quote.reasons}] == [
        reason.code for reason in quote.reasons
    ]


def test_what_no_rule_accounts_for_is_said_and_not_spread():
    """A quote whose reasons, line or amount do not fit shows each gap as a step of its own."""
    quote = quoted()
    late = PriceReason(code="override", before_hundredths=130, after_hundredths=quote.multiplier_hundredths)
    for broken in (
        replace(quote, reasons=[late]),
        replace(quote, reasons=[]),
        replace(quote, amount_minor=quote.amount_minor + 1),
    ):
        chain = price_chain(broken)
        assert [step.rule for step in chain].count(UNEXPLAINED) == 1
        assert chain[-1].after_minor == broken.amount_minor


def test_nothing_priced_has_no_chain():
    """A refused request cost nothing."""
    assert price_chain(quoted(dropoff_lat=10.0)) == []
