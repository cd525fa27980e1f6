"""How many cars the city has on the road.

Little's law: cars needed = rides per second × seconds a ride keeps a car. Drivers know their day but not the minute, so
the number follows a mean over hours: enough between peaks, short at peaks.
"""

from math import ceil

import numpy as np

from simulation.history import DAY_MIN, History, expected_per_s
from simulation.plan import CityPlan

MEAN_TRIP_M = 3_500.0  # straight, as the default kernel gives on the recorded pickups; a test holds it
MEAN_WAY_M = 500.0  # straight way to the rider, measured in the default city
_STEP_MIN = 15


def seconds_per_ride(plan: CityPlan) -> float:
    """Time one ride keeps a car: the way to the rider, the trip, and on average half a ping to notice each arrival."""
    return (MEAN_WAY_M + MEAN_TRIP_M) / plan.speed_m_per_s + plan.ping_ms / 1_000


def cars_needed(history: History, plan: CityPlan, utc_minute: int) -> float:
    """Cars that carry or fetch someone on average in the hours around `utc_minute`."""
    around = range(
        utc_minute - plan.staffing_half_window_min, utc_minute + plan.staffing_half_window_min + 1, _STEP_MIN
    )
    per_s = float(np.mean([expected_per_s(history, plan, minute) for minute in around]))
    rides_per_s = per_s * plan.accepted_share * (1 - plan.cancelled_share)
    return rides_per_s * seconds_per_ride(plan)


def cars_online(history: History, plan: CityPlan, utc_minute: int) -> int:
    """Cars on the road in `utc_minute`, at least one."""
    return max(1, ceil(plan.staffing_ratio * cars_needed(history, plan, utc_minute)))


def fleet_size(history: History, plan: CityPlan, utc_minute: int) -> int:
    """Cars the city owns: the plan's number, or those online at the busiest time of the day around `utc_minute`."""
    if plan.drivers is not None:
        return plan.drivers
    day = range(utc_minute - DAY_MIN // 2, utc_minute + DAY_MIN // 2, 60)
    return max(cars_online(history, plan, minute) for minute in day)


def busy_share(history: History, plan: CityPlan, utc_minute: int, *, online: int) -> float:
    """Share of the `online` cars that carry or fetch someone on average: what the city begins with."""
    return min(1.0, cars_needed(history, plan, utc_minute) / online)
