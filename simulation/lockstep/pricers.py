"""Who sets prices: the seam between a city and any policy, and the two policies that look at nothing.

A pricer is asked every thirty seconds. It gets a sight of the city as the platform has it, never its parameters, and
answers with a multiplier for every cell and product.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from simulation.history import Ints

TICK_MS = 30_000
UNMOVED = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fleet:
    """Cars as they ping, C cells: `idle` int64[C, P] per product served; `stood`, `busy`, `soon_free` int64[C]."""

    idle: NDArray[np.int64]
    stood: Ints
    busy: Ints
    soon_free: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Riders who asked since the last sight: `at_ms`, row of `cell` and `product`, int64[n] each."""

    at_ms: Ints
    cell: Ints
    product: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What the platform has at `now_ms`; None where no count reached it."""

    now_ms: int
    fleet: Callable[[], Fleet]
    asked: Callable[[], Asked]
    silent: bool = False


class Pricer(Protocol):
    """Makes multipliers from sights."""

    def price(self, sight: Sight) -> NDArray[np.int64]:
        """Multipliers in hundredths, int64[C, P]; asked every `TICK_MS`, in order of time."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same multiplier everywhere and always: 100 is no surge at all, another one a tuned static price."""

    cells: int
    products: int
    hundredths: int = UNMOVED

    def price(self, sight: Sight) -> NDArray[np.int64]:  # noqa: ARG002  it looks at nothing
        """The one price."""
        return np.full((self.cells, self.products), self.hundredths, np.int64)
