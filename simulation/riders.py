"""Who asks, where to, for what, and how they will make up their mind.

Everything about a rider is drawn when the minute they ask in is drawn, including the number they will decide by. So the
order in which answers come back changes nobody's mind.
"""

from dataclasses import dataclass

import numpy as np

from simulation.gatherings import with_gatherings
from simulation.history import DAY_MIN, History, Ints, Pickups, expand, like_days, pickups_in_minute
from simulation.plan import CityPlan
from simulation.plane import Floats

_POOL = 2_048  # recorded pickups a minute draws its dropoffs from
_CHOICES = 64  # of them one rider weighs


@dataclass(frozen=True, slots=True, kw_only=True)
class Intents:
    """Riders of one minute, ascending by `at_ms`; arrays of one length n.

    `at_ms` int64, epoch ms UTC, is when they want to ask. `x`, `y`, `to_x`, `to_y` float64 are metres. `product` int64
    counts the plan's product shares, `rider` int64 the people. `mood` float64 in [0, 1): accepts if below the accepted
    share of the offer. `think_ms` int64 from quote to acceptance. `regret` float64 in [0, 1): calls off if below the
    cancelled share.
    """

    at_ms: Ints
    x: Floats
    y: Floats
    to_x: Floats
    to_y: Floats
    product: Ints
    rider: Ints
    mood: Floats
    think_ms: Ints
    regret: Floats


def intents_in_minute(history: History, plan: CityPlan, utc_minute: int) -> Intents:
    """The riders of `utc_minute`; drawn from (seed, minute) alone."""
    usual = pickups_in_minute(history, plan, utc_minute)
    asked = with_gatherings(usual, plan.gatherings, history.plane, utc_minute, seed=plan.seed)
    rng = np.random.default_rng([plan.seed, utc_minute, 2])
    to_x, to_y = destinations(asked, *pool_of(history, plan, utc_minute, rng), plan, rng)
    n = asked.at_ms.size
    shares = np.array([each.share for each in plan.product_shares])
    return Intents(
        at_ms=asked.at_ms,
        x=asked.x,
        y=asked.y,
        to_x=to_x,
        to_y=to_y,
        product=rng.choice(shares.size, n, p=shares / shares.sum()),
        rider=rng.integers(0, plan.riders, n),
        mood=rng.random(n),
        think_ms=rng.integers(*plan.think_ms, n, endpoint=True),
        regret=rng.random(n),
    )


def pool_of(history: History, plan: CityPlan, utc_minute: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Places of recorded pickups, drawn from the half hours around this local minute on all days like it, metres."""
    day, minute = divmod(history.local_minute(utc_minute), DAY_MIN)
    middles = like_days(history, day) * DAY_MIN + minute
    first = np.searchsorted(history.minutes, middles - plan.period_min)
    rows = expand(first, np.searchsorted(history.minutes, middles + plan.period_min) - first)
    if not rows.size:
        rows = np.arange(history.minutes.size)
    drawn = rows[rng.integers(0, rows.size, _POOL)]
    return history.x[drawn], history.y[drawn]


def destinations(
    asked: Pickups, pool_x: Floats, pool_y: Floats, plan: CityPlan, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Dropoffs float64[n], metres: each rider weighs some of the pool by exp(−distance / kernel).

    None is nearer than the least trip. A rider with nothing in the pool far enough goes one kernel length in any
    direction.
    """
    n = asked.at_ms.size
    seen = rng.integers(0, pool_x.size, (n, _CHOICES))
    away = np.hypot(pool_x[seen] - asked.x[:, None], pool_y[seen] - asked.y[:, None])
    reach = np.cumsum(np.exp(-away / plan.kernel_m) * (away >= plan.least_trip_m), axis=1)
    drawn = (reach <= (rng.random(n) * reach[:, -1])[:, None]).sum(axis=1)
    chosen = seen[np.arange(n), np.minimum(drawn, _CHOICES - 1)]
    bearing = rng.random(n) * 2 * np.pi
    nowhere = reach[:, -1] <= 0
    length = max(plan.kernel_m, plan.least_trip_m)
    to_x = np.where(nowhere, asked.x + np.cos(bearing) * length, pool_x[chosen])
    to_y = np.where(nowhere, asked.y + np.sin(bearing) * length, pool_y[chosen])
    return to_x, to_y
