"""Which zones need to know each of many cells, as arrays; `windows.hexagons.zones_reached` for all at once."""

import numpy as np
from numpy.typing import NDArray

from windows.hexagons import zones_reached

Ints = NDArray[np.int64]

NO_ZONE = 0
_MOST_CELLS = 1 << 16


class ZoneTable:
    """Zones of the cells met so far; it begins anew when they are more than a continent has cars in.

    Only a single call that asks for more has it hold more.
    """

    def __init__(self) -> None:
        """No cell is known."""
        self._cells: Ints = np.empty(0, np.int64)
        self._zones: Ints = np.empty((0, 1), np.int64)

    def zones_of(self, cells: Ints) -> Ints:
        """Zones that need to know each cell, int64[n, k], a row filled up with 0; `cells` int64[n] ascending."""
        at = np.searchsorted(self._cells, cells)
        known = np.append(self._cells, NO_ZONE)[at] == cells
        if not known.all():
            unknown = cells[~known]
            if self._cells.size + unknown.size > _MOST_CELLS:
                self.__init__()  # type: ignore[misc]  # begin anew, with all that is asked for
                unknown = cells
            self._learn(unknown)
            at = np.searchsorted(self._cells, cells)
        return self._zones[at]

    def pairs(self, cells: Ints) -> tuple[Ints, Ints]:
        """Every zone with every row of `cells` it needs to know: zones ascending, rows ascending in each."""
        zones = self.zones_of(cells)
        rows, places = np.nonzero(zones)
        named = zones[rows, places]
        order = np.argsort(named, kind="stable")
        return named[order], rows[order]

    def _learn(self, cells: Ints) -> None:
        reached = [zones_reached(cell) for cell in cells.tolist()]
        width = max(self._zones.shape[1], *map(len, reached))
        rows = np.full((self._cells.size + cells.size, width), NO_ZONE, np.int64)
        rows[: self._cells.size, : self._zones.shape[1]] = self._zones
        for row, zones in enumerate(reached, self._cells.size):
            rows[row, : len(zones)] = zones
        together = np.concatenate([self._cells, cells])
        order = np.argsort(together)
        self._cells, self._zones = together[order], rows[order]
