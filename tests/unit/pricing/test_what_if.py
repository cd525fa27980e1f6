"""Ticks priced again: the policy they were made with gives what was published, another one what it would have."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.explaining.policy_effect import Changes, Effect
from pricing.explaining.what_if import Replay, published, wanted_of
from pricing.surge.tick import price_zone
from tests.unit.pricing.worlds import MARKET, NOON_MS, PRODUCTS, TIMES_SQUARE, ZONE, city_of, inputs_of, policy, view_of
from topics.control import CellOverride, JurisdictionCap

BUSY_CITY = city_of(1500.0)


def series(moments, ruled):
    """Ticks of one zone, each after the one before, from (seconds since, requests a minute, what else is seen)."""
    made = []
    for seconds, requests, seen in moments:
        view = view_of(requests, 1.0, now_ms=NOON_MS + seconds * 1000, **seen)
        inputs = inputs_of(view, city=BUSY_CITY, policy=ruled, previous=made[-1] if made else None)
        made.append(price_zone(inputs))
    return made


def replayed(ticks, ruled):
    """What the ticks would have said under that policy."""
    replay = Replay()
    return [replay.multipliers(tick, MARKET, ruled) for tick in ticks]


YOUNG = np.full(6, 60_000, np.int64)
SEEN = st.sampled_from(
    [{}, {"supply_complete": False}, {"demand_complete": False}, {"data_age_ms": 16_000}, {"covered_ms": YOUNG}]
)
MOMENTS = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.02, 1.5]), SEEN), min_size=1, max_size=6)


@settings(max_examples=25, deadline=None)
@given(pauses=MOMENTS, freeze=st.booleans(), emergency=st.none() | st.integers(90, 200))
@example(pauses=[(1, 0.0, {}), (1, 1.5, {}), (1, 0.0, {})], freeze=False, emergency=None)
@example(pauses=[(1, 1.5, {}), (38, 1.5, {}), (33, 1.5, {"supply_complete": False})], freeze=False, emergency=None)
def test_the_policy_in_force_gives_what_was_published(pauses, freeze, emergency):
    """Whatever was seen or ordered: the same policy changes no price, so any change shown is the other policy's."""
    ruled = policy(
        freeze=freeze,
        emergency_cap_hundredths=emergency,
        overrides=[CellOverride(cell=TIMES_SQUARE, product="xl", multiplier_hundredths=137)],
    )
    seconds = np.cumsum([pause for pause, _, _ in pauses]).tolist()
    ticks = series([(at, requests, seen) for at, (_, requests, seen) in zip(seconds, pauses, strict=True)], ruled)
    for tick, again in zip(ticks, replayed(ticks, ruled), strict=True):
        assert np.array_equal(again, published(tick))


def test_another_rate_gives_what_it_would_have_given():
    """With the zone's own first tick before it, a replay under a faster rise equals ticks made with that policy."""
    moments = [(second, 1.5, {}) for second in range(0, 60, 5)]
    slow, fast = policy(), policy(max_rise_hundredths_per_min=90)
    ticks, others = series(moments, slow), series(moments, fast)
    assert [wanted_of(tick).value.tolist() for tick in ticks] == [wanted_of(tick).value.tolist() for tick in others]
    assert all(
        np.array_equal(again, published(other)) for again, other in zip(replayed(ticks, fast), others, strict=True)
    )
    assert published(others[-1]).max() > published(ticks[-1]).max()


@pytest.mark.parametrize(
    ("rules", "highest"),
    [
        ({"freeze": True}, 100),
        ({"emergency_cap_hundredths": 120}, 120),
        ({"caps": [JurisdictionCap(jurisdiction="us-ny-nyc", floor_hundredths=100, cap_hundredths=110)]}, 110),
    ],
)
def test_orders_and_caps_hold_in_a_replay(rules, highest):
    """What is ordered holds from the first tick on."""
    ticks = series([(second, 1.5, {}) for second in range(0, 120, 5)], policy())
    assert published(ticks[-1]).max() > highest
    assert max(again.max() for again in replayed(ticks, policy(**rules))) == highest


def test_a_zone_whose_products_change_starts_where_it_was_published():
    """A replay carries nothing over from cells or products that are no longer those of the tick."""
    ticks = series([(0, 1.5, {}), (60, 1.5, {})], policy())
    renamed = replace(ticks[1], products=["standard", "xl", "first"], smooth_hundredths=[100] * 147)
    replay = Replay()
    replay.multipliers(ticks[0], MARKET, policy())
    assert replay.multipliers(renamed, MARKET, policy()).max() == 100


def test_the_effect_counts_by_jurisdiction_product_and_cell():
    """Prices compared and changed, and the cells that move most first."""
    [tick] = series([(0, 0.02, {})], policy())
    before = published(tick)
    after = before.copy()
    after[3, 0] += 30
    after[4, 1] -= 10
    effect = Effect()
    effect.add(tick, MARKET, before, after)
    assert (effect.all.prices, effect.all.changed, effect.zones) == (49 * len(PRODUCTS), 2, {ZONE})
    assert [effect.by_product[name].changed for name in PRODUCTS] == [1, 1, 0]
    assert {name: changes.changed for name, changes in effect.by_jurisdiction.items()} == {"us-ny-nyc": 2}
    assert effect.top(1) == [(tick.cells[3], 10.0)]
    assert len(effect.top(9)) == 2


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60))
def test_quantiles_are_those_of_a_sorted_list(sizes):
    """Counting by size loses nothing that a list of all changes would tell."""
    changes = Changes()
    for part in (sizes[:20], sizes[20:]):
        changes.add(np.array(part, np.int64))
    moved = sorted(size for size in sizes if size)
    expected = moved and [
        moved[max(0, -(-round(q * 100) * len(moved) // 100) - 1)] for q in (0.05, 0.25, 0.5, 0.75, 0.95)
    ]
    assert changes.quantiles() == expected
