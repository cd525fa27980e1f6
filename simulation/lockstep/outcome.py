"""What a run came to, as numbers an economist would ask for.

Measured are riders whose last offer fell after the warm-up, and cars from then on. Whoever still waits at the end is
neither completed nor unfulfilled. Money is dollars.

    rider surplus   = sum over rides of fare x (worth of the ride at its wait - multiplier) - waiting in vain
    welfare         = rider surplus + what riders paid - cars' running costs - drivers' reservation earnings
"""

from dataclasses import dataclass

import numpy as np

from simulation.lockstep.decisions import offer_cost
from simulation.lockstep.roster import HOUR_MS
from simulation.lockstep.town import Town
from simulation.plane import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. Waits are of riders who were picked up; money is dollars, per hour where the name says so."""

    asked: int
    completed: int
    mean_wait_s: float
    p90_wait_s: float
    unfulfilled_pct: float
    mean_multiplier: float
    rider_surplus: float
    driver_earnings_per_h: float
    driver_surplus: float
    revenue: float
    welfare: float
    volatility: float
    at_cap_pct: float
    online: float
    busy_pct: float


def outcome_of(town: Town, *, cap_hundredths: int) -> Outcome:
    """The numbers of a run that has ended."""
    asked = town.asked_ms >= town.measured_ms
    picked, lost = asked & town.picked, asked & town.lost
    settled = int(picked.sum() + lost.sum())
    waits = town.wait_s[picked]
    riders = town.riders
    paid = riders.fare * town.seen + riders.fee
    surplus = float(_surplus(town)[picked].sum() - _in_vain(town)[lost].sum())
    revenue = float(paid[picked].sum())
    hours = town.cars.online_ms / HOUR_MS
    running = float(town.cars.driven_m.sum()) / 1_000.0 * town.assumed.detour_ratio * town.assumed.running_cost_per_km
    reserved = float((hours * town.roster.reservation).sum())
    earned = float(town.assumed.driver_share * (riders.fare * town.seen)[picked].sum())
    return Outcome(
        asked=int(asked.sum()),
        completed=int(picked.sum()),
        mean_wait_s=_mean(waits),
        p90_wait_s=float(np.quantile(waits, 0.9)) if waits.size else float("nan"),
        unfulfilled_pct=100.0 * float(lost.sum()) / max(settled, 1),
        mean_multiplier=_mean(town.seen[asked]),
        rider_surplus=surplus,
        driver_earnings_per_h=earned / max(float(hours.sum()), 1e-9),
        driver_surplus=earned - running - reserved,
        revenue=revenue,
        welfare=surplus + revenue - running - reserved,
        volatility=_volatility(town),
        at_cap_pct=100.0 * _mean((town.seen[asked] * 100.0 >= cap_hundredths - 0.5).astype(np.float64)),
        online=float(hours.sum()) / (town.end_ms - town.measured_ms) * HOUR_MS,
        busy_pct=100.0 * float(town.cars.busy_ms.sum()) / max(float(town.cars.online_ms.sum()), 1.0),
    )


def _surplus(town: Town) -> Floats:
    """What each rider's ride is worth beyond its price, dollars: negative where the wait was longer than said."""
    riders, assumed = town.riders, town.assumed
    worth = np.minimum(riders.worth, assumed.outside_ratio)
    at_wait = worth / offer_cost(np.ones(riders.size), town.wait_s, assumed)
    surplus: Floats = riders.fare * (at_wait - town.seen) - riders.fee
    return surplus


def _in_vain(town: Town) -> Floats:
    """What waiting cost riders who gave up, dollars."""
    lost: Floats = town.riders.fare * town.assumed.wait_worth_per_min * town.wait_s / 60.0
    return lost


def _volatility(town: Town) -> float:
    """Mean absolute change of the first product's multiplier in a minute, hundredths, cells weighed by who asks."""
    weight = np.bincount(town.riders.cell, minlength=town.ground.cells.size)
    ticks = np.array([prices[:, 0] for prices in town.moments.prices], np.float64)
    steps_per_min = len(ticks) / max(town.moments.minute[-1] - town.moments.minute[0], 1e-9)
    return float(np.average(np.abs(np.diff(ticks, axis=0)).mean(axis=0), weights=weight)) * steps_per_min


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")
