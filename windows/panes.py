"""Ten-second panes of event time, their grace, and windows as sums of panes.

A pane is `[start, start + 10 s)` of event time. It takes events until 20 s after its end by the broker's append time;
what is appended later is late. Whether an event is late depends on its two times alone, so anyone can recount it.

      pane [20, 30)            grace
    ──┴─────────────┴───────────────────────────┴────> append time, s
      20            30                          50 still counted, 50.001 late
"""

from typing import overload

import numpy as np
from numpy.typing import NDArray

from topics.validity import FUTURE_TOLERANCE_MS

PANE_MS = 10_000
BUCKET_MS = 120_000
GRACE_MS = 20_000
MINUTE_MS = 60_000
WINDOWS_MS = (1 * MINUTE_MS, 2 * MINUTE_MS, 4 * MINUTE_MS, 8 * MINUTE_MS, 16 * MINUTE_MS, 32 * MINUTE_MS)


@overload
def pane_start(at_ms: int) -> int: ...
@overload
def pane_start(at_ms: NDArray[np.int64]) -> NDArray[np.int64]: ...
def pane_start(at_ms: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    """Start of the pane that holds `at_ms`.

    >>> pane_start(29_999), pane_start(30_000)
    (20000, 30000)
    """
    return at_ms - at_ms % PANE_MS


@overload
def bucket_start(at_ms: int) -> int: ...
@overload
def bucket_start(at_ms: NDArray[np.int64]) -> NDArray[np.int64]: ...
def bucket_start(at_ms: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    """Start of the two-minute bucket that holds `at_ms`; within it a rider counts once per cell and product."""
    return at_ms - at_ms % BUCKET_MS


@overload
def grace_end(at_ms: int) -> int: ...
@overload
def grace_end(at_ms: NDArray[np.int64]) -> NDArray[np.int64]: ...
def grace_end(at_ms: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
    """Last append time at which an event of `at_ms` still counts.

    >>> grace_end(20_000), grace_end(29_999)
    (50000, 50000)
    """
    return pane_start(at_ms) + (PANE_MS + GRACE_MS)


@overload
def is_late(at_ms: int, appended_ms: int) -> bool: ...
@overload
def is_late(at_ms: NDArray[np.int64], appended_ms: NDArray[np.int64]) -> NDArray[np.bool_]: ...
def is_late(
    at_ms: int | NDArray[np.int64], appended_ms: int | NDArray[np.int64]
) -> bool | np.bool_ | NDArray[np.bool_]:
    """Whether the broker got the event after its pane's grace had ended; it is then counted nowhere.

    >>> is_late(29_999, 50_000), is_late(29_999, 50_001)
    (False, True)
    """
    return appended_ms > grace_end(at_ms)


@overload
def is_from_future(at_ms: int, appended_ms: int) -> bool: ...
@overload
def is_from_future(at_ms: NDArray[np.int64], appended_ms: NDArray[np.int64]) -> NDArray[np.bool_]: ...
def is_from_future(
    at_ms: int | NDArray[np.int64], appended_ms: int | NDArray[np.int64]
) -> bool | np.bool_ | NDArray[np.bool_]:
    """Whether the sender's clock ran further ahead of the broker's than is tolerated; such an event is refused.

    >>> is_from_future(15_000, 10_000), is_from_future(15_001, 10_000)
    (False, True)
    """
    return at_ms > appended_ms + FUTURE_TOLERANCE_MS


def oldest_open_pane(appended_ms: int) -> int:
    """Start of the oldest pane that an event appended at `appended_ms` or later can still change.

    >>> oldest_open_pane(50_000), oldest_open_pane(50_001)
    (20000, 30000)
    """
    return -(-(appended_ms - GRACE_MS - PANE_MS) // PANE_MS) * PANE_MS


def window_panes(now_ms: int, window_ms: int) -> list[tuple[int, float]]:
    """Panes whose weighted sum is the window `[now - window, now]`, as (pane start, weight), oldest first.

    The open pane is taken whole, since all it holds so far happened inside the window; the oldest one by the fraction
    of it that the window still covers.

        now = 65 s, window 30 s:      35 ───────────── 65
        panes          [30 ┊ 40)  [40, 50)  [50, 60)  [60, …
        weight             0.5       1         1        1

    Raises ValueError if `window_ms` is not a positive multiple of the pane.

    >>> window_panes(65_000, 30_000)
    [(30000, 0.5), (40000, 1.0), (50000, 1.0), (60000, 1.0)]
    >>> window_panes(60_000, 20_000)
    [(40000, 1.0), (50000, 1.0), (60000, 1.0)]
    """
    if window_ms <= 0 or window_ms % PANE_MS:
        raise ValueError(f"window_ms must be a positive multiple of {PANE_MS}, got {window_ms}")
    since_ms = now_ms - window_ms
    oldest = pane_start(since_ms)
    younger = range(oldest + PANE_MS, pane_start(now_ms) + PANE_MS, PANE_MS)
    return [(oldest, (oldest + PANE_MS - since_ms) / PANE_MS), *((start, 1.0) for start in younger)]
