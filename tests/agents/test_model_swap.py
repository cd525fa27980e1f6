"""Models on their way from the topic into prices: swapped between two ticks, and never believed when broken."""

import hashlib
from dataclasses import replace
from functools import lru_cache

import pytest

from agents.pricing_desk import PricingDesk
from infra.cli.seeding import shipped_model
from pricing.defaults import new_york_market, new_york_policy
from pricing.models.artefact import packed, unpacked
from pricing.models.model_choice import ModelBook
from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quoted_multiplier import quoted_multiplier
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from tests.unit.pricing.small_models import announced
from tests.unit.pricing.worlds import NOON_MS, ZONE, policy
from windows.epochs import Epoch


@lru_cache(1)
def shipped():
    return shipped_model(NOON_MS)


def resealed(**meta):
    """The shipped model with its meta changed and its hash made right again."""
    parts = unpacked(shipped().artefact, shipped().sha256)
    artefact = packed(replace(parts, meta=parts.meta | meta))
    return replace(shipped(), version=9, artefact=artefact, sha256=hashlib.sha256(artefact).hexdigest())


BROKEN = {
    "model-hash-mismatch": lambda: replace(shipped(), artefact=b"broken" + shipped().artefact),
    "model-unreadable": lambda: replace(shipped(), artefact=b"junk", sha256=hashlib.sha256(b"junk").hexdigest()),
    "model-features-differ": lambda: resealed(features=["moon"]),
    "model-implausible": lambda: resealed(share_elsewhere=0.0),
    "model-format-unknown": lambda: replace(shipped(), format="faretide-demand/99"),
}


def desk():
    """A desk with one partition, New York and no model."""
    markets, policies = MarketBook(), PolicyBook()
    markets.learn(replace(new_york_market(), effective_from_ms=0), 0)
    policies.learn(replace(new_york_policy(), effective_from_ms=0), 0)
    made = PricingDesk(markets=markets, policies=policies, models=ModelBook(), zone_partitions=1)
    made.assigned(Epoch(1, NOON_MS), [PartitionState(0)])
    made.follow_markets(NOON_MS)
    made.read_back()
    return made


def said(of, seconds):
    """Model, fallback and named offset of the zone's tick so many seconds after noon."""
    tick = of.tick(ZONE, NOON_MS + 1_000 * seconds)
    of.ticked(tick, seconds)
    return tick.model, tick.fallback, tick.models_offset


def test_a_champion_is_swapped_between_two_ticks():
    """Announced, another version, back to the first by its alias: each tick names the one in force, no restart."""
    of = desk()
    assert said(of, 1) == ("", "no-model", -1)
    of.models.learn(shipped(), 4)
    assert said(of, 2) == ("demand@2", "", 4)
    of.models.learn(replace(shipped(), version=3), 5)
    assert said(of, 3) == ("demand@3", "", 5)
    of.models.learn(shipped(), 6)
    assert said(of, 4) == ("demand@2", "", 6)


def test_a_challenger_prices_nothing():
    """Another alias leaves the champion in force."""
    of = desk()
    of.models.learn(shipped(), 4)
    of.models.learn(replace(shipped(), version=3, alias="challenger"), 5)
    assert said(of, 1) == ("demand@2", "", 4)


@pytest.mark.parametrize("code", BROKEN)
def test_a_broken_champion_falls_back_with_its_reason_until_the_next(code):
    """The tick after a broken announcement says why it applies none; the tick after a good one applies it."""
    of = desk()
    of.models.learn(shipped(), 4)
    of.models.learn(BROKEN[code](), 5)
    assert said(of, 1) == ("", code, -1)
    of.models.learn(replace(shipped(), version=10), 6)
    assert said(of, 2) == ("demand@10", "", 6)


def used(of, seconds):
    """What the zone's tick says of pickup time, acceptance and supply: model or reason, and offset."""
    tick = of.tick(ZONE, NOON_MS + 1_000 * seconds)
    of.ticked(tick, seconds)
    return tick, {use.name: (use.model or use.fallback, use.offset) for use in tick.models_used}


def test_small_models_are_swapped_between_two_ticks():
    """Each by its name and alias, and named with its offset; a challenger and a demand model change nothing of them."""
    of = desk()
    none = ("no-model", -1)
    assert used(of, 1)[1] == {"eta": none, "acceptance": none, "supply": none}
    of.models.learn(announced("eta"), 4)
    of.models.learn(announced("acceptance", alias="challenger"), 5)
    of.models.learn(shipped(), 6)
    assert used(of, 2)[1] == {"eta": ("eta@1", 4), "acceptance": none, "supply": none}
    of.models.learn(announced("eta", version=2), 7)
    of.models.learn(announced("supply"), 8)
    assert used(of, 3)[1] == {"eta": ("eta@2", 7), "acceptance": none, "supply": ("supply@1", 8)}


def test_a_fitted_wait_is_what_the_tick_tells():
    """The empty zone: one spare car in 9.6 km², at 17 km/h; fitted 30 s and 180 s over the root of its density."""
    of = desk()
    assumed = used(of, 1)[0].eta_s[0]
    of.models.learn(announced("eta"), 4)
    fitted = used(of, 2)[0]
    assert (assumed, fitted.eta_s[0], fitted.idle_near_milli[0]) == (486, 587, 104)


def test_what_fell_back_is_told_in_tick_and_quote():
    """Broken, of another market, and none: each model its own reason, and the assumed form prices."""
    of = desk()
    of.models.learn(replace(announced("eta"), artefact=b"{}"), 4)
    of.models.learn(announced("acceptance", market="london"), 5)
    tick, said = used(of, 1)
    reasons = {"eta": "model-hash-mismatch", "acceptance": "model-of-another-market", "supply": "no-model"}
    assert said == {name: (reason, -1) for name, reason in reasons.items()}
    quoted = quoted_multiplier(
        PreparedTick(tick, 0, 1),
        policy(),
        cell=tick.cells[0],
        product="standard",
        jurisdiction="us-ny-nyc",
        now_ms=tick.now_ms,
    )
    assert {one.name: one.fallback for one in quoted.model_fallbacks} == reasons
