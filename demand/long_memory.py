"""What a cell has seen over hours and days: sums that fade with a half-life.

Each pane adds its requests and its expectation; both fade alike, so their ratio does not move while nothing is added,
and a worker may take up the memory of another after any pause. The expectation is the usual week at the city's ratio
of the moment (`demand.forecast.usual_requests`): the memory of a cell says how it differs from the city, not how the
city does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
HALF_LIVES_MS = (120 * HOUR_MS, 24 * HOUR_MS, 4 * HOUR_MS)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LongMemory:
    """Faded sums of n cells at `through_ms`: `observed` and `expected` are float64[n, H], longest half-life first."""

    through_ms: int
    half_lives_ms: tuple[int, ...]
    observed: NDArray[np.float64]
    expected: NDArray[np.float64]


def blank_memory(cells: int, through_ms: int, half_lives_ms: tuple[int, ...] = HALF_LIVES_MS) -> LongMemory:
    """The memory of `cells` cells that have seen nothing."""
    zeros = np.zeros((cells, len(half_lives_ms)))
    return LongMemory(through_ms=through_ms, half_lives_ms=half_lives_ms, observed=zeros, expected=zeros)


def remember(
    memory: LongMemory, through_ms: int, requests: NDArray[np.float64], expected: NDArray[np.float64]
) -> LongMemory:
    """The memory at `through_ms`, after `requests` and `expected` (float64[n]) of `[memory.through_ms, through_ms)`.

    Raises ValueError if `through_ms` lies before the memory's: a pane is added once.

    >>> memory = remember(blank_memory(1, 0, (HOUR_MS,)), HOUR_MS, np.array([4.0]), np.array([2.0]))
    >>> remember(memory, 2 * HOUR_MS, np.zeros(1), np.zeros(1)).observed.tolist()
    [[2.0]]
    """
    if through_ms < memory.through_ms:
        raise ValueError(f"through_ms must be at least {memory.through_ms}, got {through_ms}")
    elapsed_ms = through_ms - memory.through_ms
    kept = np.array([0.5 ** (elapsed_ms / half_life) for half_life in memory.half_lives_ms])
    return LongMemory(
        through_ms=through_ms,
        half_lives_ms=memory.half_lives_ms,
        observed=memory.observed * kept + requests[:, None],
        expected=memory.expected * kept + expected[:, None],
    )
