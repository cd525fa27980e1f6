"""Windows over one zone's panes: who asked and how many cars stood idle in the last 1, 2, … 32 minutes.

    requests     the open pane whole, the oldest by its fraction
    idle_mean    idle car-milliseconds / covered milliseconds; what stands now counts from when it began

No price rests on the mean, so it is added up when somebody asks: at every tick it took a twelfth of one.

A window reaches back at most to the first pane that every source partition knew in full. How much of it is covered is
said beside it; whoever needs full windows scales by it (`warming-up`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pricing.zones.counts_summed import add_cars, add_riders
from pricing.zones.pane_counts import PaneCounts
from pricing.zones.pane_ring import PaneRing
from pricing.zones.zone_join import PartitionState
from pricing.zones.zone_state import ZoneState
from pricing.zones.zone_view import ZoneView
from windows.panes import PANE_MS, WINDOWS_MS, pane_start

_WINDOWS_MS = np.array(WINDOWS_MS, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoneWindows:
    """One zone at `now_ms`: n rows as in `layout_of(zone).cells`, P columns as in `products`, 6 windows of WINDOWS_MS.

    requests                    float64[n, P, 6]
    idle_mean                   float64[n, 6], asked for before the zone changes; if nothing is covered, idle cars now
    idle, busy, soon_free       float64[n]: cars now, each once
    idle_by_product             float64[n, P]: idle cars now, once per product they serve
    demand_covered_ms           int64[6]: how much of each window is known
    """

    zone: int
    now_ms: int
    products: tuple[str, ...]
    requests: NDArray[np.float64]
    idle_mean: Callable[[], NDArray[np.float64]]
    idle: NDArray[np.float64]
    idle_by_product: NDArray[np.float64]
    busy: NDArray[np.float64]
    soon_free: NDArray[np.float64]
    demand_covered_ms: NDArray[np.int64]


class WindowsOfZone:
    """Reads the windows of one zone. What it keeps only saves work: the answer depends on state and instant alone.

    One reader per zone state; products the market does not have are left out.
    """

    __slots__ = ("_asked", "_columns", "_now_ms", "_products", "_riders", "_state")

    def __init__(self, state: ZoneState, products: tuple[str, ...]) -> None:
        self._state, self._products = state, products
        self._columns: dict[tuple[str, ...], tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._start(0)

    @property
    def products(self) -> tuple[str, ...]:
        """The product axis of what it reads."""
        return self._products

    def read(self, partition: PartitionState, now_ms: int) -> ZoneWindows:
        """The zone at `now_ms`; `partition` says since when and how completely its sources are known."""
        self._catch_up(now_ms)
        (idle, busy, soon_free), by_product = self._cars()
        demand_from, supply_from = partition.demand.known_from_ms(), partition.supply.known_from_ms()
        return ZoneWindows(
            zone=self._state.zone,
            now_ms=now_ms,
            products=self._products,
            requests=self._requests(now_ms, demand_from),
            idle_mean=partial(_idle_mean, self._state, now_ms, supply_from, idle),
            idle=idle,
            busy=busy,
            soon_free=soon_free,
            idle_by_product=by_product,
            demand_covered_ms=covered_ms(now_ms, demand_from),
        )

    def requests_since(self, now_ms: int, since_ms: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Starts int64[m] of the panes from `since_ms` on, and riders of all products in each, float64[m, n].

        To be asked after `read` of the same instant.
        """
        return self._riders.since(now_ms, since_ms)

    def _start(self, now_ms: int) -> None:
        rows = self._state.layout.cells.size
        self._asked = PaneRing(rows * len(self._products))
        self._riders = PaneRing(rows)
        self._state.unread_panes = self._state.panes()
        self._now_ms = now_ms

    def _catch_up(self, now_ms: int) -> None:
        """Put the changed panes up to the open one into the rings; younger ones wait, so that they fit."""
        if pane_start(now_ms) < pane_start(self._now_ms):
            self._start(now_ms)  # its old panes may have left the ring
        self._now_ms = now_ms
        due = [pane for pane in self._state.unread_panes if pane <= now_ms]
        self._state.unread_panes.difference_update(due)
        for pane in due:
            if _is_in_reach(pane, now_ms):
                asked = self._asked_in(self._state.demand.standing.get(pane, {}))
                self._asked.put(pane, asked.reshape(-1))
                self._riders.put(pane, np.add.reduce(asked, axis=1))

    def _asked_in(self, by_source: dict[int, PaneCounts]) -> NDArray[np.int64]:
        """Sum over sources, int64[n, P]."""
        sums = np.zeros((self._state.layout.cells.size, len(self._products)), np.int64)
        for counts in by_source.values():
            add_riders(sums, counts.at, counts.requests, *self._columns_of(counts.products))
        return sums

    def _columns_of(self, products: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Which columns of a record's product axis go to which of ours."""
        if products not in self._columns:
            shared = [place for place, name in enumerate(products) if name in self._products]
            ours = [self._products.index(products[place]) for place in shared]
            self._columns[products] = np.array(shared, np.int64), np.array(ours, np.int64)
        return self._columns[products]

    def _requests(self, now_ms: int, known_from_ms: int | None) -> NDArray[np.float64]:
        sums = self._asked.windows(now_ms, _or_never(known_from_ms, now_ms)) / PANE_MS
        return sums.reshape(self._state.layout.cells.size, len(self._products), len(WINDOWS_MS))

    def _cars(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Cars now, summed over sources: idle, busy and soon free float64[3, n], idle by product float64[n, P]."""
        rows = self._state.layout.cells.size
        cars, by_product = np.zeros((3, rows)), np.zeros((rows, len(self._products)))
        for counts in self._state.cars.values():
            states = counts.idle, counts.busy, counts.soon_free
            add_cars(cars, by_product, counts.at, states, counts.idle_by_product, *self._columns_of(counts.products))
        return cars, by_product


def _idle_mean(
    state: ZoneState, now_ms: int, known_from_ms: int | None, idle: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean idle cars in each window, float64[n, 6], from the panes and what has stood since."""
    known_ms, covered = _or_never(known_from_ms, now_ms), covered_ms(now_ms, known_from_ms)
    ring = PaneRing(state.layout.cells.size)
    for pane, stood in state.idle_car_ms.items():
        if _is_in_reach(pane, now_ms):
            ring.put(pane, stood)
    car_ms = ring.windows(now_ms, known_ms)
    for source, counts in state.cars.items():
        car_ms[counts.at] += counts.idle[:, None] * _weighted_ms(max(known_ms, state.since_ms[source]), now_ms)
    return np.where(covered > 0, car_ms / (np.maximum(covered, 1) * PANE_MS), idle[:, None])


def view_of(
    windows: ZoneWindows,
    partition: PartitionState,
    *,
    city_complete: bool = True,
    memory_observed: NDArray[np.float64],
    memory_expected: NDArray[np.float64],
) -> ZoneView:
    """What the pricing rules see: these windows, how complete and fresh they are, and long memory, float64[n, H].

    Demand is complete only with the city's totals: without them the city seems quiet and its cells the busier.
    """
    return ZoneView(
        zone=windows.zone,
        now_ms=windows.now_ms,
        products=windows.products,
        requests=windows.requests,
        covered_ms=windows.demand_covered_ms,
        idle=windows.idle_by_product,
        idle_total=windows.idle,
        busy=windows.busy,
        soon_free=windows.soon_free,
        idle_mean=windows.idle_mean,
        supply_complete=partition.supply.is_complete(windows.now_ms) and partition.supply.flows(windows.now_ms),
        demand_complete=city_complete and partition.demand.is_complete(windows.now_ms),
        data_age_ms=partition.data_age_ms(windows.now_ms),
        memory_observed=memory_observed,
        memory_expected=memory_expected,
    )


def covered_ms(now_ms: int, known_from_ms: int | None) -> NDArray[np.int64]:
    """How much of each window is known, int64[6]; nothing if `known_from_ms` is None.

    >>> covered_ms(100_000, 10_000).tolist()
    [60000, 90000, 90000, 90000, 90000, 90000]
    """
    return np.minimum(max(0, now_ms - _or_never(known_from_ms, now_ms)), _WINDOWS_MS)


def _is_in_reach(pane: int, now_ms: int) -> bool:
    """Whether a pane can lie in a window that ends at `now_ms`; a ring has no room for all others."""
    return pane_start(now_ms) - WINDOWS_MS[-1] - PANE_MS <= pane <= now_ms


def _weighted_ms(since_ms: int, now_ms: int) -> NDArray[np.int64]:
    """How much of `[since_ms, now_ms)` lies in each window, weighted by pane as in `PaneRing.windows`.

    Milliseconds x PANE_MS, int64[6].
    """
    oldest_end_ms = pane_start(now_ms) + PANE_MS - _WINDOWS_MS
    in_whole_ms = np.maximum(0, now_ms - np.maximum(since_ms, oldest_end_ms))
    in_oldest_ms = np.minimum(np.maximum(oldest_end_ms - since_ms, 0), PANE_MS)
    weighted: NDArray[np.int64] = in_whole_ms * PANE_MS + in_oldest_ms * (PANE_MS - (now_ms - pane_start(now_ms)))
    return weighted


def _or_never(known_from_ms: int | None, now_ms: int) -> int:
    """An instant after the open pane stands for what is not known at all."""
    return pane_start(now_ms) + PANE_MS if known_from_ms is None else known_from_ms
