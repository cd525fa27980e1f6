"""Supply of a pane: car-milliseconds, the integral of a count over the worker's clock.

A count holds from the `now_ms` it was taken at to that of the next one, so each interval is split where panes meet:

    counts   3 ────────────────────> 5          now_ms 7 s, then 22 s
    panes  [0 ┊    10)          [10, 20) [20 ┊
    adds      3 × 3 s            3 × 10 s  3 × 2 s
"""

import numpy as np
from numpy.typing import NDArray

from windows.panes import PANE_MS, pane_start


def spans(since_ms: int, now_ms: int) -> list[tuple[int, int]]:
    """Milliseconds of `[since_ms, now_ms)` in each pane, as (pane start, ms), oldest first.

    Empty if the clock stood still or went back, as a zombie's may.

    >>> spans(7_000, 22_000)
    [(0, 3000), (10000, 10000), (20000, 2000)]
    """
    if now_ms <= since_ms:
        return []
    starts = range(pane_start(since_ms), now_ms, PANE_MS)
    return [(start, min(start + PANE_MS, now_ms) - max(start, since_ms)) for start in starts]


def car_ms(cars: NDArray[np.int32], *, since_ms: int, now_ms: int) -> dict[int, NDArray[np.int64]]:
    """Car-milliseconds to add to each pane for counts that held from `since_ms` to `now_ms`, by pane start.

    `cars` any shape, say [cells, products]; each value int64 of that shape. Never negative.

    >>> {pane: added.tolist() for pane, added in car_ms(np.array([3, 0]), since_ms=7_000, now_ms=12_000).items()}
    {0: [9000, 0], 10000: [6000, 0]}
    """
    held = cars.astype(np.int64)
    return {start: held * ms for start, ms in spans(since_ms, now_ms)}
