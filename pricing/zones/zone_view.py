"""What pricing sees of one zone at one instant: the seam between the joined streams and the rules.

A layout fixes which row is which cell; a view holds the numbers in that order. A zone's rows are its home cells and
then its halo, the cells outside within two rings of it, so that every home cell finds its rings 0–2 in the view, and
a forecast made of a row alone comes out with the same bits in every zone that sees the cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from windows.hexagons import cells_of_zone, disks_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoneLayout:
    """Rows of a zone.

    `cells` int64[n]: home cells ascending, then halo cells ascending; the first `home` rows are home. `neighbours`
    int64[home, 19]: rows of each home cell's disk, ring 0, then ring 1, then ring 2, each ascending by cell. A place
    the disk lacks (next to one of the twelve pentagons of the world) holds n: give arrays one spare zero row.
    """

    zone: int
    cells: NDArray[np.int64]
    home: int
    neighbours: NDArray[np.int64]

    @property
    def home_cells(self) -> NDArray[np.int64]:
        """The cells priced with this zone, int64[home], ascending."""
        return self.cells[: self.home]


@lru_cache(4096)
def layout_of(zone: int) -> ZoneLayout:
    """Rows of the zone; the same for everyone, so anyone may ask.

    >>> layout = layout_of(0x862A100D7FFFFFF)
    >>> layout.home, layout.neighbours.shape
    (49, (49, 19))
    """
    home = np.array(cells_of_zone(zone), np.int64)
    disks = disks_of(tuple(home.tolist()))
    halo = np.setdiff1d(disks[disks > 0], home)
    cells = np.concatenate((home, halo))
    ascending = np.argsort(cells)
    neighbours = ascending[np.searchsorted(cells, disks, sorter=ascending).clip(max=cells.size - 1)]
    neighbours[disks == 0] = cells.size
    return ZoneLayout(zone=zone, cells=cells, home=home.size, neighbours=neighbours)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoneView:
    """Counts of one zone at `now_ms`, rows as in `layout_of(zone).cells` (halo included), n rows.

    products            ids in the market's order, P of them; the product axis below
    requests            float64[n, P, 6]: riders who asked in each window of `windows.panes.WINDOWS_MS` (1–32 min), the
                        open pane whole, the oldest pane by its fraction
    covered_ms          int64[6]: how much of each window the zone has panes for; less than the window after a start
    idle                float64[n, P]: cars idle now that serve the product; a car counts once in each it serves
    idle_total          float64[n]: idle cars, each once
    busy, soon_free     float64[n]: cars with a rider, and those of them about to be free within five minutes
    idle_mean           adds up float64[n, 6]: mean idle cars over each window (car-milliseconds / covered ones); to
                        be asked for before the zone changes
    supply_complete     whether every source partition of supply is alive and has completed its snapshot
    demand_complete     the same for demand
    data_age_ms         age of the oldest source partition's counts at `now_ms`
    memory_observed     float64[n, 6]: requests of all products, fading with each half-life of `demand.ratios`
    memory_expected     float64[n, 6]: the same of what the usual week expects (`demand.long_memory`)
    """

    zone: int
    now_ms: int
    products: tuple[str, ...]
    requests: NDArray[np.float64]
    covered_ms: NDArray[np.int64]
    idle: NDArray[np.float64]
    idle_total: NDArray[np.float64]
    busy: NDArray[np.float64]
    soon_free: NDArray[np.float64]
    idle_mean: Callable[[], NDArray[np.float64]]
    supply_complete: bool
    demand_complete: bool
    data_age_ms: int
    memory_observed: NDArray[np.float64]
    memory_expected: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CityView:
    """Riders who asked anywhere in the market, home cells only.

    observed      float64[6]: requests, fading with each half-life of `demand.ratios`
    expected      float64[6]: the same of what the usual week expects
    """

    observed: NDArray[np.float64]
    expected: NDArray[np.float64]


def empty_view(zone: int, now_ms: int, products: tuple[str, ...], *, half_lives: int = 6) -> ZoneView:
    """The view of a zone about which all is known and in which nothing happens; a start for builders and tests."""
    rows, windows = layout_of(zone).cells.size, 6
    return ZoneView(
        zone=zone,
        now_ms=now_ms,
        products=products,
        requests=np.zeros((rows, len(products), windows)),
        covered_ms=np.array([60_000 << k for k in range(windows)], np.int64),
        idle=np.zeros((rows, len(products))),
        idle_total=np.zeros(rows),
        busy=np.zeros(rows),
        soon_free=np.zeros(rows),
        idle_mean=partial(np.zeros, (rows, windows)),
        supply_complete=True,
        demand_complete=True,
        data_age_ms=0,
        memory_observed=np.zeros((rows, half_lives)),
        memory_expected=np.zeros((rows, half_lives)),
    )
