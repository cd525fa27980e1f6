"""Riders who want a ride, of one source partition: each counted once, where and when they asked first.

Demand is a flow. A rider counts once per cell, product and two-minute bucket of event time, in the earliest pane they
asked in, so that refreshing the app does not raise the price; an accepted booking counts once per decision by the same
rule. What is late by its own two times counts nowhere. The counts are thus a function of the set of events: neither
order nor duplicates matter, and counts of several source partitions add up.

    event time, s    0        10        20  …  120       130
    a rider asks     │    x    │  x      │      │    x    │
    counted          │    1    │         │      │    1    │      a new bucket began at 120
    If the request of 12 s arrives first, it counts in pane 10 until that of 5 s comes: then both panes changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demand.distinct import DistinctCounts, Ride
from demand.first_asked import ASKED
from windows.panes import is_late, oldest_open_pane, pane_start


@dataclass(frozen=True, slots=True)
class PaneChanged:
    """A pane to publish: all its counts by (cell, product index), and which cells changed, to nothing perhaps.

    The mappings are those of the book: read them before it takes more events.
    """

    start_ms: int
    changed: frozenset[int]
    requests: Mapping[Ride, int]
    bookings: Mapping[Ride, int]


class RiderBook:
    """Requests and bookings of one source partition in panes from `complete_from_ms` on.

    After a rewind the panes before it are known in part only: they were published by an earlier epoch, whose values
    stand, and are neither counted nor published here (see demand.rewind).
    """

    def __init__(self, *, complete_from_ms: int = 0) -> None:
        self._from_ms = complete_from_ms
        self._requests = DistinctCounts()
        self._bookings = DistinctCounts()

    def ask(
        self,
        *,
        rider: NDArray[np.int64],
        cell: NDArray[np.int64],
        product: NDArray[np.int64],
        at_ms: NDArray[np.int64],
        appended_ms: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Take requests and return which of them were late, bool[n]; those count nowhere.

        `rider` 64-bit hashes of rider ids, `cell` H3 indexes, `product` indexes on the product axis, `at_ms` event
        time, `appended_ms` the broker's append time; int64[n] each. Requests from the future were refused before.

        Raises ValueError if the lengths differ.
        """
        _refuse_ragged(rider.size, cell=cell, product=product, at_ms=at_ms, appended_ms=appended_ms)
        late = is_late(at_ms, appended_ms)
        self._requests.take(self._counting(rider, cell, product, at_ms, late))
        return late

    def book(
        self,
        *,
        decision: NDArray[np.int64],
        cell: NDArray[np.int64],
        product: NDArray[np.int64],
        at_ms: NDArray[np.int64],
        appended_ms: NDArray[np.int64],
    ) -> NDArray[np.bool_]:
        """Take accepted bookings and return which of them were late, bool[n]; those count nowhere.

        `decision` 64-bit hashes of decision ids: an id stands for one acceptance of one quote, so its cell, product and
        time are the same in every copy. The other columns are as for requests.

        Raises ValueError if the lengths differ.
        """
        _refuse_ragged(decision.size, cell=cell, product=product, at_ms=at_ms, appended_ms=appended_ms)
        late = is_late(at_ms, appended_ms)
        self._bookings.take(self._counting(decision, cell, product, at_ms, late))
        return late

    def changes(self) -> list[PaneChanged]:
        """Panes whose counts changed since this was called last, oldest first."""
        requests, bookings = self._requests, self._bookings
        panes = [
            PaneChanged(
                start_ms=start,
                changed=frozenset(requests.changed.get(start, set()) | bookings.changed.get(start, set())),
                requests=requests.panes.get(start, {}),
                bookings=bookings.panes.get(start, {}),
            )
            for start in sorted(requests.changed.keys() | bookings.changed.keys())
        ]
        requests.changed.clear()
        bookings.changed.clear()
        return panes

    def forget(self, appended_ms: int) -> None:
        """Drop what no event can change any more; panes with changes not yet taken stay until they are.

        Everything appended to either topic before `appended_ms` was taken already.
        """
        self._from_ms = max(self._from_ms, oldest_open_pane(appended_ms))
        held = self._requests.changed.keys() | self._bookings.changed.keys()
        self._requests.forget_before(self._from_ms, held)
        self._bookings.forget_before(self._from_ms, held)

    def _counting(
        self,
        who: NDArray[np.int64],
        cell: NDArray[np.int64],
        product: NDArray[np.int64],
        at_ms: NDArray[np.int64],
        late: NDArray[np.bool_],
    ) -> NDArray[np.void]:
        """Rows, of dtype ASKED, of the events that count."""
        asked = np.empty(who.size, ASKED)
        asked["who"], asked["cell"], asked["product"], asked["pane_ms"] = who, cell, product, pane_start(at_ms)
        return asked[~late & (asked["pane_ms"] >= self._from_ms)]


def _refuse_ragged(size: int, **columns: NDArray[np.int64]) -> None:
    for name, column in columns.items():
        if column.shape != (size,):
            raise ValueError(f"{name} must have one value per event, {size}, got {column.size}")
