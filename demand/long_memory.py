"""What was seen and expected over minutes to weeks: sums that fade with a half-life.

Each span adds its requests and its expectation, as at its middle; both fade alike, so a worker may take up the memory
of another after any pause: what nobody saw is in neither sum, and the ratio drifts to 1 as its prior outweighs it.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from demand.ratios import HALF_LIVES_MS, Sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongMemory:
    """Faded sums of n cells and of the city at `through_ms`: float64[n, 6] and float64[6], shortest half-life first."""

    through_ms: int
    cells: Sums
    city: Sums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spans:
    """m spans: `start_ms`, `end_ms` int64[m], requests of `cells` float64[m, n] and of the `city` float64[m]."""

    start_ms: NDArray[np.int64]
    end_ms: NDArray[np.int64]
    cells: NDArray[np.float64]
    city: NDArray[np.float64]


def blank_memory(cells: int, through_ms: int) -> LongMemory:
    """The memory of `cells` cells that have seen nothing."""
    zeros, nothing = np.zeros((cells, len(HALF_LIVES_MS))), np.zeros(len(HALF_LIVES_MS))
    return LongMemory(
        through_ms=through_ms,
        cells=Sums(observed=zeros, expected=zeros),
        city=Sums(observed=nothing, expected=nothing),
    )


def aged(memory: LongMemory, through_ms: int) -> LongMemory:
    """The memory at `through_ms`, if nothing was seen or expected since.

    Raises ValueError if `through_ms` lies before the memory's.

    >>> one = Sums(observed=np.ones((1, 6)), expected=np.ones((1, 6)))
    >>> city = Sums(observed=np.full(6, 8.0), expected=np.ones(6))
    >>> aged(LongMemory(through_ms=0, cells=one, city=city), 3_600_000).city.observed.round(2).tolist()
    [1.0, 4.0, 6.73, 7.77, 7.95, 7.99]
    """
    if through_ms < memory.through_ms:
        raise ValueError(f"through_ms must be at least {memory.through_ms}, got {through_ms}")
    left = faded(np.array([memory.through_ms]), through_ms)[0]
    return LongMemory(through_ms=through_ms, cells=_scaled(memory.cells, left), city=_scaled(memory.city, left))


def remember(memory: LongMemory, through_ms: int, seen: Spans, expected: Spans) -> LongMemory:
    """The memory at `through_ms`, after what was `seen` and what was `expected` since, each in spans of its own.

    Raises ValueError if `through_ms` lies before the memory's: a span is added once.
    """
    old, came, due = aged(memory, through_ms), _added(seen, through_ms), _added(expected, through_ms)
    return LongMemory(
        through_ms=through_ms,
        cells=Sums(observed=old.cells.observed + came[0], expected=old.cells.expected + due[0]),
        city=Sums(observed=old.city.observed + came[1], expected=old.city.expected + due[1]),
    )


def faded(at_ms: NDArray[np.int64] | NDArray[np.float64], now_ms: int) -> NDArray[np.float64]:
    """What is left at `now_ms` of one request at each instant, float64[m, 6]."""
    left: NDArray[np.float64] = 0.5 ** ((now_ms - at_ms)[:, None] / np.array(HALF_LIVES_MS))
    return left


def _scaled(sums: Sums, left: NDArray[np.float64]) -> Sums:
    return Sums(observed=sums.observed * left, expected=sums.expected * left)


def _added(spans: Spans, now_ms: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums of the cells float64[n, 6] and of the city float64[6], span after span: a cell depends on no other cell."""
    left = faded((spans.start_ms + spans.end_ms) / 2, now_ms)
    return _summed(spans.cells, left), _summed(spans.city[:, None], left)[0]


@njit(cache=True, nogil=True)
def _summed(counts, left):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Sums float64[n, h] of counts float64[m, n] times what is left float64[m, h]: as numpy adds them, to the bit.

    A quarter of a tick went into the same sums by numpy, which cannot pass over the many zeros.
    """
    spans, cells = counts.shape
    total = np.zeros((cells, left.shape[1]))
    for span in range(spans):
        for cell in range(cells):
            count = counts[span, cell]
            if count != 0.0:
                for life in range(left.shape[1]):
                    total[cell, life] += count * left[span, life]
    return total
