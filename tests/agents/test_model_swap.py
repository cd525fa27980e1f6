"""Models on their way from the topic into prices: swapped between two ticks, and never believed when broken."""

import hashlib
from dataclasses import replace
from functools import lru_cache

import pytest

from agents.pricing_desk import PricingDesk
from infra.cli.seeding import shipped_model
from pricing.artefact import packed, unpacked
from pricing.defaults import new_york_market, new_york_policy
from pricing.markets import MarketBook
from pricing.models import ModelBook
from pricing.policy import PolicyBook
from pricing.zone_join import PartitionState
from tests.unit.pricing.worlds import NOON_MS, ZONE
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
