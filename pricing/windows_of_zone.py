"""Windows over one zone's panes: who asked and how many cars stood idle in the last 1, 2, … 32 minutes.

    requests     the open pane whole, the oldest by its fraction
    idle_mean    idle car-milliseconds / covered milliseconds; what stands now counts from when it began

A window reaches back at most to the first pane that every source partition knew in full. How much of it is covered is
said beside it; whoever needs full windows scales by it (`warming-up`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pricing.counts_summed import add_cars, add_riders, add_stood
from pricing.pane_counts import PaneCounts
from pricing.pane_ring import PaneRing
from pricing.zone_join import PartitionState
from pricing.zone_state import ZoneState
from pricing.zone_view import ZoneView
from windows.panes import PANE_MS, WINDOWS_MS, pane_start

_WINDOWS_MS = np.array(WINDOWS_MS, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoneWindows:
    """One zone at `now_ms`: n rows as in `layout_of(zone).cells`, P columns as in `products`, 6 windows of WINDOWS_MS.

    requests                    float64[n, P, 6]
    idle_mean                   float64[n, 6]; where nothing is covered yet, the idle cars now
    idle, busy, soon_free       int64[n]: cars now, each once
    idle_by_product             int64[n, P]: idle cars now, once per product they serve
    demand_covered_ms, supply_covered_ms    int64[6]: how much of each window is known
    """

    zone: int
    now_ms: int
    products: tuple[str, ...]
    requests: NDArray[np.float64]
    idle_mean: NDArray[np.float64]
    idle: NDArray[np.int64]
    idle_by_product: NDArray[np.int64]
    busy: NDArray[np.int64]
    soon_free: NDArray[np.int64]
    demand_covered_ms: NDArray[np.int64]
    supply_covered_ms: NDArray[np.int64]


class WindowsOfZone:
    """Reads the windows of one zone. What it keeps only saves work: the answer depends on state and instant alone.

    One reader per zone state; products the market does not have are left out.
    """

    __slots__ = ("_asked", "_columns", "_now_ms", "_products", "_riders", "_state", "_stood")

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
        cars = self._cars()
        demand_from, supply_from = partition.demand.known_from_ms(), partition.supply.known_from_ms()
        supply_covered_ms = covered_ms(now_ms, supply_from)
        return ZoneWindows(
            zone=self._state.zone,
            now_ms=now_ms,
            products=self._products,
            requests=self._requests(now_ms, demand_from),
            idle_mean=self._idle_mean(now_ms, supply_from, supply_covered_ms, cars[:, 0]),
            idle=cars[:, 0],
            busy=cars[:, 1],
            soon_free=cars[:, 2],
            idle_by_product=cars[:, 3:],
            demand_covered_ms=covered_ms(now_ms, demand_from),
            supply_covered_ms=supply_covered_ms,
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
        self._stood = PaneRing(rows)
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
            if pane >= pane_start(now_ms) - WINDOWS_MS[-1] - PANE_MS:
                self._stood.put(pane, self._state.idle_car_ms.get(pane))
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

    def _cars(self) -> NDArray[np.int64]:
        """Cars now, summed over sources, int64[n, 3 + P]: idle, busy, soon free, idle by product."""
        cars = np.zeros((self._state.layout.cells.size, 3 + len(self._products)), np.int64)
        for counts in self._state.cars.values():
            states = counts.idle, counts.busy, counts.soon_free
            add_cars(cars, counts.at, states, counts.idle_by_product, *self._columns_of(counts.products))
        return cars

    def _idle_mean(
        self, now_ms: int, known_from_ms: int | None, covered: NDArray[np.int64], idle: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        car_ms = self._stood.windows(now_ms, _or_never(known_from_ms, now_ms))
        known_ms = _or_never(known_from_ms, now_ms)
        since_ms = np.array([max(known_ms, self._state.since_ms[source]) for source in self._state.cars], np.int64)
        for counts, stood_ms in zip(self._state.cars.values(), _weighted_ms(since_ms, now_ms), strict=True):
            add_stood(car_ms, counts.at, counts.idle, stood_ms)
        return np.where(covered > 0, car_ms / (np.maximum(covered, 1) * PANE_MS), idle[:, None])


def view_of(
    windows: ZoneWindows,
    partition: PartitionState,
    *,
    memory_observed: NDArray[np.float64],
    memory_expected: NDArray[np.float64],
) -> ZoneView:
    """What the pricing rules see: these windows, how complete and fresh they are, and long memory, float64[n, H]."""
    return ZoneView(
        zone=windows.zone,
        now_ms=windows.now_ms,
        products=windows.products,
        requests=windows.requests,
        covered_ms=windows.demand_covered_ms,
        idle=windows.idle_by_product.astype(np.float64),
        idle_total=windows.idle.astype(np.float64),
        busy=windows.busy.astype(np.float64),
        soon_free=windows.soon_free.astype(np.float64),
        idle_mean=windows.idle_mean,
        supply_complete=partition.supply.is_complete(windows.now_ms) and partition.supply.flows(windows.now_ms),
        demand_complete=partition.demand.is_complete(windows.now_ms),
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


def _weighted_ms(since_ms: NDArray[np.int64], now_ms: int) -> NDArray[np.int64]:
    """How much of each `[since_ms, now_ms)` lies in each window, weighted by pane as in `PaneRing.windows`.

    `since_ms` is int64[k]; returns int64[k, 6], milliseconds x PANE_MS.
    """
    oldest_end_ms = pane_start(now_ms) + PANE_MS - _WINDOWS_MS
    since_ms = since_ms[:, None]
    in_whole_ms = np.maximum(0, now_ms - np.maximum(since_ms, oldest_end_ms))
    in_oldest_ms = np.minimum(np.maximum(oldest_end_ms - since_ms, 0), PANE_MS)
    weighted: NDArray[np.int64] = in_whole_ms * PANE_MS + in_oldest_ms * (PANE_MS - (now_ms - pane_start(now_ms)))
    return weighted


def _or_never(known_from_ms: int | None, now_ms: int) -> int:
    """An instant after the open pane stands for what is not known at all."""
    return pane_start(now_ms) + PANE_MS if known_from_ms is None else known_from_ms
