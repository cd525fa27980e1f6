"""One tick of a zone: what it may do, and that it depends on nothing but its inputs."""

from dataclasses import replace

import numpy as np
import pytest
from h3.api import basic_int as h3
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quoted_multiplier import quoted_multiplier
from pricing.rules.reasons import Reason
from pricing.surge.tick import price_zone
from tests.unit.pricing.worlds import MARKET, NOON_MS, PRODUCTS, TIMES_SQUARE, ZONE, city_of, inputs_of, policy, view_of
from topics.catalogue import SURGE
from topics.codec import ObjectCodec
from topics.control import CellOverride, JurisdictionCap

BUSY = {"requests_per_min": 1.5, "idle": 1.0}
BUSY_CITY = city_of(1500.0)
YOUNG = np.full(6, 60_000, np.int64)


def busy(now_ms=NOON_MS, **changes):
    """More riders than cars everywhere."""
    return inputs_of(view_of(**BUSY, now_ms=now_ms), city=BUSY_CITY, **changes)


def ticks(count, every_ms=5_000, **changes):
    """So many ticks of a busy zone, each after the one before."""
    previous, made = None, []
    for number in range(count):
        previous = price_zone(busy(NOON_MS + number * every_ms, previous=previous, **changes))
        made.append(previous)
    return made


def standard(values):
    """The values of the first product: most riders want it, so it is the one that surges."""
    return set(values[:: len(PRODUCTS)])


def reasons_of(tick):
    return {Reason(code) for code in tick.reason_code}


def test_the_first_tick_of_a_zone_is_at_one():
    """Where there was no tick, limits in time start at 1.00."""
    tick = price_zone(busy())
    assert set(tick.smooth_hundredths) == {100}
    assert Reason.RATE_LIMIT in reasons_of(tick)


def test_waits_are_told_by_the_speed_of_the_hour():
    """The same cars are sooner there at night, when streets are empty, as the market's speeds say."""
    noon, night = (np.array(price_zone(busy(at_ms)).eta_s) for at_ms in (NOON_MS, NOON_MS + 15 * 3_600_000))
    assert (night < noon).all()


@pytest.mark.parametrize("every_ms", [250, 1_000, 5_000])
def test_a_busy_zone_rises_at_the_rate_limit_however_often_it_ticks(every_ms):
    """A minute of scarcity is worth the policy's rise per minute at any pace of ticks."""
    made = ticks(60_000 // every_ms + 1, every_ms)
    assert standard(made[-1].smooth_hundredths) == {130}


def test_more_riders_never_lower_and_more_cars_never_raise():
    """The wanted multipliers are monotone in the whole zone's requests and cars."""
    wide = policy(max_rise_hundredths_per_min=10_000, hysteresis_hundredths=0)
    start = price_zone(busy(policy=wide))
    later = NOON_MS + 5_000

    def smooth(requests, idle):
        view = view_of(requests, idle, now_ms=later)
        return np.array(price_zone(inputs_of(view, city=BUSY_CITY, policy=wide, previous=start)).smooth_hundredths)

    for less, more in ((0.1, 0.4), (0.4, 1.5), (1.5, 4.0)):
        assert (smooth(less, 2.0) <= smooth(more, 2.0)).all()
        assert (smooth(1.0, less) >= smooth(1.0, more)).all()


@settings(max_examples=40)
@given(
    st.booleans(),
    st.booleans(),
    st.sampled_from([0, 15_001, 60_000]),
    st.sampled_from([0, 60_000, 119_999, 1_920_000]),
    st.integers(1, 600_000),
)
def test_unsure_data_never_raises_a_price(supply, demand, age_ms, covered_ms, later_ms):
    """Silent partitions, old counts or a young zone: no multiplier ends above the tick before, rounding included."""
    if supply and demand and age_ms == 0 and covered_ms == 1_920_000:
        supply = False
    before = ticks(5, 53_000)[-1]
    view = replace(
        view_of(**BUSY, now_ms=before.now_ms + later_ms),
        supply_complete=supply,
        demand_complete=demand,
        data_age_ms=age_ms,
        covered_ms=np.minimum(view_of().covered_ms, covered_ms),
    )
    after = price_zone(inputs_of(view, city=BUSY_CITY, previous=before))
    assert (np.array(after.smooth_hundredths) <= np.array(before.smooth_hundredths)).all()
    rose = np.array(after.multiplier_hundredths) > np.array(before.multiplier_hundredths)
    assert not rose.any()
    assert set(after.propensity_hundredths) == {100}


#   tick 1.19, shown as 1.10 ┊── 15 s held ──┊── 18 s, 0.09 down ──┊ quoted 1.01, then a tick on missing data
@settings(max_examples=60, deadline=None)
@given(
    st.integers(100, 300),
    st.integers(-9, 9),
    st.integers(0, 600_000),
    st.sampled_from(
        [{"supply_complete": False}, {"demand_complete": False}, {"data_age_ms": 15_001}, {"covered_ms": YOUNG}]
    ),
)
@example(119, -9, 33_000, {"supply_complete": False})
def test_a_tick_on_unsure_data_raises_no_quote(smooth, off, later_ms, seen):
    """However long the pause and however the last tick was rounded: riders are told no more than a moment before."""
    first = price_zone(busy())
    size = len(first.cells) * len(PRODUCTS)
    before = replace(first, smooth_hundredths=[smooth] * size, multiplier_hundredths=[max(100, smooth + off)] * size)
    view = replace(view_of(**BUSY, now_ms=NOON_MS + later_ms), **seen)
    after = price_zone(inputs_of(view, city=BUSY_CITY, previous=before))
    old, new = (PreparedTick(tick, 0, 7) for tick in (before, after))

    def quoted(tick, cell, product):
        place = {"cell": cell, "product": product, "jurisdiction": MARKET.jurisdiction_of[cell]}
        return quoted_multiplier(tick, policy(), **place, now_ms=view.now_ms).hundredths

    for cell in before.cells[::6]:
        assert all(quoted(new, cell, product) <= quoted(old, cell, product) for product in PRODUCTS)


def test_stale_data_steps_down_to_one_at_the_rate_limit():
    """After a minute of old counts a multiplier is the policy's fall lower, and in the end 1.00."""
    previous = ticks(5, 60_000)[-1]
    started = previous.smooth_hundredths[0]
    seen = []
    for _ in range(8):
        view = view_of(**BUSY, now_ms=previous.now_ms + 30_000, data_age_ms=15_001)
        previous = price_zone(inputs_of(view, city=BUSY_CITY, previous=previous))
        seen.append(previous.smooth_hundredths[0])
    assert seen[1] == started - 30
    assert seen[-1] == 100


@pytest.mark.parametrize("complete", [True, False], ids=["good data", "missing data"])
def test_after_a_pause_a_zone_goes_on_from_what_riders_were_told(complete):
    """Quotes stepped down with the age of the last tick; the next one is no leap back, least of all on missing data."""
    previous = ticks(24, 10_000)[-1]
    assert min(previous.smooth_hundredths[:: len(PRODUCTS)]) >= 180
    later_ms = previous.now_ms + 75_000
    told = np.maximum(100, np.array(previous.smooth_hundredths) - 30)
    view = view_of(**BUSY, now_ms=later_ms, supply_complete=complete)
    smooth = np.array(price_zone(inputs_of(view, city=BUSY_CITY, previous=previous)).smooth_hundredths)
    assert (smooth <= told + (30 if complete else 0)).all()


def test_bounds_and_hands_reach_into_no_neighbour():
    """The step between neighbours holds among cells under the same law and set by no hand."""
    by_hand = [CellOverride(cell=TIMES_SQUARE, product="", multiplier_hundredths=100)]
    free, held = (ticks(24, 10_000, policy=policy(overrides=overrides))[-1] for overrides in ([], by_hand))
    freely, beside = (np.array(tick.smooth_hundredths[:: len(PRODUCTS)]) for tick in (free, held))
    assert beside[free.cells.index(TIMES_SQUARE)] == 100
    assert (beside != freely).sum() == 1


def test_an_override_of_a_product_is_of_no_other_product():
    """What no hand has set keeps the limit between cells, also where each of two cells has something set by hand."""
    first = price_zone(busy())
    spot, beside = (first.cells.index(cell) for cell in (TIMES_SQUARE, next(iter(h3.grid_ring(TIMES_SQUARE, 1)))))
    smooth = np.array(first.smooth_hundredths).reshape(-1, len(PRODUCTS))
    smooth[spot, 0], smooth[:, 1] = 260, 260
    smooth[spot, 1] = 100
    raised = replace(first, smooth_hundredths=smooth.ravel().tolist())

    def stepped(*overrides):
        by_hand = [
            CellOverride(cell=first.cells[row], product=PRODUCTS[column], multiplier_hundredths=100)
            for row, column in overrides
        ]
        tick = price_zone(busy(NOON_MS + 250, previous=raised, policy=policy(overrides=by_hand)))
        return np.array(tick.smooth_hundredths).reshape(-1, len(PRODUCTS))

    free, one, two = stepped(), stepped((spot, 1)), stepped((spot, 1), (beside, 2))
    assert free[spot, 0] == one[spot, 0] <= 142
    assert free[beside, 1] <= 142
    assert one[beside, 1] == two[beside, 1] >= 258


def test_caps_are_those_of_the_cells_own_jurisdiction():
    """A cap bounds the cells of its jurisdiction and says so; the rounded price stays within it."""
    caps = [JurisdictionCap(jurisdiction="us-ny-nyc", floor_hundredths=100, cap_hundredths=125)]
    tick = ticks(4, 60_000, policy=policy(caps=caps, max_step_between_neighbours_hundredths=900))[-1]
    for index, cell in enumerate(tick.cells):
        for multiplier in tick.multiplier_hundredths[3 * index : 3 * index + 3]:
            assert multiplier <= (125 if MARKET.jurisdiction_of[cell] == "us-ny-nyc" else 100)
    assert max(tick.multiplier_hundredths) == 125
    assert Reason.JURISDICTION_BOUNDS in reasons_of(tick)


def test_freeze_is_one_everywhere_but_an_override_stands():
    """While frozen nothing applies but what is set by hand, within caps."""
    by_hand = [CellOverride(cell=TIMES_SQUARE, product="xl", multiplier_hundredths=900)]
    tick = ticks(3, 60_000, policy=policy(freeze=True, overrides=by_hand))[-1]
    at = tick.cells.index(TIMES_SQUARE) * 3 + PRODUCTS.index("xl")
    assert tick.multiplier_hundredths[at] == 300
    assert {m for index, m in enumerate(tick.multiplier_hundredths) if index != at} == {100}


def test_the_emergency_cap_binds_at_once():
    """A cap set over everything does not wait for the rate limit."""
    before = ticks(5, 60_000)[-1]
    after = price_zone(busy(before.now_ms + 250, previous=before, policy=policy(emergency_cap_hundredths=110)))
    assert standard(after.multiplier_hundredths) == {110}
    assert Reason.EMERGENCY_CAP in reasons_of(after)


def test_equal_inputs_give_equal_ticks():
    """A tick is a pure function: twice the same inputs, twice the same record."""
    assert price_zone(busy()) == price_zone(busy())


def test_numbers_in_arrays_are_those_in_lists():
    """Whatever form a tick has its numbers in, it is published as the same bytes, and the next one follows it alike."""
    lists, arrays = price_zone(busy()), price_zone(busy(), as_arrays=True)
    codec = ObjectCodec(SURGE, 1)
    assert isinstance(arrays.cells, np.ndarray)
    assert codec.encode(arrays) == codec.encode(lists)
    later = [price_zone(busy(NOON_MS + 2_000, previous=previous)) for previous in (lists, arrays)]
    assert later[0] == later[1]


def test_every_move_of_a_price_has_its_reason():
    """The chain of reasons at each position leads from 1.00 to the published multiplier without a gap."""
    tick = ticks(7, 30_000)[-1]
    value = dict.fromkeys(range(len(tick.multiplier_hundredths)), 100)
    for at, before, after in zip(tick.reason_at, tick.reason_before, tick.reason_after, strict=True):
        assert value[at] == before
        value[at] = after
    assert list(value.values()) == tick.multiplier_hundredths


def test_a_tick_names_its_inputs():
    """Offsets, epoch, model and completeness of the inputs stand in the record."""
    tick = price_zone(busy())
    assert (tick.supply_offset, tick.demand_offset, tick.city_offset, tick.policy_offset) == (10, 20, 30, 3)
    assert (tick.epoch_generation, tick.epoch_started_ms, tick.model, tick.fallback) == (4, 1_000, "", "no-model")
    assert tick.cells == sorted(tick.cells)
    assert len(tick.eta_s) == len(tick.demand_milli) == len(tick.cells) * 3


def test_products_of_another_order_are_refused_by_name():
    """A view whose product axis is not the market's would price one product as another."""
    with pytest.raises(ValueError, match="products must be"):
        price_zone(inputs_of(replace(view_of(), products=PRODUCTS[::-1])))


def test_a_zone_outside_the_market_gives_an_empty_tick():
    """Cells the market does not hold are not priced."""
    market = replace(MARKET, jurisdiction_of={})
    assert price_zone(inputs_of(market=market)).cells == []


def test_a_new_product_starts_at_one():
    """Limits in time follow cell and product by name when the market changes between ticks."""
    before = ticks(24, 10_000)[-1]
    renamed = replace(before, products=["standard", "gone", "premium"])
    after = price_zone(
        busy(before.now_ms + 250, previous=renamed, policy=policy(max_step_between_neighbours_hundredths=900))
    )
    smooth = np.array(after.smooth_hundredths).reshape(-1, 3)
    assert (smooth[:, 1] <= 101).all()
    assert (smooth[:, 0] >= 180).all()


def test_the_zone_of_times_square_is_priced_whole():
    """All 49 cells of the zone lie in the market."""
    assert price_zone(inputs_of()).zone == ZONE
    assert len(price_zone(inputs_of()).cells) == 49
