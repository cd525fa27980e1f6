"""A tick made ready to answer quotes: the row of a cell and the reasons of a position without a search."""

import numpy as np

from topics.arrays import Int64s
from topics.prices import ModelFallback, SurgeTicked


class PreparedTick:
    """One acknowledged tick, whose lists of numbers may be arrays, and where it stands in `surge.v1`.

    Cells and reasons are made ready on first use: most ticks answer no quote.
    """

    __slots__ = ("_reason_at", "_row", "model_fallbacks", "offset", "partition", "products", "tick")

    def __init__(self, tick: SurgeTicked, partition: int, offset: int) -> None:
        self.tick = tick
        self.partition = partition
        self.offset = offset
        self.products = {product: index for index, product in enumerate(tick.products)}
        self.model_fallbacks = [
            ModelFallback(name=use.name, fallback=use.fallback) for use in tick.models_used if use.fallback
        ]
        self._row: dict[int, int] | None = None
        self._reason_at: Int64s | None = None

    def position_of(self, cell: int, product: str) -> int:
        """Position in the tick's arrays; -1 if it does not price the cell or product."""
        if self._row is None:
            self._row = {cell: index for index, cell in enumerate(np.asarray(self.tick.cells).tolist())}
        row, column = self._row.get(cell, -1), self.products.get(product, -1)
        return row * len(self.products) + column if row >= 0 and column >= 0 else -1

    def reasons_at(self, position: int) -> list[tuple[int, int, int]]:
        """(code, before, after) of every rule that moved the price at that position, in order."""
        tick = self.tick
        if self._reason_at is None:
            self._reason_at = np.asarray(tick.reason_at, np.int64)
        return [
            (int(tick.reason_code[place]), int(tick.reason_before[place]), int(tick.reason_after[place]))
            for place in (self._reason_at == position).nonzero()[0].tolist()
        ]
