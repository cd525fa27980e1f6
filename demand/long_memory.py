"""What was seen and expected over minutes to weeks: sums that fade with a half-life.

Each span adds its requests and its expectation, as at its middle; both fade alike, so a worker may take up the memory
of another after any pause: what nobody saw is in neither sum, and the ratio drifts to 1 as its prior outweighs it.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from demand.ratios import HALF_LIVES_MS, Sums

_HALF_LIVES_MS = np.array(HALF_LIVES_MS)


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
    _refuse_before(memory, through_ms)
    left = faded(np.array([memory.through_ms]), through_ms)[0]
    return LongMemory(through_ms=through_ms, cells=_scaled(memory.cells, left), city=_scaled(memory.city, left))


def remember(memory: LongMemory, through_ms: int, seen: Spans, expected: Spans) -> LongMemory:
    """The memory at `through_ms`, after what was `seen` and what was `expected` since, each in spans of its own.

    Raises ValueError if `through_ms` lies before the memory's: a span is added once.
    """
    _refuse_before(memory, through_ms)
    middles = [(spans.start_ms + spans.end_ms) / 2 for spans in (seen, expected)]
    # All powers in one call of numpy, all sums in one compiled: a call for each kind was a twelfth of a tick.
    left = faded(np.concatenate(((memory.through_ms,), *middles)), through_ms)
    cells, city = memory.cells, memory.city
    came = _remembered(cells.observed, city.observed, seen.cells, seen.city, left, 1)
    due = _remembered(cells.expected, city.expected, expected.cells, expected.city, left, 1 + seen.city.size)
    return LongMemory(
        through_ms=through_ms,
        cells=Sums(observed=came[:-1], expected=due[:-1]),
        city=Sums(observed=came[-1], expected=due[-1]),
    )


def faded(at_ms: NDArray[np.int64] | NDArray[np.float64], now_ms: int) -> NDArray[np.float64]:
    """What is left at `now_ms` of one request at each instant, float64[m, 6]."""
    left: NDArray[np.float64] = 0.5 ** ((now_ms - at_ms)[:, None] / _HALF_LIVES_MS)
    return left


def _scaled(sums: Sums, left: NDArray[np.float64]) -> Sums:
    return Sums(observed=sums.observed * left, expected=sums.expected * left)


def _refuse_before(memory: LongMemory, through_ms: int) -> None:
    if through_ms < memory.through_ms:
        raise ValueError(f"through_ms must be at least {memory.through_ms}, got {through_ms}")


@njit(cache=True, nogil=True)
def _remembered(cells, city, counts, of_city, left, first):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """What is left of sums of `cells` float64[n, h] and the `city` float64[h], and of spans: float64[n + 1, h].

    Spans are `counts` float64[m, n] and `of_city` float64[m], added one after the other; row 0 of `left` is of the
    sums, rows from `first` on are of the spans. A cell depends on no other: as numpy adds them, to the bit. A quarter
    of a tick went into the same sums by numpy, which cannot pass over the many zeros.
    """
    spans, size = counts.shape
    total = np.zeros((size + 1, left.shape[1]))
    for span in range(spans):
        for cell in range(size + 1):
            count = counts[span, cell] if cell < size else of_city[span]
            if count != 0.0:
                for life in range(left.shape[1]):
                    total[cell, life] += count * left[first + span, life]
    for life in range(left.shape[1]):
        for cell in range(size):
            total[cell, life] += cells[cell, life] * left[0, life]
        total[size, life] += city[life] * left[0, life]
    return total
