"""Crowds of a demonstration: on top of the usual riders, the same for the same seed, gone when they are gone."""

import numpy as np

from simulation.live_scenarios import CONCERT, LiveScenario, plan_of
from simulation.plan import CityPlan
from simulation.riders import intents_in_minute
from tests.unit.simulation.cities import minute_of, recorded

USUAL = CityPlan()
FIRST = minute_of("2026-11-17T20:00") // CONCERT.every_min * CONCERT.every_min


def asked(scenario, minute):
    """Riders of a minute of that day."""
    return intents_in_minute(recorded(), plan_of(scenario, USUAL), minute)


def test_a_concert_adds_its_crowd_to_the_usual_riders_while_people_leave() -> None:
    """In four of six minutes the crowd comes on top, around its hall; in the others nobody does."""
    more = [
        asked(LiveScenario.CONCERT, FIRST + k).at_ms.size - asked(LiveScenario.CALM, FIRST + k).at_ms.size
        for k in range(CONCERT.every_min)
    ]
    assert all(abs(count - CONCERT.per_min) < 5 * CONCERT.per_min**0.5 for count in more[: CONCERT.lasting_min])
    assert more[CONCERT.lasting_min :] == [0, 0]
    x, y = recorded().plane.metres(np.array([CONCERT.lat]), np.array([CONCERT.lon]))
    riders = asked(LiveScenario.CONCERT, FIRST)
    assert (np.hypot(riders.x - x, riders.y - y) < 3 * CONCERT.spread_m).sum() > 0.9 * CONCERT.per_min


def test_riders_of_a_concert_ask_in_order_and_alike_for_one_seed() -> None:
    """The merged minute ascends in time and is drawn from seed and minute alone."""
    one, again = asked(LiveScenario.CONCERT, FIRST), asked(LiveScenario.CONCERT, FIRST)
    assert (np.diff(one.at_ms) >= 0).all()
    assert np.array_equal(one.at_ms, again.at_ms)
    assert np.array_equal(one.x, again.x)


def test_rain_brings_more_riders_to_the_usual_cars() -> None:
    """A third more ask, and the cars are those of a dry day: rain is not on the drivers' calendar."""
    plan = plan_of(LiveScenario.RAIN, USUAL)
    cars = [each.staffing_ratio * each.requests_per_s / each.speed_kmh for each in (plan, USUAL)]
    assert abs(cars[0] / cars[1] - 1) < 1e-9
    assert asked(LiveScenario.RAIN, FIRST).at_ms.size > 1.2 * asked(LiveScenario.CALM, FIRST).at_ms.size
