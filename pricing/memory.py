"""The long memory of a zone as a record: written every ten minutes, applied by ticks until the next.

    … ──[ record n: panes up to S ]──────────────[ record n+1: panes up to S + 10 min ]──> time
                                   ticks apply n                                  ticks apply n+1

A record is a pure function of the record before, of the zone's panes since, and of the city's ratio; a tick names the
record it applied. Panes younger than the record count in the windows, whose ratios are measured against what the memory
explains.
"""

import numpy as np
from numpy.typing import NDArray

from demand.forecast import REQUESTS_PER_PICKUP, city_level, usual_requests
from demand.long_memory import LongMemory, blank_memory, remember
from pricing.demand_model import DemandModel
from pricing.zone_state import ZoneState
from pricing.zone_view import CityView, layout_of
from topics.control import ForecastStateKept
from windows.epochs import Epoch
from windows.panes import GRACE_MS, PANE_MS, WINDOWS_MS

EVERY_MS = 600_000
MICRO = 1_000_000

Sums = NDArray[np.float64]


def closed_ms(now_ms: int) -> int:
    """End of the last ten minutes whose panes have all closed.

    >>> closed_ms(1_230_000), closed_ms(1_229_999)
    (1200000, 600000)
    """
    return (now_ms - GRACE_MS - PANE_MS) // EVERY_MS * EVERY_MS


def due_memory(last: ForecastStateKept | None, now_ms: int) -> bool:
    """Whether a new record is due."""
    return last is None or closed_ms(now_ms) > last.through_ms


def memory_of(last: ForecastStateKept | None, zone: int, now_ms: int, model: DemandModel | None) -> tuple[Sums, Sums]:
    """Observed and expected sums at `now_ms`, float64[n, H] by row of the zone's layout.

    Zeros where nothing is known.
    """
    half_lives = model.half_lives_ms if model else ()
    memory = _read(last, zone, half_lives)
    if memory is None:
        blank = np.zeros((layout_of(zone).cells.size, len(half_lives)))
        return blank, blank
    nothing = np.zeros(len(memory.observed))
    faded = remember(memory, max(now_ms, memory.through_ms), nothing, nothing)
    return faded.observed, faded.expected


def next_memory(
    last: ForecastStateKept | None,
    state: ZoneState,
    model: DemandModel,
    city: CityView,
    *,
    epoch: Epoch,
    now_ms: int,
    demand_offset: int,
) -> ForecastStateKept:
    """The zone's memory through the last closed ten minutes; without a record before, it begins with those."""
    through_ms = closed_ms(now_ms)
    layout = layout_of(state.zone)
    memory = _read(last, state.zone, model.half_lives_ms)
    if memory is None:
        memory = blank_memory(layout.cells.size, through_ms - EVERY_MS, model.half_lives_ms)
    since_ms = max(memory.through_ms, through_ms - WINDOWS_MS[-1] // EVERY_MS * EVERY_MS)
    ratio = _city_ratio(model, city, now_ms)
    expected = usual_requests(model.base, layout.cells, since_ms, through_ms, city=ratio, scale=REQUESTS_PER_PICKUP)
    memory = remember(memory, through_ms, _requests(state, since_ms, through_ms), expected)
    return ForecastStateKept(
        zone=state.zone,
        epoch_generation=epoch.generation,
        epoch_started_ms=epoch.started_ms,
        now_ms=now_ms,
        through_ms=through_ms,
        demand_offset=demand_offset,
        half_lives_ms=list(memory.half_lives_ms),
        cells=layout.cells.tolist(),
        observed_micro=np.rint(memory.observed * MICRO).astype(np.int64).reshape(-1).tolist(),
        expected_micro=np.rint(memory.expected * MICRO).astype(np.int64).reshape(-1).tolist(),
    )


def _read(last: ForecastStateKept | None, zone: int, half_lives_ms: tuple[int, ...]) -> LongMemory | None:
    """The record as sums; None if it is of other half-lives or cells, which begins the memory anew."""
    if last is None or tuple(last.half_lives_ms) != half_lives_ms or last.cells != layout_of(zone).cells.tolist():
        return None
    shape = len(last.cells), len(half_lives_ms)
    return LongMemory(
        through_ms=last.through_ms,
        half_lives_ms=half_lives_ms,
        observed=np.array(last.observed_micro, np.float64).reshape(shape) / MICRO,
        expected=np.array(last.expected_micro, np.float64).reshape(shape) / MICRO,
    )


def _requests(state: ZoneState, start_ms: int, end_ms: int) -> Sums:
    """Riders of all products in the zone's panes of `[start_ms, end_ms)`, float64[n]."""
    sums = np.zeros(state.layout.cells.size)
    for pane, by_source in state.demand.standing.items():
        if start_ms <= pane < end_ms:
            for counts in by_source.values():
                sums[counts.at] += np.add.reduce(counts.requests, axis=1)
    return sums


def _city_ratio(model: DemandModel, city: CityView, now_ms: int) -> float:
    expected = [REQUESTS_PER_PICKUP * model.base.city_expected(now_ms - int(c), now_ms) for c in city.covered_ms]
    return city_level(city.requests, np.array(expected), model.strengths)
