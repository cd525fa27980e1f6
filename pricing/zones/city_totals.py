"""Riders of the whole city per pane, from the totals every source partition publishes.

The rules of epochs are those of the zones. Nothing is kept across a restart: the topic is read back from before the
longest window, and the totals are a function of its records up to an offset.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pricing.zones.pane_counts import PaneCounts, PanesBySource, matrix
from pricing.zones.pane_ring import PaneRing
from pricing.zones.sources import Standing, TopicProgress
from pricing.zones.zone_state import KEPT_MS
from topics.counts import CityDemandCounted
from windows.epochs import Epoch
from windows.panes import PANE_MS, WINDOWS_MS, pane_start

_EVERY_PRODUCT = ("",)


@dataclass(slots=True)
class CityTotals:
    """Riders per home zone and pane; `progress` says how far the topic was read and which sources are alive."""

    progress: TopicProgress = field(default_factory=TopicProgress)
    panes: PanesBySource = field(default_factory=PanesBySource)
    _of_zones: dict[frozenset[int], "_ZonesRead"] = field(default_factory=dict)

    def apply(self, record: CityDemandCounted, offset: int) -> bool:
        """Take in the record at `offset` and say whether it changed any total; applied offsets are ignored.

        Raises ValueError if the lengths of its arrays contradict each other.
        """
        standing, epoch = self.hear(record, offset), Epoch(record.epoch_generation, record.epoch_started_ms)
        source, pane = record.source_partition, record.pane_start_ms
        changed: set[int] = set()
        match standing:
            case Standing.COUNTED if self.progress.complete_from_ms(source) <= pane and pane >= record.now_ms - KEPT_MS:
                changed = {pane} if self.panes.count(pane, source, counts_of(record)) else set()
            case Standing.HELD:
                self.panes.hold(pane, source, counts_of(record))
            case Standing.COMPLETED:
                changed = self.panes.complete(source, epoch, record.complete_from_ms) or set()
        for read in self._of_zones.values():
            read.unread |= changed
        return bool(changed)

    def hear(self, record: CityDemandCounted, offset: int) -> Standing:
        """Note who spoke at `offset`, and say what the counts there are worth; they are left aside."""
        return self.progress.hear(
            offset=offset,
            kind=record.kind,
            source=record.source_partition,
            source_partitions=record.source_partitions,
            epoch=Epoch(record.epoch_generation, record.epoch_started_ms),
            now_ms=record.now_ms,
            complete_from_ms=record.complete_from_ms,
            input_offset=record.requests_offset,
        )

    def forget(self, now_ms: int) -> None:
        """Drop panes out of the longest window at `now_ms`."""
        oldest_ms = pane_start(now_ms - KEPT_MS)
        self.panes.forget(oldest_ms)
        self._of_zones = {zones: read for zones, read in self._of_zones.items() if read.newest >= oldest_ms}

    def requests_since(
        self, now_ms: int, since_ms: int, zones: frozenset[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Starts int64[m], oldest first, of the panes from `since_ms` on, and riders who asked in each, float64[m]."""
        starts, riders = self._read(now_ms, zones).since(now_ms, since_ms)
        return starts, riders[:, 0]

    def _read(self, now_ms: int, zones: frozenset[int]) -> PaneRing:
        """Panes of these zones, with all that changed up to the open one."""
        read = self._of_zones.get(zones)
        if read is None or pane_start(now_ms) < read.newest:  # old panes may have left the ring
            read = self._of_zones[zones] = _ZonesRead(PaneRing(1), set(self.panes.standing))
        read.newest = pane_start(now_ms)
        due = [pane for pane in read.unread if pane <= now_ms]
        read.unread.difference_update(due)
        for pane in due:
            if pane >= read.newest - WINDOWS_MS[-1] - PANE_MS:
                read.ring.put(pane, np.array([_riders_in(self.panes.standing.get(pane, {}), zones)]))
        return read.ring


@dataclass(slots=True)
class _ZonesRead:
    """Panes of some zones up to `newest`, and those that changed since they were put there.

    Zones that tick one after the other share it; to add the panes up again for each took 0.1 ms of a tick.
    """

    ring: PaneRing
    unread: set[int]
    newest: int = 0


def _riders_in(by_source: dict[int, PaneCounts], zones: frozenset[int]) -> int:
    riders = 0
    for counts in by_source.values():
        for zone, asked in zip(counts.at.tolist(), counts.requests[:, 0], strict=True):
            if zone in zones:
                riders += int(asked)
    return riders


def counts_of(record: CityDemandCounted) -> PaneCounts:
    """What the record says of its pane. Raises ValueError if the lengths of its arrays contradict each other."""
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
