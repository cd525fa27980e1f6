"""Recorded minutes from the log of `supply-cells` and `demand-cells`, through the joins that pricing reads them by.

    supply-cells ──e1──e1──────┊──e1──▶    what stands at a whole minute, before the first record after it
    demand-cells ──pane──pane──┊──▶        accepted bookings of the minute, once its panes have settled
                               14:01

A minute counts if every source partition of both topics was there and alive: a worker's restart is a break, not a city
without cars. One log is one partition number; its zones are in no other. Records come in order of their offsets.
One whose arrays contradict each other is passed over, as pricing passes it over, and counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from pricing.models.supply_recording import COUNTS, SupplySpan, dense
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_state import KEPT_MS
from pricing.zones.zone_view import layout_of
from topics.counts import DemandCellsCounted, SupplyCellsCounted
from windows.panes import MINUTE_MS

# Panes are settled when a record is a minute older: ten seconds, their grace, and a writer's second.
_SETTLED_MS = 2 * MINUTE_MS
_CARS, _BOOKINGS = slice(0, 3), 3

Rows = dict[tuple[int, int], NDArray[np.int64]]


class _Minutes:
    """Whole minutes passed in one log, and what each was found to hold: rows by (instant, cell), int64[4]."""

    def __init__(self, partition: int) -> None:
        self.state = PartitionState(partition)
        self.complete: set[int] = set()
        self.passed_over = 0
        self.rows: Rows = defaultdict(lambda: np.zeros(len(COUNTS), np.int64))
        self._next_ms: int | None = None

    def passed(self, now_ms: int) -> Iterator[int]:
        """The whole minutes up to `now_ms` that none of the records before had reached."""
        if self._next_ms is None:
            self._next_ms = -(-now_ms // MINUTE_MS) * MINUTE_MS
        # After a pause of an hour nothing is known of the minutes in between.
        self._next_ms = max(self._next_ms, now_ms - now_ms % MINUTE_MS - 60 * MINUTE_MS)
        while self._next_ms < now_ms:
            yield self._next_ms
            self._next_ms += MINUTE_MS

    def forget(self, before_ms: int) -> None:
        """Drop panes that nobody asks for any more."""
        for zone in self.state.zones.values():
            zone.forget(before_ms)


class CarMinutes(_Minutes):
    """Cars of one partition of supply-cells."""

    def take(self, record: SupplyCellsCounted, offset: int) -> None:
        """Take in the next record."""
        for at_ms in self.passed(record.now_ms):
            if self.state.supply.is_complete(at_ms):
                self.complete.add(at_ms)
                self._note(at_ms)
            self.forget(at_ms - KEPT_MS)
        try:
            apply_supply(self.state, record, offset)
        except ValueError:
            self.passed_over += 1

    def _note(self, at_ms: int) -> None:
        for zone in self.state.zones.values():
            cells, home = zone.layout.cells, zone.layout.home
            for counts in zone.cars.values():
                for row, *cars in zip(
                    counts.at.tolist(),
                    counts.idle.tolist(),
                    counts.busy.tolist(),
                    counts.soon_free.tolist(),
                    strict=True,
                ):
                    if row < home:
                        self.rows[at_ms, int(cells[row])][_CARS] += cars


class BookingMinutes(_Minutes):
    """Accepted bookings of one partition of demand-cells."""

    def take(self, record: DemandCellsCounted, offset: int) -> None:
        """Take in the next record."""
        for at_ms in self.passed(record.now_ms):
            if self.state.demand.is_complete(at_ms):
                self.complete.add(at_ms - MINUTE_MS)
                self._note(at_ms)
            self.forget(at_ms - KEPT_MS)
        try:
            apply_demand(self.state, record, offset)
        except ValueError:
            self.passed_over += 1

    def _note(self, at_ms: int) -> None:
        """The minute before the last one."""
        for zone in self.state.zones.values():
            layout = layout_of(zone.zone)
            for pane, by_source in zone.demand.standing.items():
                if at_ms - _SETTLED_MS <= pane < at_ms - MINUTE_MS:
                    for counts in by_source.values():
                        booked = counts.bookings.sum(axis=1).tolist()
                        for row, count in zip(counts.at.tolist(), booked, strict=True):
                            if row < layout.home and count:
                                self.rows[at_ms - MINUTE_MS, int(layout.cells[row])][_BOOKINGS] += count


def spans_of(cars: Iterable[CarMinutes], bookings: Iterable[BookingMinutes]) -> list[SupplySpan]:
    """The minutes that every log knew in full, cut where one is missing; spans are named by their number."""
    logs = [*cars, *bookings]
    known = sorted(set.intersection(*(log.complete for log in logs))) if logs else []
    instants = np.array(known, np.int64)
    rows: Rows = defaultdict(lambda: np.zeros(len(COUNTS), np.int64))
    for log in logs:
        for (at_ms, cell), counts in log.rows.items():
            rows[at_ms, cell] += counts
    table = np.array([(*at, *counts.tolist()) for at, counts in rows.items()], np.int64).reshape(-1, 2 + len(COUNTS))
    breaks = np.flatnonzero(np.diff(instants) > MINUTE_MS) + 1
    parts = [part for part in np.split(instants, breaks) if part.size]
    return [dense(str(number), part, table[np.isin(table[:, 0], part)]) for number, part in enumerate(parts)]
