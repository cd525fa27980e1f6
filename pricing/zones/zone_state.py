"""What PRICING keeps of one zone: the cars and riders of its cells, joined from all source partitions.

Supply is a state. Each source's last word stands until its next one, and what stood adds idle car-milliseconds to the
panes it stood in, by the records' `now_ms`:

    source 0   idle ──3────────────5───────────>         since = when the 5 began
    source 1   idle ──1────────────────────2───>
    pane              |  4 x 10 s  |  6 x … |            whoever reads adds what has stood since, up to their instant

Whenever a record's instant passes the end of another pane by 30 s, what stands silently is settled up to that end, so
that a settled pane does not change again. Demand is a flow, kept per pane (`pane_counts`).

A zone changes by its own records only, and remembers the last offset of each topic that it includes. So it is a
function of two logs, each up to an offset, in whatever order the two were read.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pricing.zones.counts_summed import add_stood
from pricing.zones.pane_counts import PaneCounts, PanesBySource
from pricing.zones.zone_view import ZoneLayout, layout_of
from supply.integral import spans
from windows.epochs import Epoch
from windows.panes import GRACE_MS, PANE_MS, WINDOWS_MS, pane_start

SETTLE_MS = PANE_MS + GRACE_MS
KEPT_MS = WINDOWS_MS[-1] + PANE_MS + GRACE_MS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CarCounts:
    """Cars of one source partition, k cells: `at` int64[k] are rows of the zone's layout, each at most once.

    `idle`, `busy`, `soon_free` int64[k] count each car once; `idle_by_product` int64[k, P] once per product it serves.
    """

    epoch: Epoch
    pings_offset: int
    now_ms: int
    products: tuple[str, ...]
    at: NDArray[np.int64]
    idle: NDArray[np.int64]
    idle_by_product: NDArray[np.int64]
    busy: NDArray[np.int64]
    soon_free: NDArray[np.int64]

    @property
    def order(self) -> tuple[Epoch, int, int]:
        """Of two counts of one source the one with the higher order stands."""
        return self.epoch, self.pings_offset, self.now_ms


@dataclass(slots=True)
class ZoneState:
    """One zone.

    `cars`, `held_cars` and `since_ms` are by source partition: what stands, what waits for its snapshot, and up to when
    what stands is in the panes. `idle_car_ms` is pane start → int64[n], car-milliseconds. `changed_panes` are those no
    row of their own holds as they are, `saved_panes` those that have one (see `zone_rows`), `unread_panes` those whose
    demand `windows_of_zone` has not read.
    """

    zone: int
    supply_offset: int = -1
    demand_offset: int = -1
    latest_ms: int = 0
    cars: dict[int, CarCounts] = field(default_factory=dict)
    held_cars: dict[int, CarCounts] = field(default_factory=dict)
    since_ms: dict[int, int] = field(default_factory=dict)
    idle_car_ms: dict[int, NDArray[np.int64]] = field(default_factory=dict)
    demand: PanesBySource = field(default_factory=PanesBySource)
    changed: bool = False
    changed_panes: set[int] = field(default_factory=set)
    saved_panes: set[int] = field(default_factory=set)
    unread_panes: set[int] = field(default_factory=set)

    @property
    def layout(self) -> ZoneLayout:
        """Which row is which cell."""
        return layout_of(self.zone)

    def count_cars(self, source: int, counts: CarCounts, from_ms: int, offset: int) -> bool:
        """Let the counts of the standing epoch replace the source's last from `from_ms` on; say if the zone changed.

        That is their instant, or the epoch's snapshot where a clock stepped back behind it: what the snapshot did not
        name was not there before.
        """
        before = self.cars.get(source)
        if offset <= self.supply_offset or (before is not None and before.order > counts.order):
            return False
        self._stand(source, counts, from_ms)
        self._supply_changed(counts.now_ms, offset)
        return True

    def hold_cars(self, source: int, counts: CarCounts, offset: int) -> bool:
        """Keep the counts of an epoch that has not completed its snapshot; say whether the zone changed."""
        held = self.held_cars.get(source)
        if offset <= self.supply_offset or (held is not None and held.order > counts.order):
            return False
        self.held_cars[source] = counts
        self._supply_changed(counts.now_ms, offset)
        return True

    def complete_cars(self, source: int, epoch: Epoch, now_ms: int, offset: int) -> bool:
        """Let the epoch's held counts stand alone, none if it held none; say whether the zone changed."""
        if offset <= self.supply_offset or not (source in self.held_cars or self._has_cars(source)):
            return False
        held = self.held_cars.pop(source, None)
        self._stand(source, held if held is not None and held.epoch == epoch else None, now_ms)
        self._supply_changed(now_ms, offset)
        return True

    def count_riders(self, pane: int, source: int, counts: PaneCounts, offset: int) -> bool:
        """Let the counts of the standing epoch replace the source's last of that pane; say whether the zone changed."""
        if offset <= self.demand_offset or not self.demand.count(pane, source, counts):
            return False
        self._demand_changed({pane}, offset)
        return True

    def hold_riders(self, pane: int, source: int, counts: PaneCounts, offset: int) -> bool:
        """Keep the counts of an epoch that has not completed its snapshot; say whether the zone changed."""
        if offset <= self.demand_offset or not self.demand.hold(pane, source, counts):
            return False
        self._demand_changed(set(), offset)
        return True

    def complete_riders(self, source: int, epoch: Epoch, complete_from_ms: int, offset: int) -> bool:
        """Let the epoch take over the panes from `complete_from_ms` on; say whether the zone changed."""
        if offset <= self.demand_offset:
            return False
        panes = self.demand.complete(source, epoch, complete_from_ms)
        if panes is None:
            return False
        self._demand_changed(panes, offset)
        return True

    def panes(self) -> set[int]:
        """Starts of all panes the zone knows something of."""
        return self.idle_car_ms.keys() | self.demand.standing.keys()

    def forget(self, before_ms: int) -> None:
        """Drop panes that start before `before_ms`."""
        for pane in [pane for pane in self.idle_car_ms if pane < before_ms]:
            del self.idle_car_ms[pane]
        self.demand.forget(before_ms)
        self.changed_panes = {pane for pane in self.changed_panes if pane >= before_ms}
        self.saved_panes = {pane for pane in self.saved_panes if pane >= before_ms}

    def is_over(self, before_ms: int) -> bool:
        """Whether nothing would be lost by forgetting the zone: empty, and no car counted since `before_ms`.

        An empty zone that was counted lately still knows up to when, which a clock that runs backwards must not undo.
        """
        no_cars = not self.held_cars and not any(self._has_cars(source) for source in self.cars)
        return no_cars and self.latest_ms < before_ms and not self.panes() and not self.demand.held

    def _has_cars(self, source: int) -> bool:
        standing = self.cars.get(source)
        return standing is not None and standing.at.size > 0

    def _stand(self, source: int, counts: CarCounts | None, from_ms: int) -> None:
        self._integrate(source, from_ms)
        self.since_ms[source] = max(self.since_ms.get(source, from_ms), from_ms)
        if counts is None:
            self.cars.pop(source, None)
        else:
            self.cars[source] = counts

    def _integrate(self, source: int, until_ms: int) -> None:
        """Add to the panes what stood since; a clock that ran backwards adds nothing."""
        standing = self.cars.get(source)
        if standing is None or until_ms <= self.since_ms[source]:
            return
        since_ms = max(self.since_ms[source], until_ms - KEPT_MS)
        self.since_ms[source] = until_ms
        if not np.count_nonzero(standing.idle):
            return
        for pane, stood_ms in spans(since_ms, until_ms):
            if pane not in self.idle_car_ms:
                self.idle_car_ms[pane] = np.zeros(self.layout.cells.size, np.int64)
            add_stood(self.idle_car_ms[pane], standing.at, standing.idle, stood_ms)
            self.changed_panes.add(pane)

    def _supply_changed(self, now_ms: int, offset: int) -> None:
        before_ms, self.latest_ms = self.latest_ms, max(self.latest_ms, now_ms)
        settled_ms = pane_start(self.latest_ms - SETTLE_MS)
        if settled_ms > pane_start(before_ms - SETTLE_MS):
            for source in self.cars:
                self._integrate(source, settled_ms)
        self.supply_offset, self.changed = offset, True

    def _demand_changed(self, panes: set[int], offset: int) -> None:
        self.changed_panes |= panes
        self.unread_panes |= panes
        self.demand_offset, self.changed = offset, True
