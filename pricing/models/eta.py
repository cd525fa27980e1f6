"""How long a rider waits for a car, from how densely idle cars stand.

For cars scattered at random the mean distance to the nearest is 1 / (2 sqrt(density)) (Clark and Evans 1954, Ecology
35); waits of real dispatch follow the same root (Castillo, Knoepfle, Weyl 2017, "Surge pricing solves the wild goose
chase").
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pricing.rules.routes import STREET_DETOUR

# Assumptions for New York: time to match and set off; speed where none is known.
MATCH_S = 60.0
USUAL_KM_PER_H = 18.0
LONGEST_S = 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """wait = match_s + s_per_root / sqrt(idle cars per km²), seconds; the defaults are the assumptions above."""

    match_s: float = MATCH_S
    s_per_root: float = STREET_DETOUR / 2.0 / USUAL_KM_PER_H * 3600.0


ASSUMED = Waits()


@lru_cache(1024)
def waits_at(km_per_h: float) -> Waits:
    """The assumed waits where cars drive that fast.

    >>> waits_at(36.0)
    Waits(match_s=60.0, s_per_root=65.0)
    """
    return Waits(s_per_root=ASSUMED.s_per_root * USUAL_KM_PER_H / km_per_h)


def eta_s(cars_per_km2: NDArray[np.float64], waits: Waits = ASSUMED) -> NDArray[np.float64]:
    """Mean wait in seconds, at most half an hour, never longer where there are more cars; elementwise, density >= 0.

    >>> eta_s(np.array([0.0, 0.25, 1.0, 4.0])).tolist()
    [1800.0, 320.0, 190.0, 125.0]
    """
    return np.minimum(LONGEST_S, waits.match_s + waits.s_per_root / np.sqrt(np.maximum(cars_per_km2, 1e-9)))


def cars_per_km2_for(wait_s: float, waits: Waits = ASSUMED) -> float:
    """Density at which the mean wait is `wait_s`; infinite if no density is enough.

    >>> cars_per_km2_for(190.0)
    1.0
    """
    if wait_s <= waits.match_s:
        return float("inf")
    return (waits.s_per_root / (wait_s - waits.match_s)) ** 2
