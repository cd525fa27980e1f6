"""What `faretide up` may play: the plan of a usual day, and what happens in it."""

from dataclasses import replace
from enum import StrEnum

from simulation.plan import CityPlan, Gathering

# Assumption: a hall at Penn Station empties; the pause is short, so that whoever looks sees prices rise and fall.
CONCERT = Gathering(lat=40.7505, lon=-73.9934, per_min=180.0, every_min=6, lasting_min=4, spread_m=350.0)


class LiveScenario(StrEnum):
    """A day as usual; one on which a concert ends every six minutes; one of rain nobody expected."""

    CONCERT = "concert"
    RAIN = "rain"
    CALM = "calm"


# As in the lockstep city: a third more people ask and cars are a sixth slower, for the same cars.
RAIN_REQUESTS, RAIN_SPEED = 1.35, 0.85


def plan_of(scenario: LiveScenario, plan: CityPlan) -> CityPlan:
    """The plan with what happens on that day; cars are those of the usual one."""
    match scenario:
        case LiveScenario.CONCERT:
            return replace(plan, gatherings=(CONCERT,))
        case LiveScenario.RAIN:
            return replace(
                plan,
                scale=None if plan.scale is None else plan.scale * RAIN_REQUESTS,
                requests_per_s=plan.requests_per_s * RAIN_REQUESTS,
                speed_kmh=plan.speed_kmh * RAIN_SPEED,
                staffing_ratio=plan.staffing_ratio * RAIN_SPEED / RAIN_REQUESTS,
            )
        case LiveScenario.CALM:
            return plan
