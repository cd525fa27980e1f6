"""What a run came to, as numbers an economist would ask for.

Measured is what happened in the two hours after the warm-up, each thing at its own instant: offers when they were made,
rides with their way and the way to them when the rider boarded, waiting in vain when the rider gave up, hours as they
passed. Who comes back has lost nothing by the minutes between. Money is dollars.

    rider surplus   = sum over rides of fare x (worth of the ride at its wait - multiplier) - waiting in vain
    welfare         = rider surplus + what riders paid - cars' running costs - drivers' reservation earnings
"""

from dataclasses import dataclass

import numpy as np

from simulation.history import MINUTE_MS
from simulation.lockstep.decisions import offer_cost
from simulation.lockstep.pricers import TICK_MS
from simulation.lockstep.roster import HOUR_MS
from simulation.lockstep.town import Town
from simulation.plane import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. Waits are of riders who were picked up; money is dollars, per hour where the name says so.

    `asked` counts offers, so that who came back is there twice; `unfulfilled_pct` is of offers that were taken.
    """

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
    offered = town.offered
    asked, boarded, lost = map(town.is_measured, (offered.at_ms, offered.boarded_ms, offered.gave_up_ms))
    settled = int(boarded.sum() + lost.sum())
    waits = offered.wait_s[boarded]
    metered = town.riders.fare[offered.rider] * offered.multiplier
    surplus = float(_surplus(town)[boarded].sum() - _in_vain(town)[lost].sum())
    revenue = float((metered + town.riders.fee[offered.rider])[boarded].sum())
    hours = town.cars.online_ms / HOUR_MS
    running = float(town.cars.driven_m.sum()) / 1_000.0 * town.assumed.detour_ratio * town.assumed.running_cost_per_km
    reserved = float((hours * town.roster.reservation).sum())
    earned = float(town.assumed.driver_share * metered[boarded].sum())
    return Outcome(
        asked=int(asked.sum()),
        completed=int(boarded.sum()),
        mean_wait_s=_mean(waits),
        p90_wait_s=float(np.quantile(waits, 0.9)) if waits.size else float("nan"),
        unfulfilled_pct=100.0 * float(lost.sum()) / max(settled, 1),
        mean_multiplier=_mean(offered.multiplier[asked]),
        rider_surplus=surplus,
        driver_earnings_per_h=earned / max(float(hours.sum()), 1e-9),
        driver_surplus=earned - running - reserved,
        revenue=revenue,
        welfare=surplus + revenue - running - reserved,
        volatility=_volatility(town),
        at_cap_pct=100.0 * _mean((offered.multiplier[asked] * 100.0 >= cap_hundredths - 0.5).astype(np.float64)),
        online=float(hours.sum()) / (town.end_ms - town.measured_ms) * HOUR_MS,
        busy_pct=100.0 * float(town.cars.busy_ms.sum()) / max(float(town.cars.online_ms.sum()), 1.0),
    )


def _surplus(town: Town) -> Floats:
    """What the ride of each offer is worth beyond its price, dollars: negative where the wait was longer than said."""
    riders, offered, assumed = town.riders, town.offered, town.assumed
    worth = np.minimum(riders.worth, assumed.outside_ratio)[offered.rider]
    at_wait = worth / offer_cost(np.ones(worth.size), offered.wait_s, assumed)
    surplus: Floats = riders.fare[offered.rider] * (at_wait - offered.multiplier) - riders.fee[offered.rider]
    return surplus


def _in_vain(town: Town) -> Floats:
    """What waiting in vain for each offer cost, dollars."""
    offered = town.offered
    lost: Floats = town.riders.fare[offered.rider] * town.assumed.wait_worth_per_min * offered.wait_s / 60.0
    return lost


def _volatility(town: Town) -> float:
    """Mean absolute change of the first product's multiplier in a minute, hundredths, cells weighed by who asks."""
    weight = np.bincount(town.riders.cell, minlength=town.ground.cells.size)
    moments = zip(town.moments.minute, town.moments.prices, strict=True)
    ticks = np.array([prices[:, 0] for minute, prices in moments if minute >= 0.0], np.float64)
    steps = np.abs(np.diff(ticks, axis=0)).mean(axis=0)
    return float(np.average(steps, weights=weight)) * MINUTE_MS / TICK_MS


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")
