"""What an operator orders holds in every quote, says so, and says the same as in ticks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quoted_multiplier import quoted_multiplier
from pricing.rules.reasons import Reason
from pricing.rules.standing_orders import Orders, followed, orders_of
from pricing.surge.guarded import guard
from pricing.surge.guardrails import Trail
from pricing.surge.priced_zone import priced_zone
from pricing.surge.tick import price_zone
from tests.unit.pricing.worlds import MARKET, NOON_MS, PRODUCTS, TIMES_SQUARE, ZONE, inputs_of, policy
from topics.control import CellOverride, JurisdictionCap

HUNDREDTHS = st.integers(50, 300)
NYC = MARKET.jurisdiction_of[TIMES_SQUARE]


@st.composite
def rules(draw):
    """Bounds, emergency cap, freeze and an override of any product, in any combination."""
    floor, cap = sorted((draw(HUNDREDTHS), draw(HUNDREDTHS)))
    override = draw(st.none() | HUNDREDTHS)
    return {
        "caps": [JurisdictionCap(jurisdiction=NYC, floor_hundredths=floor, cap_hundredths=cap)],
        "emergency_cap_hundredths": draw(st.none() | HUNDREDTHS),
        "freeze": draw(st.booleans()),
        "overrides": []
        if override is None
        else [CellOverride(cell=TIMES_SQUARE, product="", multiplier_hundredths=override)],
        "max_step_between_neighbours_hundredths": 10_000,
    }


@settings(max_examples=60, deadline=None)
@given(rules=rules(), wanted=HUNDREDTHS)
@example(rules={"emergency_cap_hundredths": 120}, wanted=200)
@example(rules={"caps": []}, wanted=200)
def test_a_zone_and_a_quote_follow_orders_alike(rules, wanted):
    """Before rounding, the arrays of a tick end where the one rule of quotes ends, at every multiplier."""
    ruled = policy(**rules)
    zone = priced_zone(ZONE, MARKET, ruled)
    trail = Trail(np.full((zone.cells.size, len(PRODUCTS)), wanted, np.int64))
    start = trail.value
    smooth = guard(trail, zone, previous=start, shown=start, then_ms=NOON_MS, now_ms=NOON_MS, unsure=[]).smooth
    orders = orders_of(ruled, cell=TIMES_SQUARE, product="standard", jurisdiction=NYC)
    assert smooth[zone.cells.tolist().index(TIMES_SQUARE), 0] == [*followed(wanted, orders)][-1][1]


@pytest.mark.parametrize("busy", [False, True], ids=["at 1.00", "surging"])
@pytest.mark.parametrize(
    ("ordered", "reason", "at_most"),
    [({"freeze": True}, Reason.FREEZE, 100), ({"emergency_cap_hundredths": 120}, Reason.EMERGENCY_CAP, 120)],
    ids=["freeze", "cap"],
)
@pytest.mark.parametrize("seen_by", ["no tick", "tick before", "tick after"])
def test_freeze_and_cap_stand_in_every_quote_once(busy, ordered, reason, at_most, seen_by):
    """Moved or not, ticked or not, known to the tick or not: one reason, and a chain that ends at the multiplier."""
    tick = price_zone(inputs_of(policy=policy(**(ordered if seen_by == "tick after" else {}))))
    if busy and seen_by == "tick before":
        size = len(tick.multiplier_hundredths)
        tick = replace(tick, multiplier_hundredths=[180] * size, reason_at=[], reason_code=[], reason_before=[],
                       reason_after=[])  # fmt: skip
    prepared = None if seen_by == "no tick" else PreparedTick(tick, 0, 7)
    quoted = quoted_multiplier(
        prepared, policy(**ordered), cell=TIMES_SQUARE, product="standard", jurisdiction=NYC, now_ms=NOON_MS
    )
    assert [said.code for said in quoted.reasons].count(reason.wire_name) == 1
    assert quoted.hundredths <= at_most
    assert quoted.reasons[-1].after_hundredths == quoted.hundredths


def test_without_orders_nothing_stands():
    """A price that nothing moved has no reason."""
    quoted = quoted_multiplier(None, policy(), cell=TIMES_SQUARE, product="standard", jurisdiction=NYC, now_ms=NOON_MS)
    assert (quoted.hundredths, quoted.reasons) == (100, [])


@pytest.mark.parametrize("ordered", [{"cap": 90, "emergency_cap": None}, {"cap": 300, "emergency_cap": 90}])
def test_a_freeze_lifts_no_price_above_a_cap(ordered):
    """An order that is to calm prices raises none."""
    orders = Orders(floor=50, freeze=True, override=None, **ordered)
    assert [*followed(80, orders)][-1] == (Reason.FREEZE, 90)


def test_an_override_stands_under_freeze_and_within_cap():
    """What is set by hand for one cell outlasts what is set for all, but no cap."""
    orders = Orders(floor=100, cap=300, emergency_cap=150, freeze=True, override=200)
    assert [(reason.name, after) for reason, after in followed(250, orders)] == [
        ("JURISDICTION_BOUNDS", 250),
        ("EMERGENCY_CAP", 150),
        ("FREEZE", 100),
        ("OVERRIDE", 150),
    ]
