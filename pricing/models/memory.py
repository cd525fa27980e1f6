"""What a zone and its city have seen, fading: a record every ten minutes, and the panes since.

    … ──[ record n: panes up to S ]───panes since───> now             a tick: record n faded, and the panes since S
                                   ──[ record n+1: up to S + 10 min ]──> time

A record is a pure function of the record before, of the zone's and the city's panes since, and of the model's usual
week; a tick names the record it applied. Without a record the memory begins with what the model saw in training, aged
to now: nothing is back-dated, and training of long ago weighs nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.base import SLOT_MS
from demand.forecast import REQUESTS_PER_PICKUP
from demand.long_memory import LongMemory, Spans, remember
from demand.ratios import HALF_LIVES_MS, Sums
from pricing.models.demand_model import DemandModel
from pricing.zones.zone_view import layout_of
from topics.control import ForecastStateKept
from windows.epochs import Epoch
from windows.panes import GRACE_MS, PANE_MS, WINDOWS_MS

EVERY_MS = 600_000
MICRO = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PanesSince:
    """Panes of a zone and of its city from `since_ms` on, which both know in full.

    `starts` int64[m], `zone` float64[m, n] riders who asked per row of the layout, `city` float64[m] those of the city.
    """

    since_ms: int
    starts: NDArray[np.int64]
    zone: NDArray[np.float64]
    city: NDArray[np.float64]


def closed_ms(now_ms: int) -> int:
    """End of the last ten minutes whose panes have all closed.

    >>> closed_ms(1_230_000), closed_ms(1_229_999)
    (1200000, 600000)
    """
    return (now_ms - GRACE_MS - PANE_MS) // EVERY_MS * EVERY_MS


def due_memory(last: ForecastStateKept | None, now_ms: int) -> bool:
    """Whether a new record is due."""
    return last is None or closed_ms(now_ms) > last.through_ms


def since_ms(last: ForecastStateKept | None, *, now_ms: int, known_from_ms: int | None) -> int:
    """From when on panes are added to the record: what it lacks, as far as panes reach back and are known in full."""
    reach_ms = now_ms - WINDOWS_MS[-1]
    known_ms = now_ms if known_from_ms is None else known_from_ms
    oldest_ms = max(reach_ms, known_ms, last.through_ms if usable(last) and last else 0)
    return min(-(-oldest_ms // PANE_MS) * PANE_MS, now_ms)


def usable(last: ForecastStateKept | None) -> bool:
    """Whether the record holds the sums of this release; one of another release begins the memory anew."""
    return last is not None and tuple(last.half_lives_ms) == HALF_LIVES_MS and bool(last.city_observed_micro)


class RecordSums:
    """Reads the newest record of one zone once: its lists took 60 us of each tick.

    What it keeps only saves work.
    """

    __slots__ = ("_record", "_sums")

    def __init__(self) -> None:
        self._record: ForecastStateKept | None = None
        self._sums: LongMemory | None = None

    def of(self, record: ForecastStateKept | None, cells: NDArray[np.int64]) -> LongMemory | None:
        """The record as sums, rows as `cells` of the zone; None if it is of another release or other cells."""
        if record is not self._record:
            self._record, self._sums = record, _read(record, cells)
        return self._sums


def memory_at(
    last: ForecastStateKept | None,
    zone: int,
    model: DemandModel,
    panes: PanesSince,
    now_ms: int,
    *,
    sums: RecordSums | None = None,
) -> LongMemory:
    """Sums at `now_ms`, rows as in the zone's layout: the record, or what training left, and the panes since."""
    cells = layout_of(zone).cells
    memory = (sums or RecordSums()).of(last, cells) or model.memory_of(cells, panes.since_ms)
    seen, expected = _seen(panes, now_ms), _expected(model, cells, panes.since_ms, now_ms)
    return remember(memory, max(now_ms, memory.through_ms), seen, expected)


def next_memory(
    last: ForecastStateKept | None,
    zone: int,
    model: DemandModel,
    panes: PanesSince,
    *,
    epoch: Epoch,
    now_ms: int,
    demand_offset: int,
) -> ForecastStateKept:
    """The zone's memory through the last closed ten minutes; `panes` may reach beyond them."""
    through_ms = closed_ms(now_ms)
    memory = memory_at(last, zone, model, _until(panes, through_ms), through_ms)
    return ForecastStateKept(
        zone=zone,
        epoch_generation=epoch.generation,
        epoch_started_ms=epoch.started_ms,
        now_ms=now_ms,
        through_ms=through_ms,
        demand_offset=demand_offset,
        half_lives_ms=list(HALF_LIVES_MS),
        cells=layout_of(zone).cells.tolist(),
        observed_micro=_micro(memory.cells.observed),
        expected_micro=_micro(memory.cells.expected),
        city_observed_micro=_micro(memory.city.observed),
        city_expected_micro=_micro(memory.city.expected),
    )


def _micro(sums: NDArray[np.float64]) -> list[int]:
    scaled: list[int] = np.rint(sums * MICRO).astype(np.int64).reshape(-1).tolist()
    return scaled


def _read(last: ForecastStateKept | None, cells: NDArray[np.int64]) -> LongMemory | None:
    """The record as sums; None if it is of another release or other cells."""
    if last is None or not usable(last) or last.cells != cells.tolist():
        return None

    def sums(micro: list[int]) -> NDArray[np.float64]:
        return np.array(micro, np.float64).reshape(-1, len(HALF_LIVES_MS)) / MICRO

    return LongMemory(
        through_ms=last.through_ms,
        cells=Sums(observed=sums(last.observed_micro), expected=sums(last.expected_micro)),
        city=Sums(observed=sums(last.city_observed_micro)[0], expected=sums(last.city_expected_micro)[0]),
    )


def _until(panes: PanesSince, end_ms: int) -> PanesSince:
    """The panes that start before `end_ms`."""
    inside = panes.starts < end_ms
    return PanesSince(
        since_ms=min(panes.since_ms, end_ms),
        starts=panes.starts[inside],
        zone=panes.zone[inside],
        city=panes.city[inside],
    )


def _seen(panes: PanesSince, now_ms: int) -> Spans:
    """The panes as spans; the open one ends now."""
    ends_ms = np.minimum(panes.starts + PANE_MS, now_ms)
    return Spans(start_ms=panes.starts, end_ms=ends_ms, cells=panes.zone, city=panes.city)


def _expected(model: DemandModel, cells: NDArray[np.int64], start_ms: int, end_ms: int) -> Spans:
    """What the usual week expects since, cut at quarters of an hour and at whole five minutes."""
    step = SLOT_MS // 3
    edges = [start_ms, *range((start_ms // step + 1) * step, end_ms, step), end_ms]
    edges_ms = np.array(edges, np.int64)
    usual, city = model.base.expected_along(cells, edges)
    return Spans(
        start_ms=edges_ms[:-1], end_ms=edges_ms[1:], cells=REQUESTS_PER_PICKUP * usual, city=REQUESTS_PER_PICKUP * city
    )
