"""A tick made ready to answer quotes: the row of a cell and the reasons of a position without a search."""

from topics.prices import ModelFallback, SurgeTicked


class PreparedTick:
    """One acknowledged tick and where it stands in `surge.v1`.

    Reasons are indexed by position on first use: most ticks answer few quotes.
    """

    __slots__ = ("_reasons", "_row", "model_fallbacks", "offset", "partition", "products", "tick")

    def __init__(self, tick: SurgeTicked, partition: int, offset: int) -> None:
        self.tick = tick
        self.partition = partition
        self.offset = offset
        self.products = {product: index for index, product in enumerate(tick.products)}
        self.model_fallbacks = [
            ModelFallback(name=use.name, fallback=use.fallback) for use in tick.models_used if use.fallback
        ]
        self._row = {cell: index for index, cell in enumerate(tick.cells)}
        self._reasons: dict[int, list[tuple[int, int, int]]] | None = None

    def position_of(self, cell: int, product: str) -> int:
        """Position in the tick's arrays; -1 if it does not price the cell or product."""
        row, column = self._row.get(cell, -1), self.products.get(product, -1)
        return row * len(self.products) + column if row >= 0 and column >= 0 else -1

    def reasons_at(self, position: int) -> list[tuple[int, int, int]]:
        """(code, before, after) of every rule that moved the price at that position, in order."""
        if self._reasons is None:
            self._reasons = {}
            tick = self.tick
            for at, *reason in zip(
                tick.reason_at, tick.reason_code, tick.reason_before, tick.reason_after, strict=True
            ):
                self._reasons.setdefault(at, []).append((reason[0], reason[1], reason[2]))
        return self._reasons.get(position, [])
