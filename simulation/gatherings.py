"""Crowds that leave one place again and again: what makes a demonstration worth watching.

A gathering ends every so many minutes of the clock, and for some minutes people leave it. Who leaves in a minute is
drawn from (seed, minute) alone, as all riders are, so a span is the same however it is asked for.
"""

import numpy as np

from simulation.history import MINUTE_MS, Pickups
from simulation.plan import Gathering
from simulation.plane import Plane


def with_gatherings(
    asked: Pickups, gatherings: tuple[Gathering, ...], plane: Plane, utc_minute: int, *, seed: int
) -> Pickups:
    """Everyone who asks in `utc_minute`, those who leave a gathering included, ascending in time."""
    parts = [asked]
    for number, each in enumerate(gatherings):
        if each.leaves_in(utc_minute):
            rng = np.random.default_rng([seed, utc_minute, 4, number])
            count = int(rng.poisson(each.per_min))
            x, y = plane.metres(np.array([each.lat]), np.array([each.lon]))
            spread = rng.normal(0.0, each.spread_m, (2, count))
            at_ms = utc_minute * MINUTE_MS + rng.integers(0, MINUTE_MS, count)
            parts.append(Pickups(at_ms=at_ms, x=x + spread[0], y=y + spread[1]))
    if len(parts) == 1:
        return asked
    at_ms, x, y = (np.concatenate([getattr(part, name) for part in parts]) for name in ("at_ms", "x", "y"))
    order = np.argsort(at_ms, kind="stable")
    return Pickups(at_ms=at_ms[order], x=x[order], y=y[order])
