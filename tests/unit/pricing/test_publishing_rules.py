"""What is refused before a market or a policy is published, each rule by a sentence that names the field."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from infra.cli.control_files import record_of
from pricing.defaults import new_york_market, new_york_policy
from pricing.rules.market_rules import faults_of_market, remarks_on_market
from pricing.rules.markets import market_of
from pricing.rules.policy import policy_of
from pricing.rules.policy_rules import faults_of_policy, remarks_on_policy
from tests.unit.pricing.worlds import MARKET, TIMES_SQUARE
from topics.catalogue import MARKETS, PRICING_POLICY
from topics.control import CellOverride, Jurisdiction, JurisdictionCap, LatLon

NOW_MS = 1_800_000_000_000
EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
POLICY = replace(new_york_policy(), effective_from_ms=NOW_MS)
NEW_YORK = replace(new_york_market(), effective_from_ms=NOW_MS)
COMPILED = market_of(NEW_YORK, 0)


def example(name, topic):
    """An example of the documentation, as the command line would read it."""
    values = json.loads((EXAMPLES / name).read_text(encoding="utf-8"))
    values.pop("about", None)
    said = {"policy_id": "p"} if topic is PRICING_POLICY else {}
    return record_of(topic, {"author": "a", "effective_from_ms": NOW_MS, **said, **values})


def square(lat, lon, side):
    """A square of so many degrees."""
    return [LatLon(lat=lat + a * side, lon=lon + b * side) for a, b in ((0, 0), (0, 1), (1, 1), (1, 0))]


def cap(jurisdiction="us-nj", floor=100, highest=200):
    return JurisdictionCap(jurisdiction=jurisdiction, floor_hundredths=floor, cap_hundredths=highest)


def override(cell=TIMES_SQUARE, product="", multiplier=150):
    return CellOverride(cell=cell, product=product, multiplier_hundredths=multiplier)


def test_what_is_shipped_may_be_published():
    """New York and the examples of the documentation break no rule, together or alone."""
    london, tokyo = (example(f"{name}-market.json", MARKETS) for name in ("london", "tokyo"))
    assert faults_of_policy(POLICY, MARKET, ["nyc"], NOW_MS) == []
    others = [market_of(london, 1), market_of(tokyo, 2)]
    assert faults_of_market(NEW_YORK, others, [policy_of(POLICY, 0)], NOW_MS) == []
    assert faults_of_market(london, [COMPILED, others[1]], [], NOW_MS) == []
    assert faults_of_market(tokyo, [COMPILED, others[0]], [], NOW_MS) == []
    assert faults_of_policy(example("london-policy.json", PRICING_POLICY), others[0], ["london"], NOW_MS) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"caps": [cap(floor=200, highest=100)]}, "caps[0].cap_hundredths must be from its floor 200 to 2000, got 100"),
        ({"caps": [cap(floor=0)]}, "caps[0].floor_hundredths must be from 1"),
        ({"caps": [cap("us-ca")]}, "caps[0].jurisdiction must be one of nyc's (us-nj, us-ny, us-ny-nyc), got 'us-ca'"),
        ({"caps": [cap(), cap()]}, "caps[0].jurisdiction must be named once, got 'us-nj' 2 times"),
        ({"overrides": [override(cell=1)]}, "overrides[0].cell must be a cell of market nyc"),
        ({"overrides": [override(product="boat")]}, "overrides[0].product must be one of standard, xl, premium"),
        ({"overrides": [override(multiplier=0)]}, "overrides[0].multiplier_hundredths must be from 1 to 2000"),
        ({"overrides": [override(), override()]}, "overrides[0] must name each cell and product once"),
        ({"emergency_cap_hundredths": 0}, "emergency_cap_hundredths must be from 1 to 2000, or null"),
        ({"effective_from_ms": NOW_MS - 60_001}, "effective_from_ms must be at most 60 s before now"),
        ({"effective_from_ms": NOW_MS * 1000}, "effective_from_ms must be at most a year after now"),
        ({"author": " "}, "author must be given"),
        ({"reason": ""}, "reason must be given"),
        ({"reason": "x" * 501}, "reason must be at most 500 characters"),
        ({"lock_ms": 600_001}, "lock_ms must be from 1000 to 600000, got 600001"),
        ({"wait_target_s": 0}, "wait_target_s must be from 30"),
        ({"stale_hold_ms": 0}, "stale_hold_ms must be from 1000"),
    ],
)
def test_a_bad_policy_is_refused_by_name(changes, sentence):
    """One rule broken is one sentence, and no other."""
    faults = faults_of_policy(replace(POLICY, **changes), MARKET, ["nyc"], NOW_MS)
    assert sentence in faults[0]
    assert len(faults) <= 2


def test_a_policy_of_no_market_is_refused_by_name():
    """The sentence names the markets there are."""
    [fault] = faults_of_policy(replace(POLICY, market="paris"), None, ["london", "nyc"], NOW_MS)
    assert fault == "market must be one that is defined by then (london, nyc), got 'paris'"


PRODUCT = NEW_YORK.products[0]
AREA = Jurisdiction(jurisdiction="one", boundary=square(40.6, -74.1, 0.2))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"market": "New York"}, "market must be of a-z, 0-9 and -"),
        ({"time_zone": "America/Gotham"}, "time_zone must be an IANA time zone such as Europe/London"),
        ({"time_zone": "../etc/passwd"}, "time_zone must be an IANA time zone"),
        ({"usual_ride_m": 2_000_000_000}, "usual_ride_m must be at most 300,000"),
        ({"km_per_h_by_hour": [25] * 23 + [2_000]}, "km_per_h_by_hour must be at most 200, got 2,000"),
        ({"currency": "usd"}, "currency must be a code of ISO 4217 such as GBP, got 'usd'"),
        ({"boundary": NEW_YORK.boundary[:2]}, "boundary must have at least three points"),
        ({"boundary": square(40, -75, 9)}, "boundary must be at most 500 km across"),
        ({"boundary": [LatLon(lat=91.0, lon=0.0)] * 3}, "boundary must have points on earth"),
        ({"boundary": [square(40, -74, 0.5)[at] for at in (0, 2, 1, 3)]}, "boundary must not cross itself"),
        ({"boundary": square(0, 0, 1e-6), "jurisdictions": []}, "boundary must hold the centre of at least one cell"),
        ({"products": []}, "products must be one or more"),
        ({"products": [PRODUCT, PRODUCT]}, "products must be each once, got 'standard' twice"),
        ({"products": [replace(PRODUCT, base_minor=-1)]}, "products[0].base_minor must be from 0"),
        ({"products": [PRODUCT]}, "demand_share_hundredths of all products must add up to 100"),
        ({"km_per_h_by_hour": [20] * 23}, "km_per_h_by_hour must be 24 positive speeds or none"),
        ({"jurisdictions": [AREA, AREA]}, "jurisdictions must each have an id of its own, got 'one' twice"),
        (
            {"jurisdictions": [AREA, replace(AREA, jurisdiction="two", boundary=square(40.7, -74.1, 0.2))]},
            "jurisdictions must not overlap, but one and two share",
        ),
        (
            {"jurisdictions": [Jurisdiction(jurisdiction="rest"), AREA]},
            "boundary of jurisdiction rest must not be empty: only the last",
        ),
        (
            {"jurisdictions": [replace(AREA, boundary=square(10, 10, 0.2))]},
            "jurisdiction one must hold at least one cell",
        ),
    ],
)
def test_a_bad_market_is_refused_by_name(changes, sentence):
    """Shape, time zone, money, products and jurisdictions, each by its rule."""
    assert sentence in faults_of_market(replace(NEW_YORK, **changes), [], [], NOW_MS)[0]


def test_markets_must_not_overlap():
    """A cell in two markets would have two currencies."""
    twin = replace(NEW_YORK, market="twin")
    [fault] = faults_of_market(twin, [COMPILED], [], NOW_MS)
    assert fault.startswith("boundary must not overlap that of market nyc, but they share 8,134 cells such as 88")


def test_what_a_policy_names_must_stay():
    """A jurisdiction, product or cell cannot leave while a policy bounds or overrides it."""
    ruled = policy_of(replace(POLICY, overrides=[override(product="xl"), override(cell=7)]), 5)
    fewer = replace(
        NEW_YORK,
        jurisdictions=[NEW_YORK.jurisdictions[0], NEW_YORK.jurisdictions[2]],
        products=[replace(PRODUCT, demand_share_hundredths=0)],
    )
    faults = faults_of_market(fewer, [], [ruled], NOW_MS)
    assert faults[0].startswith("jurisdictions must hold us-nj, which policy version 5 of nyc bounds")
    assert faults[1].startswith("products must hold xl, which policy version 5 of nyc overrides")
    assert faults[2].startswith("boundary must hold 1 cells such as 7, which policy version 5 of nyc overrides")


def test_what_is_worth_knowing_is_said():
    """Jurisdictions without bounds, overrides out of bounds, cells without law, zones of two markets."""
    rules = replace(POLICY, caps=[cap("us-ny-nyc", 110, 120)], overrides=[override()], emergency_cap_hundredths=105)
    said = " ".join(remarks_on_policy(rules, MARKET))
    assert "us-nj has no bounds" in said
    assert "105" not in said
    assert "1.05× also undercuts the floor of us-ny-nyc" in said
    assert "is held within 1.10× to 1.20×" in said
    alone = market_of(replace(NEW_YORK, jurisdictions=[NEW_YORK.jurisdictions[0]]), 0)
    beside = market_of(replace(NEW_YORK, market="beside", boundary=square(40.55, -73.44, 0.2)), 1)
    said = " ".join(remarks_on_market(alone, [beside]))
    assert "cells lie in no jurisdiction" in said
    assert "zones have cells of nyc and of beside" in said
