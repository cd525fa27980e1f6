"""The usual week of recorded pickups: smoothed over time and over neighbouring cells.

Every step is circular within the week or local in space and uses only the pickups given, so what comes after them
cannot leak in.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from demand.base import SLOT_MS, SLOTS_PER_DAY, SLOTS_PER_WEEK, DemandBase, slot_of
from windows.hexagons import disk

# Widths by eye on April to June, and mild: a quarter of an hour blends with about its two neighbours on either side.
TIME_WIDTH_SLOTS = 2.0
DAY_BLEND = 0.15
RING_WEIGHTS = (1.0, 0.02, 0.005)
LEAST_PICKUPS = 0.5
LEAST_PER_MIN = 1e-3


def measured_base(
    at_ms: NDArray[np.int64], cells: NDArray[np.int64], spans: Sequence[tuple[int, int]], time_zone: str
) -> DemandBase:
    """The usual week of the pickups (`at_ms`, `cells` int64[n]) recorded in the spans `[start_ms, end_ms)`.

    Raises ValueError if there are none.
    """
    if not at_ms.size:
        raise ValueError("at_ms must hold at least one pickup, got none")
    kept, share, elsewhere = _shares(cells)
    return DemandBase(
        time_zone=time_zone,
        city_per_min=_week(at_ms, spans, time_zone),
        cells=kept,
        share=share,
        share_elsewhere=elsewhere,
    )


def _week(at_ms: NDArray[np.int64], spans: Sequence[tuple[int, int]], time_zone: str) -> NDArray[np.float64]:
    """Pickups per minute in each slot of the local week, smoothed along the week and drawn a little to the mean day."""
    recorded = [q for start_ms, end_ms in spans for q in range(start_ms // SLOT_MS, -(-end_ms // SLOT_MS))]
    quarters, seen = np.unique(at_ms // SLOT_MS, return_counts=True)
    slots = [slot_of(time_zone, quarter) for quarter in quarters.tolist()]
    pickups = np.bincount(slots, seen, minlength=SLOTS_PER_WEEK)
    times = np.bincount([slot_of(time_zone, quarter) for quarter in recorded], minlength=SLOTS_PER_WEEK)
    minutes = times * (SLOT_MS / 60_000)
    rate = _smoothed_along(pickups) / np.maximum(_smoothed_along(minutes), 1.0)
    days = rate.reshape(7, SLOTS_PER_DAY)
    mean_day = np.add.reduce(days, axis=0) / 7
    blended: NDArray[np.float64] = np.maximum((1 - DAY_BLEND) * days + DAY_BLEND * mean_day, LEAST_PER_MIN)
    return blended.reshape(-1)


def _smoothed_along(week: NDArray[Any]) -> NDArray[np.float64]:
    """Circular Gaussian smoothing of one value per slot of the week."""
    total = np.zeros(week.size)
    for shift in range(-8, 9):
        total = total + math.exp(-0.5 * (shift / TIME_WIDTH_SLOTS) ** 2) * np.roll(week, shift)
    return total


def _shares(cells: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Cells known, each one's part of all pickups lent in small part to its rings, and the part of any other cell."""
    names, counts = np.unique(cells, return_counts=True)
    spread: dict[int, float] = {}
    for cell, count in zip(names.tolist(), counts.tolist(), strict=True):
        inner, outer = disk(cell, 1), disk(cell, 2)
        for near in outer:
            weight = RING_WEIGHTS[0] if near == cell else RING_WEIGHTS[1] if near in inner else RING_WEIGHTS[2]
            spread[near] = spread.get(near, 0.0) + weight * count
    kept = np.array(sorted(spread), np.int64)
    weights = np.array([spread[cell] for cell in kept.tolist()]) + LEAST_PICKUPS
    total = float(np.add.reduce(weights))
    return kept, weights / total, LEAST_PICKUPS / total
