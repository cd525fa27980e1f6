"""Demand per pane and source partition: absolute values that replace each other, and those of a new writer held back.

    e1   e1   e1   e1                  values of one source partition, one per pane
              e2   e2   e2             held until e2 says "complete from ┊"
────┴────┴────┊────┴────┴───> pane
    e1   e1   e2   e2   e2             after it; a pane from ┊ on that e2 did not name is gone
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from windows.epochs import Epoch

Order = tuple[Epoch, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PaneCounts:
    """What one source partition said of one pane.

    `at` int64[k] says what each row is about (rows of a zone's layout, or zones of the city), each at most once;
    `requests` and `bookings` int64[k, P] are distinct riders and accepted bookings, columns as in `products`.
    """

    epoch: Epoch
    requests_offset: int
    decisions_offset: int
    now_ms: int
    products: tuple[str, ...]
    at: NDArray[np.int64]
    requests: NDArray[np.int64]
    bookings: NDArray[np.int64]

    @property
    def order(self) -> Order:
        """Of two values of the same pane and source the one with the higher order stands."""
        return self.epoch, self.requests_offset, self.decisions_offset, self.now_ms


@dataclass(slots=True)
class PanesBySource:
    """What stands, by pane start and source, and what is held of the newest epoch, by source and pane start."""

    standing: dict[int, dict[int, PaneCounts]] = field(default_factory=dict)
    held: dict[int, dict[int, PaneCounts]] = field(default_factory=dict)

    def count(self, pane: int, source: int, counts: PaneCounts) -> bool:
        """Let the counts stand unless the ones that do are as new; say whether they do now."""
        of_pane = self.standing.setdefault(pane, {})
        before = of_pane.get(source)
        if before is not None and before.order >= counts.order:
            return False
        of_pane[source] = counts
        return True

    def hold(self, pane: int, source: int, counts: PaneCounts) -> bool:
        """Keep the counts of an epoch not complete and drop an older one's; say whether anything changed."""
        held = self.held.get(source)
        if not held or next(iter(held.values())).epoch < counts.epoch:
            held = self.held[source] = {}
        before = held.get(pane)
        if before is not None and before.order >= counts.order:
            return False
        held[pane] = counts
        return True

    def complete(self, source: int, epoch: Epoch, complete_from_ms: int) -> set[int] | None:
        """Let `epoch` take over the panes from `complete_from_ms` on; return those changed, None if nothing did."""
        held = self.held.pop(source, None)
        taken = {
            pane: counts for pane, counts in (held or {}).items() if counts.epoch == epoch and pane >= complete_from_ms
        }
        left = [pane for pane, by in self.standing.items() if pane >= complete_from_ms and source in by]
        for pane in left:
            del self.standing[pane][source]
            if not self.standing[pane]:
                del self.standing[pane]
        for pane, counts in taken.items():
            self.standing.setdefault(pane, {})[source] = counts
        changed = taken.keys() | left
        return set(changed) if changed or held is not None else None

    def forget(self, before_ms: int) -> None:
        """Drop panes that start before `before_ms`."""
        for pane in [pane for pane in self.standing if pane < before_ms]:
            del self.standing[pane]
        for source in list(self.held):
            kept = {pane: counts for pane, counts in self.held[source].items() if pane >= before_ms}
            if kept:
                self.held[source] = kept
            else:
                del self.held[source]


def matrix(values: Sequence[int], rows: int, columns: int) -> NDArray[np.int64]:
    """Row-major counts of a record as int64[rows, columns].

    Raises ValueError if the number of values is not rows x columns.
    """
    counts = np.asarray(values, np.int64)
    if counts.size != rows * columns:
        raise ValueError(f"counts must be {rows} x {columns} values, got {counts.size}")
    return counts.reshape(rows, columns)
