"""How many riders the next minutes bring: a usual week, bent by what is seen now.

    forecast = base(city, horizon) x share(cell) x city ratio x cell ratio

Each ratio is observed over expected, pulled towards 1 as a Gamma prior pulls a Poisson rate. Ratios are nested: the
longest memory first, and each shorter one is measured against what the longer ones already explain, so nothing is
counted twice in expectation. Everything is elementwise on rows: a cell's forecast does not depend on the other rows.

The base counts pickups, the stream counts riders who ask. The step from one to the other is `REQUESTS_PER_PICKUP`, an
assumption; whatever it lacks, the city's ratio absorbs within half an hour.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.base import DemandBase
from windows.panes import WINDOWS_MS

# Assumption: two of five who ask do not ride.
REQUESTS_PER_PICKUP = 1.65
LONGEST = len(WINDOWS_MS) - 1
SHORT = WINDOWS_MS.index(8 * 60_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorStrengths:
    """How many requests a ratio's prior weighs: city at 32 and 8 min, a cell's memories, longest first, and at 32 min.

    The defaults were chosen by deviance on June 2014 with a base of April and May; none is sharp.
    """

    city_long: float = 30.0
    city_short: float = 150.0
    memory: tuple[float, ...] = (100.0, 100.0, 30.0)
    cell: float = 40.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """What was seen of n cells and of the city up to `now_ms`; zero coverage counts for nothing.

    `requests` float64[n, 6] and `city_requests` float64[6] per window of `WINDOWS_MS`, `covered_ms` int64[6] how much
    of each window was seen, `memory_observed`, `memory_expected` float64[n, H] the long memories, longest half-life
    first.
    """

    now_ms: int
    cells: NDArray[np.int64]
    requests: NDArray[np.float64]
    covered_ms: NDArray[np.int64]
    city_requests: NDArray[np.float64]
    city_covered_ms: NDArray[np.int64]
    memory_observed: NDArray[np.float64]
    memory_expected: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LiveLevel:
    """How busy it is compared with a usual week.

    `city` ratio of the whole market; `cell` float64[n] ratio of each cell beyond the city's; `share` float64[n];
    `window_expected` float64[n, 6] requests expected in the covered part of each window by base and city ratio.
    """

    city: float
    cell: NDArray[np.float64]
    share: NDArray[np.float64]
    window_expected: NDArray[np.float64]


def shrunk_ratio(observed: NDArray[np.float64], expected: NDArray[np.float64], strength: float) -> NDArray[np.float64]:
    """Observed over expected, pulled towards 1 by a prior that weighs `strength` requests; elementwise.

    The posterior mean of a Poisson rate under a Gamma prior of mean 1 (Gelman et al., Bayesian Data Analysis, 2.6).
    The prior weighs `strength` requests of whichever is more, seen or expected: in a city twenty times busier than
    the base it does not hold the ratio down. Never falls when `observed` rises; `expected` must be positive or
    `strength` be.

    >>> shrunk_ratio(np.array([0.0, 10.0, 2000.0]), np.array([10.0, 10.0, 100.0]), 10.0).round(3).tolist()
    [0.5, 1.0, 19.905]
    """
    prior = strength * np.minimum(1.0, expected / np.maximum(observed, expected))
    return (observed + prior) / (expected + prior)


def live_level(base: DemandBase, seen: Observed, strengths: PriorStrengths, *, scale: float = 1.0) -> LiveLevel:
    """How the city and each cell compare with a usual week; `scale` are requests per pickup of the base."""
    city_expected = scale * _window_expectations(base, seen.now_ms, seen.city_covered_ms)
    city = city_level(seen.city_requests, city_expected, strengths)
    share = base.shares_of(seen.cells)
    own = (city * scale) * _window_expectations(base, seen.now_ms, seen.covered_ms)
    window_expected = share[:, None] * own
    cell = np.ones(seen.cells.size)
    for column in range(seen.memory_observed.shape[1]):
        expected = np.maximum(seen.memory_expected[:, column] * cell, 1e-9)
        cell = cell * shrunk_ratio(seen.memory_observed[:, column], expected, strengths.memory[column])
    expected = np.maximum(window_expected[:, LONGEST] * cell, 1e-9)
    cell = cell * shrunk_ratio(np.ascontiguousarray(seen.requests[:, LONGEST]), expected, strengths.cell)
    return LiveLevel(city=city, cell=cell, share=share, window_expected=window_expected)


def city_level(requests: NDArray[np.float64], expected: NDArray[np.float64], strengths: PriorStrengths) -> float:
    """Ratio of the city to its usual week, from 32 and then 8 minutes; both arrays float64[6] per window."""
    expected = np.maximum(expected, 1e-9)
    long = shrunk_ratio(requests[LONGEST:], expected[LONGEST:], strengths.city_long)
    short = shrunk_ratio(requests[SHORT : SHORT + 1], expected[SHORT : SHORT + 1] * long, strengths.city_short)
    return float(long[0] * short[0])


def forecast(
    base: DemandBase, level: LiveLevel, *, now_ms: int, horizon_ms: int, scale: float = 1.0
) -> NDArray[np.float64]:
    """Requests expected in each cell in `[now_ms, now_ms + horizon_ms)`, float64[n], positive."""
    usual = scale * base.city_expected(now_ms, now_ms + horizon_ms) * level.city
    return (usual * level.share) * level.cell


def usual_requests(
    base: DemandBase, cells: NDArray[np.int64], start_ms: int, end_ms: int, *, city: float, scale: float = 1.0
) -> NDArray[np.float64]:
    """What a pane adds to the long memory's expectation, float64[n]: base and share at the city's ratio then."""
    return (scale * base.city_expected(start_ms, end_ms) * city) * base.shares_of(cells)


def _window_expectations(
    base: DemandBase, now_ms: int, covered_ms: Sequence[int] | NDArray[np.int64]
) -> NDArray[np.float64]:
    return np.array([base.city_expected(now_ms - int(covered), now_ms) for covered in covered_ms], np.float64)
