"""Counts of distinct askers per pane, cell and product."""

from collections import defaultdict
from collections.abc import Set as AbstractSet

import numpy as np
from numpy.typing import NDArray

from demand.first_asked import NEVER, FirstAsked, Rows
from windows.panes import BUCKET_MS, bucket_start

# Cell and index on the product axis.
Ride = tuple[int, int]
Counts = dict[Ride, int]


class DistinctCounts:
    """Each asker counted once per cell, product and two-minute bucket, in the earliest pane they asked in.

    `panes` holds the counts by pane start, none of them zero; `changed` the cells whose counts changed since it was
    last cleared.
    """

    __slots__ = ("_buckets", "changed", "panes")

    def __init__(self) -> None:
        self._buckets: defaultdict[int, FirstAsked] = defaultdict(FirstAsked)
        self.panes: defaultdict[int, Counts] = defaultdict(dict)
        self.changed: defaultdict[int, set[int]] = defaultdict(set)

    def take(self, asked: Rows) -> None:
        """Count the askers of `asked`, of dtype ASKED, in any order."""
        bucket_ms = bucket_start(asked["pane_ms"])
        for bucket in np.unique(bucket_ms).tolist():
            of_bucket = asked[bucket_ms == bucket]
            rows, before_ms = self._buckets[bucket].put(of_bucket)
            self._move(of_bucket[rows], before_ms)

    def _move(self, asked: Rows, before_ms: NDArray[np.int64]) -> None:
        columns = (asked["cell"], asked["product"], before_ms, asked["pane_ms"])
        for cell, product, before, after in zip(*(column.tolist() for column in columns), strict=True):
            if before != NEVER:
                self._add(before, (cell, product), -1)
            self._add(after, (cell, product), 1)

    def _add(self, start_ms: int, ride: Ride, askers: int) -> None:
        counts = self.panes[start_ms]
        counts[ride] = counts.get(ride, 0) + askers
        if not counts[ride]:
            del counts[ride]
        self.changed[start_ms].add(ride[0])

    def forget_before(self, start_ms: int, held: AbstractSet[int]) -> None:
        """Drop the buckets that end by `start_ms`, and the panes starting before it but those `held`."""
        for bucket in [bucket for bucket in self._buckets if bucket + BUCKET_MS <= start_ms]:
            del self._buckets[bucket]
        for pane in [pane for pane in self.panes if pane < start_ms and pane not in held]:
            del self.panes[pane]
