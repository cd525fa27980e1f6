"""The lockstep city: one seed, one result; the same people under every policy; scarcity shows as long ways."""

from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from infra.cli.output import to_json
from infra.cli.simulated_world import world_of
from simulation.fleet import CarState
from simulation.lockstep.decisions import drawn_once
from simulation.lockstep.fitted import RatioRule
from simulation.lockstep.ground import new_york
from simulation.lockstep.offers import Noting
from simulation.lockstep.outcome import outcome_of
from simulation.lockstep.pricers import TICK_MS, Asked, Fixed, Fleet, Sight
from simulation.lockstep.riders import draw_riders, usual_km_per_h
from simulation.lockstep.roster import Roster
from simulation.lockstep.scenarios import SCENARIOS, level
from simulation.lockstep.supply_minutes import Counting, counted
from simulation.lockstep.town import STEP_MS, Town
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


@cache
def crowded(hundredths):
    """An evening on which twice as many ask as usual."""
    pricer = Fixed(world().ground.cells.size, 3, hundredths)
    return town_after(world(), replace(SCENARIOS["misforecast"], requests=level(2.0)), pricer, 1)


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
    offered = [each.offered for each in (town("steady", 100), town("steady", 200))]
    shares = [float(each.took[each.at_ms > 0].mean()) for each in offered]
    assert shares[1] < 0.8 * shares[0]


def test_every_offer_has_one_fate_at_most():
    """None is boarded and given up; either was taken; waits are not negative; nobody rides twice."""
    each = crowded(100).offered
    boarded, lost = each.boarded_ms > 0, each.gave_up_ms > 0
    assert boarded.any()
    assert lost.any()
    assert not (boarded & lost).any()
    assert (each.took >= (boarded | lost)).all()
    assert (each.wait_s >= 0).all()
    assert np.bincount(each.rider[boarded]).max() == 1


def test_who_refused_and_who_waited_in_vain_comes_back_once_and_not_before_it_is_another_request():
    """Both kinds; the share of the assumptions; after two minutes at least and eight on average."""
    each = crowded(100)
    n, offered, assumed = each.riders.size, each.offered, each.assumed
    first, again = slice(0, n), offered.at_ms[n:] > 0
    ended_ms = np.where(offered.took[first], offered.gave_up_ms[first], offered.at_ms[first])
    early = (ended_ms > 0) & (ended_ms < each.end_ms - 45 * 60_000)
    for kind in (early & offered.took[first], early & ~offered.took[first]):
        came, of = int((again & kind).sum()), int(kind.sum())
        assert of > 100
        assert abs(came / of - assumed.returning_share) < 0.1
    after_ms = (offered.at_ms[n:] - ended_ms)[again & early]
    assert after_ms.min() > 120_000 - STEP_MS
    assert abs(after_ms.mean() - 480_000) < 60_000
    assert not (again & (ended_ms == 0)).any()


def test_an_outcome_counts_each_thing_at_its_own_instant():
    """A ride of who asked before the two hours and boarded in them counts; of who boarded before them, none."""
    each = town("misforecast", 100)
    offered, told = each.offered, outcome_of(each, cap_hundredths=500)
    carried_in = (offered.at_ms < each.measured_ms) & (offered.boarded_ms >= each.measured_ms)
    assert carried_in.any()
    assert told.asked == int((offered.at_ms >= each.measured_ms).sum())
    assert told.completed == int((offered.boarded_ms >= each.measured_ms).sum())
    lost = int((offered.gave_up_ms >= each.measured_ms).sum())
    assert told.unfulfilled_pct == pytest.approx(100 * lost / (lost + told.completed))


def test_streets_and_fares_are_those_of_the_hour():
    """At 14:00 New York drives 17 km/h, at 15:00 16: half the riders of `steady` pay by the second."""
    each = town("steady", 100)
    at_ms = np.array([each.measured_ms - 60_000, each.measured_ms, each.measured_ms + 3_600_000])
    assert usual_km_per_h(each.ground, at_ms).tolist() == [17.0, 17.0, 16.0]
    speeds = [each._speed(now_ms) for now_ms in at_ms.tolist()]
    assert speeds[0] == speeds[1] == pytest.approx(17 / 16 * speeds[2])


def test_drivers_who_had_enough_go_home_as_soon_as_they_are_empty():
    """Of drivers who want more than it pays all are gone after their next thought, at most 20 minutes, and a ride."""
    scenario, market, assumed = SCENARIOS["steady"], world().compiled, world().assumed
    riders = draw_riders(world().ground, market, scenario, assumed, world().decisions, seed=1)
    pricer = Fixed(world().ground.cells.size, 3)
    each = Town(world().ground, riders, scenario, assumed, pricer, products=market.product_ids, seed=1)
    for minute in range(90):
        if minute == 30:
            assert each.cars.count(CarState.WITH_RIDER) > 40
            each.roster.reservation[:] = np.inf
        for second in range(0, 60, 5):
            each.step(each.start_ms + 60_000 * minute + 1_000 * second)
    assert each.cars.count(CarState.OFFLINE) == each.cars.size


def test_what_is_drawn_depends_on_its_keys_alone():
    """Each of them counts, and the numbers are spread evenly."""
    one, all_of = drawn_once(7, 1, 500), drawn_once(7, 1, np.arange(20_000))
    assert one[0] == all_of[500]
    for other in (drawn_once(8, 1, np.arange(20_000)), drawn_once(7, 2, np.arange(20_000))):
        assert abs(np.corrcoef(all_of, other)[0, 1]) < 0.03
    assert abs(np.histogram(all_of, 10, (0.0, 1.0))[0] / 2_000 - 1.0).max() < 0.1
    assert drawn_once(7, np.arange(3)[:, None], np.arange(4)).shape == (3, 4)


def test_recorded_offers_are_all_that_were_made_and_settled():
    """Those of who came back too, in order of time."""
    pricer = pricer_of("faretide", world(), SCENARIOS["rain"])
    noting = Noting(pricer, world().ground.cells, world().compiled.product_ids)
    each = town_after(world(), SCENARIOS["rain"], noting, 1)
    offers, offered = noting.offers(each), each.offered
    settled = offered.settled & (offered.at_ms >= each.measured_ms)
    assert (settled & ~offered.first).any()
    assert np.array_equal(offers.at_ms, np.sort(offered.at_ms[settled]))
    assert offers.picked.sum() == (settled & (offered.boarded_ms > 0)).sum()
    assert (offers.accepted >= offers.picked).all()


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
    assert 0.75 * SMALL < on_road.min() <= on_road.max() <= each.cars.size
    at_ms = each.offered.at_ms
    taken = each.offered.took & (at_ms >= span.at_ms[0]) & (at_ms < span.at_ms[-1])
    assert span.bookings.sum() == taken.sum()


def test_scarcity_makes_ways_long_and_rides_few():
    """The wild goose chase: a price that keeps cars idle completes more rides of a crowd, with shorter ways."""
    scarce, kept = crowded(100), crowded(150)
    way = [float(np.nanmean(each.moments.way_s[120:])) for each in (scarce, kept)]
    assert way[0] > 1.3 * way[1]
    assert (kept.offered.boarded_ms > 0).sum() > (scarce.offered.boarded_ms > 0).sum()


def test_faretide_raises_prices_where_cars_are_scarce_and_hardly_elsewhere():
    """The pricing of the service, whole, moves with the city: high in rain that nobody prepared for, else near 1.00."""
    seen = {
        name: town_after(world(), SCENARIOS[name], pricer_of("faretide", world(), SCENARIOS[name]), 1)
        for name in ("steady", "rain")
    }
    means = {
        name: float(each.offered.multiplier[each.offered.at_ms >= each.measured_ms].mean())
        for name, each in seen.items()
    }
    assert means["rain"] - 1 > 2 * (means["steady"] - 1)
    assert means["steady"] < 1.05


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


def test_drivers_know_what_an_hour_pays():
    """Of usual pay for usual cars usual earnings come out, at once and after hours; twice the pay is known in time."""
    rank = np.arange(1.0, 101.0) / 50.0
    roster = Roster(world().assumed, rank, usual_per_h=30.0, usual_cars=60.0, phase=np.zeros(100, np.int64))
    for pay, minutes in ((30.0, 200), (60.0, 200)):
        for _ in range(minutes):
            roster.paid(pay)
            roster.minute_passed(60)
        assert roster.earnings_per_h == pytest.approx(pay, rel=1e-3)
