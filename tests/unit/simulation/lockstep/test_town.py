"""The lockstep city: one seed, one result; the same people under every policy; scarcity shows as long ways."""

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from infra.cli.output import to_json
from infra.cli.simulate import world_of
from simulation.fleet import CarState
from simulation.lockstep.fitted import RatioRule
from simulation.lockstep.ground import new_york
from simulation.lockstep.pricers import TICK_MS, Asked, Fixed, Fleet, Sight
from simulation.lockstep.scenarios import SCENARIOS
from simulation.lockstep.supply_minutes import Counting, counted
from simulation.lockstep.trials import differences, pricer_of, ratio_with, town_after, trial, trials

SMALL = 150


@cache
def world():
    """The busiest two zones of New York with few drivers."""
    return replace(world_of(SMALL), ground=new_york(zones=2))


@cache
def town(scenario, hundredths, seed=1):
    """A run at one fixed price."""
    pricer = Fixed(world().ground.cells.size, 3, hundredths)
    return town_after(world(), SCENARIOS[scenario], pricer, seed)


@pytest.mark.parametrize("policy", ["none", "ratio", "faretide"])
def test_the_same_seed_gives_the_same_bytes(policy):
    """Two runs of one seed are one JSON text, another seed is another."""
    scenario = SCENARIOS["outage"]
    one, again, other = (to_json(asdict(trial(world(), scenario, policy, seed))) for seed in (3, 3, 4))
    assert one == again
    assert one != other


def test_every_policy_meets_the_same_people():
    """Who asks, where, and what a ride is worth to them does not depend on the price."""
    cheap, dear = town("steady", 100).riders, town("steady", 200).riders
    for name in ("at_ms", "x", "to_y", "cell", "fare", "worth", "match_patience_ms"):
        assert np.array_equal(getattr(cheap, name), getattr(dear, name))


def test_a_higher_price_leaves_fewer_takers():
    """Riders answer prices: the share that takes an offer falls by about the published elasticity."""
    shares = [float(each.took[each.asked_ms > 0].mean()) for each in (town("steady", 100), town("steady", 200))]
    assert shares[1] < 0.8 * shares[0]


def test_every_rider_has_one_fate_at_most():
    """Nobody is picked up and lost; whoever was either took an offer; waits are not negative."""
    each = town("new-year", 100)
    assert not (each.picked & each.lost).any()
    assert (each.took >= (each.picked | each.lost)).all()
    assert (each.wait_s >= 0).all()


def test_cars_are_where_their_riders_are():
    """A busy car has a rider of its own, an idle one none."""
    cars = town("steady", 100).cars
    busy = (cars.state == CarState.TO_PICKUP) | (cars.state == CarState.WITH_RIDER)
    assert (cars.rider[busy] >= 0).all()
    assert np.unique(cars.rider[busy]).size == int(busy.sum())
    assert (cars.rider[cars.state == CarState.IDLE] == -1).all()


def test_recorded_minutes_hold_every_car_and_every_booking():
    """A minute apart from the twentieth on; soon free cars are busy ones; who took an offer is booked once."""
    counting = Counting(Fixed(world().ground.cells.size, 3, 100))
    each = town_after(world(), SCENARIOS["steady"], counting, 1)
    span = counted(each, counting, name="steady-1")
    assert set(np.diff(span.at_ms).tolist()) == {60_000}
    assert span.at_ms[0] == each.start_ms + 20 * 60_000
    assert (span.soon_free <= span.busy).all()
    on_road = (span.idle + span.busy).sum(axis=1)
    assert 0.8 * SMALL < on_road.min() <= on_road.max() <= each.cars.size
    taken = each.took & (each.asked_ms >= span.at_ms[0]) & (each.asked_ms < span.at_ms[-1])
    assert span.bookings.sum() == taken.sum()


def test_scarcity_makes_ways_long_and_rides_few():
    """The wild goose chase: at New Year a price that keeps cars idle completes more rides with shorter ways."""
    scarce, kept = town("new-year", 100), town("new-year", 150)
    way = [float(np.nanmean(each.moments.way_s[120:])) for each in (scarce, kept)]
    assert way[0] > 1.3 * way[1]
    assert kept.picked.sum() > scarce.picked.sum()


def test_faretide_raises_prices_where_cars_are_scarce_and_hardly_elsewhere():
    """The pricing of the service, whole, moves with the city: high at New Year, near 1.00 on a usual afternoon."""
    seen = {
        name: town_after(world(), SCENARIOS[name], pricer_of("faretide", world(), SCENARIOS[name]), 1)
        for name in ("steady", "new-year")
    }
    means = {name: float(each.seen[each.asked_ms >= each.measured_ms].mean()) for name, each in seen.items()}
    assert means["new-year"] > means["steady"] + 0.02
    assert means["steady"] < 1.15


def test_differences_are_taken_seed_by_seed():
    """A policy differs from itself by nothing, with no width; one seed gives no interval."""
    found = trials(world(), SCENARIOS["steady"], ("none", "static"), (1, 2))
    found["static"] = found["none"]
    assert {(each.mean, each.low, each.high) for each in differences(found, "static")} == {(0.0, 0.0, 0.0)}
    assert differences({policy: runs[:1] for policy, runs in found.items()}, "none") == []


def test_an_outage_brings_prices_down_and_never_up():
    """While no count arrives the multiplier steps down to 1.00 and stays there."""
    each = town_after(world(), SCENARIOS["outage"], pricer_of("faretide", world(), SCENARIOS["outage"]), 2)
    prices = dict(zip(each.moments.minute, each.moments.prices, strict=True))
    before = prices[39.5]
    assert all((prices[minute] <= before).all() for minute in (41.0, 45.0))
    assert (prices[60.0] == 100).all()


def sight(now_ms, at_ms):
    """No car anywhere, and in every cell riders who asked for the first product at each of these instants."""
    cells = world().ground.cells.size
    none = np.zeros(cells, np.int64)
    fleet = Fleet(idle=np.zeros((cells, 3), np.int64), stood=none, busy=none, soon_free=none)
    at_ms = np.repeat(np.array(at_ms, np.int64), cells)
    cell = np.tile(np.arange(cells), at_ms.size // cells)
    asked = Asked(at_ms=at_ms, cell=cell, product=np.zeros(cell.size, np.int64))
    return Sight(now_ms=now_ms, fleet=lambda: fleet, asked=lambda: asked)


def test_a_rise_goes_on_from_tick_to_tick():
    """The next tick is in time although it is half a minute away: no price begins it with a step down."""
    pricer = ratio_with(RatioRule(free=0.0, slope=5.0), world())
    ticks = [10 * TICK_MS + number * TICK_MS for number in range(5)]
    highest = [int(pricer.price(sight(now_ms, [now_ms])).max()) for now_ms in ticks]
    assert highest[0] == 100
    assert highest[-1] == 160


def test_the_first_sight_after_a_silence_is_not_all_of_the_last_five_minutes():
    """A ratio rule counts who asked lately, though it hears of all at once."""
    now_ms, rule = 100 * TICK_MS, RatioRule(free=2.0, slope=0.001)
    minutes = list(range(now_ms - 26 * 60_000, now_ms, 60_000))
    prices = []
    for heard in (minutes, minutes[-5:]):
        pricer = ratio_with(rule, world())
        pricer.price(sight(now_ms - TICK_MS, []))
        prices.append(pricer.price(sight(now_ms, heard)))
    assert np.array_equal(*prices)
    assert prices[0].max() < 115, "the limit of a tick would hide the difference"
