"""Riders of the whole city per window, from the totals every source partition publishes.

The rules of epochs are those of the zones. Nothing is kept across a restart: the topic is read back from before the
longest window, and the totals are a function of its records up to an offset.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pricing.pane_counts import PaneCounts, PanesBySource, matrix
from pricing.sources import Standing, TopicProgress
from pricing.windows_of_zone import covered_ms
from pricing.zone_state import KEPT_MS
from topics.counts import CityDemandCounted
from windows.epochs import Epoch
from windows.panes import PANE_MS, WINDOWS_MS, pane_start

_EVERY_PRODUCT = ("",)
_NOBODY = (0, 0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CityWindows:
    """Riders per window of WINDOWS_MS, float64[6], and how much of each window is known, int64[6]."""

    requests: NDArray[np.float64]
    bookings: NDArray[np.float64]
    covered_ms: NDArray[np.int64]


@dataclass(slots=True)
class CityTotals:
    """Riders per home zone and pane; `progress` says how far the topic was read and which sources are alive."""

    progress: TopicProgress = field(default_factory=TopicProgress)
    panes: PanesBySource = field(default_factory=PanesBySource)
    _sums: dict[frozenset[int], dict[int, tuple[int, int]]] = field(default_factory=dict)
    _run: tuple[tuple[int, int, frozenset[int]], NDArray[np.int64]] | None = None

    def apply(self, record: CityDemandCounted, offset: int) -> bool:
        """Take in the record at `offset` and say whether it changed any total; applied offsets are ignored.

        Raises ValueError if the lengths of its arrays contradict each other.
        """
        epoch, source, pane = (
            Epoch(record.epoch_generation, record.epoch_started_ms),
            record.source_partition,
            record.pane_start_ms,
        )
        standing = self.progress.hear(
            offset=offset,
            kind=record.kind,
            source=source,
            source_partitions=record.source_partitions,
            epoch=epoch,
            now_ms=record.now_ms,
            complete_from_ms=record.complete_from_ms,
            input_offset=record.requests_offset,
        )
        changed: set[int] = set()
        match standing:
            case Standing.COUNTED if self.progress.complete_from_ms(source) <= pane and pane >= record.now_ms - KEPT_MS:
                changed = {pane} if self.panes.count(pane, source, _counts(record)) else set()
            case Standing.HELD:
                self.panes.hold(pane, source, _counts(record))
            case Standing.COMPLETED:
                changed = self.panes.complete(source, epoch, record.complete_from_ms) or set()
        if changed:
            self._run = None
        for sums in self._sums.values():
            for stale in changed:
                sums.pop(stale, None)
        return bool(changed)

    def forget(self, now_ms: int) -> None:
        """Drop panes out of the longest window at `now_ms`."""
        self.panes.forget(pane_start(now_ms - KEPT_MS))
        self._sums.clear()
        self._run = None

    def windows(self, now_ms: int, zones: frozenset[int]) -> CityWindows:
        """Riders who asked and booked in these zones in each window ending at `now_ms`, as in `windows_of_zone`."""
        known_from_ms = self.progress.known_from_ms()
        totals = np.zeros((2, len(WINDOWS_MS)))
        if known_from_ms is not None:
            totals = self._totals(now_ms, zones, known_from_ms) / PANE_MS
        return CityWindows(requests=totals[0], bookings=totals[1], covered_ms=covered_ms(now_ms, known_from_ms))

    def requests_since(
        self, now_ms: int, since_ms: int, zones: frozenset[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Starts int64[m], oldest first, of the panes from `since_ms` on, and riders who asked in each, float64[m]."""
        starts = sorted(pane for pane in self.panes.standing if since_ms <= pane <= now_ms)
        return np.array(starts, np.int64), np.array([self._sum_of(pane, zones)[0] for pane in starts], np.float64)

    def _totals(self, now_ms: int, zones: frozenset[int], known_from_ms: int) -> NDArray[np.int64]:
        """Sums in units of riders x PANE_MS, int64[2, 6]."""
        newest = pane_start(now_ms)
        sums = self._running(newest, known_from_ms, zones)
        whole = np.array(WINDOWS_MS) // PANE_MS
        oldest = sums[whole + 1] - sums[whole]
        weighted: NDArray[np.int64] = sums[whole] * PANE_MS + oldest * (PANE_MS - (now_ms - newest))
        return weighted.T

    def _running(self, newest: int, known_from_ms: int, zones: frozenset[int]) -> NDArray[np.int64]:
        """Riders of the k youngest panes in row k, int64[panes + 1, 2]; shared by zones that tick in between."""
        wanted = newest, known_from_ms, zones
        if self._run is None or self._run[0] != wanted:
            sums = np.zeros((WINDOWS_MS[-1] // PANE_MS + 2, 2), np.int64)
            for place in range(len(sums) - 1):
                pane = newest - place * PANE_MS
                if pane >= known_from_ms and pane in self.panes.standing:
                    sums[place + 1] = self._sum_of(pane, zones)
            self._run = wanted, np.cumsum(sums, axis=0)
        return self._run[1]

    def _sum_of(self, pane: int, zones: frozenset[int]) -> tuple[int, int]:
        sums = self._sums.setdefault(zones, {})
        if pane not in sums:
            sums[pane] = _riders_in(self.panes.standing[pane], zones)
        return sums[pane]


def _riders_in(by_source: dict[int, PaneCounts], zones: frozenset[int]) -> tuple[int, int]:
    requests, bookings = _NOBODY
    for counts in by_source.values():
        for zone, asked, booked in zip(counts.at.tolist(), counts.requests[:, 0], counts.bookings[:, 0], strict=True):
            if zone in zones:
                requests, bookings = requests + int(asked), bookings + int(booked)
    return requests, bookings


def _counts(record: CityDemandCounted) -> PaneCounts:
    rows = len(record.zones)
    return PaneCounts(
        epoch=Epoch(record.epoch_generation, record.epoch_started_ms),
        requests_offset=record.requests_offset,
        decisions_offset=record.decisions_offset,
        now_ms=record.now_ms,
        products=_EVERY_PRODUCT,
        at=np.asarray(record.zones, np.int64),
        requests=matrix(record.requests, rows, 1),
        bookings=matrix(record.bookings, rows, 1),
    )
