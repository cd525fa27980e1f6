"""A tick computed again from the records it names, by a desk that knows nothing else."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from agents.pricing_desk import PricingDesk
from agents.tick_again import TickRecords, tick_again
from infra.cli.seeding import shipped_model
from pricing.defaults import new_york_market, new_york_policy
from pricing.explaining.explanation import Evidence, Place, explanation_of
from pricing.explaining.forecast_explained import forecast_told
from pricing.models.model_choice import ModelBook
from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quote import QuoteContext, answer
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.zones.zone_join import PartitionState
from tests.unit.pricing.counts_log import CELLS, SOURCES, city, demand, supply
from tests.unit.pricing.small_models import announced
from tests.unit.pricing.worlds import MARKET, NOON_MS, TIMES_SQUARE, ZONE, policy, request_of
from topics.counts import CountKind
from windows.epochs import Epoch
from windows.panes import pane_start

SECONDS = 50 * 60
STEP_S = 10
CELLS_HERE = (*CELLS[ZONE], TIMES_SQUARE)
MARKETS = [(0, replace(new_york_market(), effective_from_ms=0))]
POLICIES = [(0, replace(new_york_policy(), effective_from_ms=0))]


@lru_cache(1)
def logs():
    """Fifty minutes of counts of two sources: snapshots at the start only, cars and riders that vary, signs of life."""
    rng, cars, riders = np.random.default_rng(5), [], []
    for source in range(SOURCES):
        start = {"source": source, "now_ms": NOON_MS}
        cars.append(supply(CountKind.SNAPSHOT_COMPLETE, **start))
        riders.append(demand(CountKind.SNAPSHOT_COMPLETE, **start, complete_from_ms=pane_start(NOON_MS)))
    for second in range(0, SECONDS, STEP_S):
        now_ms = NOON_MS + second * 1_000
        for source in range(SOURCES):
            said = {"source": source, "now_ms": now_ms, "offset": second}
            here = {cell: int(rng.poisson(0.6)) for cell in CELLS_HERE}
            asked = {cell: int(rng.poisson(2.0 + second / 600)) for cell in CELLS_HERE}
            cars.append(supply(**said, idle=here))
            riders.append(demand(**said, pane=pane_start(now_ms), asked=asked))
        for source in range(SOURCES):
            said = {"source": source, "now_ms": now_ms + 900, "offset": second}
            cars.append(supply(CountKind.ALIVE, **said))
            riders.append(demand(CountKind.ALIVE, **said))
    return cars, riders, [city(one) for one in riders]


SMALL_MODELS = [(5, announced("eta")), (6, announced("acceptance")), (7, announced("supply"))]


@lru_cache(2)
def lived(*, with_model):
    """The ticks of a desk that lived through the logs, with their offsets: the last of them, and the one before."""
    markets, policies, models = MarketBook(), PolicyBook(), ModelBook()
    markets.learn(MARKETS[0][1], 0)
    policies.learn(POLICIES[0][1], 0)
    if with_model:
        models.learn(shipped_model(NOON_MS), 4)
        for offset, small in SMALL_MODELS:
            models.learn(small, offset)
    desk = PricingDesk(markets=markets, policies=policies, models=models, zone_partitions=1)
    desk.assigned(Epoch(3, NOON_MS), [PartitionState(0)])
    desk.follow_markets(NOON_MS)
    desk.read_back()
    cars, riders, totals = logs()
    told, kept = [], []
    for offset, (car, rider, total) in enumerate(zip(cars, riders, totals, strict=True)):
        desk.supply(0, car, offset, car.now_ms)
        desk.demand(0, rider, offset, rider.now_ms)
        desk.city_demand(total, offset)
        if offset % SOURCES:
            told.append(desk.tick(ZONE, car.now_ms + 40))
            desk.ticked(told[-1], len(told) - 1)
            for memory in desk.memories(car.now_ms + 40):
                kept.append(memory)
                desk.remembered(memory, len(kept) - 1)
    return told, kept


def records_of(tick, *, since=0, with_model=True, **changes):
    """What the tick names, counts from offset `since` on."""
    told, kept = lived(with_model=with_model)
    parts = [
        [*enumerate(log)][since : end + 1]
        for log, end in zip(logs(), (tick.supply_offset, tick.demand_offset, tick.city_offset), strict=True)
    ]
    named = TickRecords(
        tick=tick,
        partition=0,
        previous=told[tick.previous_offset] if tick.previous_offset >= 0 else None,
        memory=kept[tick.forecast_offset] if tick.forecast_offset >= 0 else None,
        model=shipped_model(NOON_MS) if with_model else None,
        markets=MARKETS,
        policies=POLICIES,
        supply=parts[0],
        demand=parts[1],
        city=parts[2],
        small_models=SMALL_MODELS if with_model else (),
    )
    return replace(named, **changes)


@pytest.mark.parametrize("with_model", [True, False])
@pytest.mark.parametrize("at", [0, 7, 130, 310, -1])
def test_a_tick_computed_again_is_the_tick_that_was_published(at, with_model):
    """Every field, at the first ticks and after memories were written, with a fitted model and without."""
    tick = lived(with_model=with_model)[0][at]
    assert tick_again(records_of(tick, with_model=with_model), zone_partitions=1).differing == []


def test_reading_from_before_the_longest_window_is_enough():
    """Snapshots long past are taken to have been: the tick is the same."""
    tick = lived(with_model=True)[0][-1]
    since = 2 * SOURCES * (SECONDS - 35 * 60) // STEP_S
    assert tick_again(records_of(tick, since=since), zone_partitions=1).differing == []


def test_without_a_model_it_names_the_tick_is_another():
    """The wait rests on the model of pickup time: computed again without it, the tick tells another one."""
    tick = lived(with_model=True)[0][-1]
    assert "eta_s" in tick_again(records_of(tick, small_models=()), zone_partitions=1).differing


def test_what_is_missing_shows_as_the_fields_that_differ():
    """A log cut inside the longest window, or one changed count, gives another tick, and says so."""
    tick = lived(with_model=True)[0][-1]
    assert "data_age_ms" not in tick_again(records_of(tick, since=1_100), zone_partitions=1).differing
    assert tick_again(records_of(tick, since=1_100), zone_partitions=1).differing
    named = records_of(tick)
    place = max(at for at, (_, one) in enumerate(named.supply) if one.zone)
    offset, last = named.supply[place]
    more = replace(last, idle=[count + 9 for count in last.idle], idle_by_product=[c + 9 for c in last.idle_by_product])
    again = tick_again(
        replace(named, supply=[*named.supply[:place], (offset, more), *named.supply[place + 1 :]]), zone_partitions=1
    )
    assert "supply_milli" in again.differing


def test_the_contributions_of_the_trees_add_up_to_their_margin_and_the_factors_to_the_forecast():
    """Exact Shapley values: their sum is the log of the trees' factor; the chain ends at what the tick says."""
    tick = lived(with_model=True)[0][-1]
    inputs = tick_again(records_of(tick), zone_partitions=1).inputs
    for cell in tick.cells[::7]:
        for product in tick.products:
            told = forecast_told(inputs, cell, product)
            assert sum(one.trees or 0.0 for one in told.features) + told.trees_base == pytest.approx(
                told.trees_margin, abs=1e-5
            )
            trees = next(factor for factor in told.factors if factor.name == "trees")
            assert trees.after / trees.before == pytest.approx(np.clip(np.exp(told.trees_margin), 0.5, 2.0), rel=1e-5)
            place = tick.cells.index(cell) * len(tick.products) + tick.products.index(product)
            assert told.factors[-1].after * 1_000 == pytest.approx(tick.demand_milli[place], abs=0.5 + 1e-6)
            own = [one for one in told.features if one.name != "usual" and one.log_linear]
            factors = {factor.name: factor.after / factor.before for factor in told.factors[1:]}
            assert np.exp(sum(one.log_linear for one in own)) == pytest.approx(
                factors["own-ratios"] * factors["rings"], rel=1e-5
            )


def test_without_a_model_the_ratios_alone_explain_the_forecast():
    """No trees, no contributions, and the chain still ends at what the tick says."""
    tick = lived(with_model=False)[0][-1]
    told = forecast_told(tick_again(records_of(tick, with_model=False), zone_partitions=1).inputs, TIMES_SQUARE, "xl")
    assert (told.model, told.trees_base, told.trees_margin) == ("", None, None)
    assert all(one.trees is None for one in told.features)
    place = tick.cells.index(TIMES_SQUARE) * len(tick.products) + tick.products.index("xl")
    assert told.factors[-1].after * 1_000 == pytest.approx(tick.demand_milli[place], abs=0.5 + 1e-6)


def test_the_explanation_holds_the_cells_and_riders_around():
    """Panes of the cell add up to its riders of the longest window; every source the tick names is listed."""
    tick = lived(with_model=True)[0][-1]
    where = QuoteContext(cell=TIMES_SQUARE, zone=ZONE, market=MARKET, policy=policy(), tick=PreparedTick(tick, 0, 300))
    quote = answer(
        request_of(at_ms=tick.now_ms), where, appended_ms=tick.now_ms, now_ms=tick.now_ms + 30, request_offset=9
    )
    told = explanation_of(
        Evidence(
            quote=quote,
            quote_place=Place(part="quote", topic="quotes.v1", partition=2, offset=17),
            quote_appended_ms=tick.now_ms + 50,
            tick=tick,
            recomputed=tick_again(records_of(tick), zone_partitions=1),
        )
    )
    assert told.recomputed
    assert told.differing == []
    own, first, second = told.rings
    assert (own.size, first.size, second.size) == (1, 6, 12)
    oldest_ms = pane_start(tick.now_ms) - 32 * 60_000
    whole = sum(pane.requests for pane in own.panes if pane.start_ms > oldest_ms)
    assert whole <= own.windows[-1].requests <= whole + max(pane.requests for pane in own.panes)
    assert own.idle == sum(
        one.idle[one.cells.index(TIMES_SQUARE)] for one in [car for car in logs()[0] if car.zone][-SOURCES:]
    )
    named = {place.part for place in told.sources}
    assert named >= {"quote", "request", "tick", "cars", "riders", "city", "previous tick", "memory", "model"}
    assert [one.at_ms for one in told.waterfall] == [tick.now_ms, tick.now_ms + 30, tick.now_ms + 50]


@pytest.mark.parametrize("log", ["supply", "demand", "city"])
def test_counts_that_contradict_themselves_end_no_explanation(log):
    """A cell without counts beside it: PRICING refused the record, and priced by the others."""
    tick = lived(with_model=True)[0][130]
    records = records_of(tick)
    kept = getattr(records, log)
    offset, good = next((offset, one) for offset, one in kept if one.kind is CountKind.CELLS)
    named = "zones" if log == "city" else "cells"
    broken = replace(good, **{named: [*getattr(good, named), 1]})
    place = kept.index((offset, good))
    told = replace(records, **{log: [*kept[:place], (offset, broken), *kept[place:]]})
    assert tick_again(told, zone_partitions=1) is not None
