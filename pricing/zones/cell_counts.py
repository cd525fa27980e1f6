"""What a tick knew around one cell: riders by pane, and riders and cars by window, in the cell and its two rings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pricing.zones.pane_counts import PanesBySource
from pricing.zones.zone_view import ZoneView
from windows.panes import WINDOWS_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class PaneTold:
    """Riders of one pane, all products: distinct ones who asked, and accepted bookings."""

    start_ms: int
    requests: int
    bookings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowTold:
    """One window: riders who asked, the oldest pane by its fraction, and the mean of idle cars."""

    window_ms: int
    covered_ms: int
    requests: float
    idle_mean: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RingTold:
    """The cell itself (`ring` 0) or a ring around it.

    How many cells it has, its cars at the tick, its windows, and the panes that hold anything.
    """

    ring: int
    size: int
    idle: int
    busy: int
    soon_free: int
    windows: list[WindowTold]
    panes: list[PaneTold]


def rings_told(view: ZoneView, demand: PanesBySource, rings: Sequence[Sequence[int]]) -> list[RingTold]:
    """Each ring as the tick had it; `rings` are rows of the zone's layout."""
    return [_ring(view, demand, number, rows) for number, rows in enumerate(rings)]


def _ring(view: ZoneView, demand: PanesBySource, number: int, rows: Sequence[int]) -> RingTold:
    at = list(rows)
    asked = view.requests[at].sum(axis=(0, 1))
    idle_mean = view.idle_mean()[at].sum(axis=0)
    windows = [
        WindowTold(
            window_ms=window_ms,
            covered_ms=int(view.covered_ms[place]),
            requests=float(asked[place]),
            idle_mean=float(idle_mean[place]),
        )
        for place, window_ms in enumerate(WINDOWS_MS)
    ]
    return RingTold(
        ring=number,
        size=len(at),
        idle=int(view.idle_total[at].sum()),
        busy=int(view.busy[at].sum()),
        soon_free=int(view.soon_free[at].sum()),
        windows=windows,
        panes=_panes(demand, at, oldest_ms=view.now_ms - WINDOWS_MS[-1], now_ms=view.now_ms),
    )


def _panes(demand: PanesBySource, rows: Sequence[int], *, oldest_ms: int, now_ms: int) -> list[PaneTold]:
    """Panes of the longest window with a rider in them, oldest first."""
    found = []
    for start_ms in sorted(pane for pane in demand.standing if oldest_ms <= pane <= now_ms):
        requests = bookings = 0
        for counts in demand.standing[start_ms].values():
            here = np.isin(counts.at, rows)
            requests += int(counts.requests[here].sum())
            bookings += int(counts.bookings[here].sum())
        if requests or bookings:
            found.append(PaneTold(start_ms=start_ms, requests=requests, bookings=bookings))
    return found
