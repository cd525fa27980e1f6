"""Rows to learn from: what pricing would have seen at an instant, and what came after it.

A walk goes through recorded pickups in ten-minute steps, keeps the long memory as a live service does, and at some
instants takes one row per active cell. Nothing after an instant enters its features; features are made by the code
that prices.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from demand.base import DemandBase
from demand.forecast import LiveLevel, Observed, PriorStrengths, forecast, live_level, usual_requests
from demand.long_memory import LongMemory, blank_memory, remember
from pricing.features import FeatureInputs, feature_matrix, ring_sums
from pricing.pickup_history import MinuteCounts
from pricing.zone_view import DISK_SIZE
from windows.hexagons import disk
from windows.panes import MINUTE_MS, WINDOWS_MS

STEP_MS = 10 * MINUTE_MS
HORIZONS_MS = (5 * MINUTE_MS, 15 * MINUTE_MS, 30 * MINUTE_MS, 60 * MINUTE_MS)
FULL_WINDOWS = np.array(WINDOWS_MS, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rows:
    """`features` float32[n, F], closed-form forecast and pickups that came, float64[n], and their instant and cell."""

    features: NDArray[np.float32]
    expected: NDArray[np.float64]
    came: NDArray[np.float64]
    now_ms: NDArray[np.int64]
    cells: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walk:
    """What to walk through: counts, the base to measure against, and which cells give rows.

    `active` int64[a] rows of `counts.cells` and `neighbours` int64[a, 19] their disks (`pricing.zone_view`).
    """

    counts: MinuteCounts
    base: DemandBase
    strengths: PriorStrengths
    active: NDArray[np.int64]
    neighbours: NDArray[np.int64]


def disks_of(cells: NDArray[np.int64], active: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of each active cell's disk, ring by ring, int64[a, 19]; a cell not among `cells` is the spare row."""
    row = {cell: index for index, cell in enumerate(cells.tolist())}
    rows = np.full((active.size, DISK_SIZE), cells.size, np.int64)
    for index, cell in enumerate(cells[active].tolist()):
        inner = disk(cell, 1)
        order = (*inner, *(near for near in disk(cell, 2) if near not in inner))
        rows[index, : len(order)] = [row.get(near, cells.size) for near in order]
    return rows


def steps(walk: Walk, start_ms: int, end_ms: int) -> Iterator[tuple[Observed, LiveLevel]]:
    """What is seen at every step of `[start_ms, end_ms)`, with the memory of all steps before."""
    memory = blank_memory(walk.counts.cells.size, start_ms)
    for now_ms in range(start_ms, end_ms, STEP_MS):
        seen = observed_at(walk, memory, now_ms)
        level = live_level(walk.base, seen, walk.strengths)
        yield seen, level
        usual = usual_requests(walk.base, walk.counts.cells, now_ms, now_ms + STEP_MS, city=level.city)
        if now_ms + STEP_MS < end_ms:
            memory = remember(memory, now_ms + STEP_MS, walk.counts.between(now_ms, now_ms + STEP_MS), usual)


def observed_at(walk: Walk, memory: LongMemory, now_ms: int) -> Observed:
    """What a service would have seen at `now_ms`."""
    requests, city = walk.counts.windows_at(now_ms)
    return Observed(
        now_ms=now_ms,
        cells=walk.counts.cells,
        requests=requests,
        covered_ms=FULL_WINDOWS,
        city_requests=city,
        city_covered_ms=FULL_WINDOWS,
        memory_observed=memory.observed,
        memory_expected=memory.expected,
    )


def rows_at(walk: Walk, seen: Observed, level: LiveLevel, horizon_ms: int) -> Rows:
    """One row per active cell for the next `horizon_ms`."""
    came = walk.counts.between(seen.now_ms, seen.now_ms + horizon_ms)
    expected = forecast(walk.base, level, now_ms=seen.now_ms, horizon_ms=horizon_ms)
    inputs = inputs_at(walk.base, seen, level, active=walk.active, neighbours=walk.neighbours, horizon_ms=horizon_ms)
    return Rows(
        features=feature_matrix(inputs),
        expected=expected[walk.active],
        came=came[walk.active],
        now_ms=np.full(walk.active.size, seen.now_ms, np.int64),
        cells=walk.counts.cells[walk.active],
    )


def inputs_at(
    base: DemandBase,
    seen: Observed,
    level: LiveLevel,
    *,
    active: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    horizon_ms: int,
    scale: float = 1.0,
) -> FeatureInputs:
    """Feature inputs of the active rows; live pricing and training meet here."""
    beyond_city = level.window_expected * level.cell[:, None]
    city_expected = np.array(
        [base.city_expected(seen.now_ms - int(covered), seen.now_ms) for covered in seen.city_covered_ms]
    )
    return FeatureInputs(
        now_ms=seen.now_ms,
        time_zone=base.time_zone,
        horizon_ms=horizon_ms,
        own=seen.requests[active],
        own_expected=beyond_city[active],
        ring1=ring_sums(seen.requests, neighbours, 1, 7),
        ring1_expected=ring_sums(beyond_city, neighbours, 1, 7),
        ring2=ring_sums(seen.requests, neighbours, 7, DISK_SIZE),
        ring2_expected=ring_sums(beyond_city, neighbours, 7, DISK_SIZE),
        city=seen.city_requests,
        city_expected=city_expected * (scale * level.city),
        memory_observed=seen.memory_observed[active],
        memory_expected=seen.memory_expected[active],
        cell_ratio=level.cell[active],
        share=level.share[active],
    )


def forgetful(seen: Observed) -> Observed:
    """The same without long memory: what a new deployment sees."""
    blank = np.zeros_like(seen.memory_observed)
    return replace(seen, memory_observed=blank, memory_expected=blank)


def joined(parts: list[Rows]) -> Rows:
    """All rows, in order."""
    return Rows(
        features=np.concatenate([part.features for part in parts]),
        expected=np.concatenate([part.expected for part in parts]),
        came=np.concatenate([part.came for part in parts]),
        now_ms=np.concatenate([part.now_ms for part in parts]),
        cells=np.concatenate([part.cells for part in parts]),
    )
