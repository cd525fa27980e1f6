"""How far prices would move: the difference of two sets of multipliers, counted up in a memory that does not grow.

A price is one product in one cell at one tick. Changes are hundredths, after minus before.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pricing.rules.markets import Market
from pricing.surge.guardrails import Hundredths
from topics.prices import SurgeTicked

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(slots=True)
class Changes:
    """Changes of so many prices, by size."""

    sizes: Counter[int] = field(default_factory=Counter)

    def add(self, sizes: Hundredths) -> None:
        """Count changes of any shape, zeros included."""
        found, times = np.unique(sizes, return_counts=True)
        self.sizes.update(dict(zip(found.tolist(), times.tolist(), strict=True)))

    @property
    def prices(self) -> int:
        """How many prices were compared."""
        return self.sizes.total()

    @property
    def changed(self) -> int:
        """How many of them differ."""
        return self.prices - self.sizes[0]

    @property
    def share(self) -> float:
        """Part of the prices that differ, 0 to 1."""
        return self.changed / self.prices if self.prices else 0.0

    def quantiles(self) -> list[int]:
        """Change at each of `QUANTILES` among the prices that differ, hundredths; empty if none does.

        >>> changes = Changes()
        >>> changes.add(np.array([0, 0, -10, -10, -20, 30]))
        >>> changes.quantiles(), changes.changed, round(changes.share, 2)
        ([-20, -20, -10, -10, 30], 4, 0.67)
        """
        ranked = sorted((size, times) for size, times in self.sizes.items() if size and times)
        return [_at(ranked, quantile * self.changed) for quantile in QUANTILES] if ranked else []


def _at(ranked: list[tuple[int, int]], rank: float) -> int:
    """The size at that rank, the lower one between two."""
    passed = 0
    for size, times in ranked:
        passed += times
        if passed >= rank:
            return size
    return ranked[-1][0]


@dataclass(slots=True)
class Effect:
    """What a policy would change, in all, by jurisdiction and by product, and in which cells most."""

    ticks: int = 0
    all: Changes = field(default_factory=Changes)
    by_jurisdiction: dict[str, Changes] = field(default_factory=dict)
    by_product: dict[str, Changes] = field(default_factory=dict)
    zones: set[int] = field(default_factory=set)
    cells: set[int] = field(default_factory=set)
    moved: Counter[int] = field(default_factory=Counter)
    compared: Counter[int] = field(default_factory=Counter)

    def add(self, tick: SurgeTicked, market: Market, before: Hundredths, after: Hundredths) -> None:
        """Count one tick: multipliers before and after, int64[n, P]."""
        change = after - before
        self.ticks += 1
        self.zones.add(tick.zone)
        self.cells.update(tick.cells)
        self.all.add(change)
        names = np.array([market.jurisdiction_of.get(cell, "") for cell in tick.cells])
        for name in np.unique(names).tolist():
            self.by_jurisdiction.setdefault(name, Changes()).add(change[names == name])
        for column, product in enumerate(tick.products):
            self.by_product.setdefault(product, Changes()).add(change[:, column])
        self._cells(tick, change)

    def _cells(self, tick: SurgeTicked, change: Hundredths) -> None:
        totals = np.add.reduce(change, axis=1)
        for row in np.flatnonzero(np.any(change != 0, axis=1)).tolist():
            self.moved[tick.cells[row]] += int(totals[row])
        self.compared.update(dict.fromkeys(tick.cells, change.shape[1]))

    def top(self, count: int) -> list[tuple[int, float]]:
        """The cells whose prices would move most, with their mean change in hundredths over all prices compared."""
        means = [(cell, total / self.compared[cell]) for cell, total in self.moved.items()]
        return sorted(means, key=lambda one: (-abs(one[1]), one[0]))[:count]
