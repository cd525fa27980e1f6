"""Where things are: H3 cells, the zones that hold them, and the halo of a zone.

A cell is a hexagon of about 0.74 km², a zone its ancestor of about 36 km² and 49 cells. A zone's halo are the cells
outside it within two rings of any of its cells: with them, smoothing over rings 0–2 is exact up to the border.

Cells and zones are H3 indexes as Python ints or int64 arrays.
"""

from functools import lru_cache

import numpy as np
from h3.api import numpy_int as h3
from numpy.typing import NDArray

CELL_RESOLUTION = 8
ZONE_RESOLUTION = 6
HALO_RINGS = 2
RING_SIZES = (1, 6, 12)
DISK_SIZE = sum(RING_SIZES)

# Every lookup is pure; the bound only keeps a world of cells from staying in memory.
_REMEMBERED = 1 << 16

# An H3 index holds its resolution in bits 52–55 and one octal digit per resolution below; digits finer than it are 7.
_RESOLUTION_SHIFT = 52
_FINEST = 15
_KEEP = ~(0xF << _RESOLUTION_SHIFT)
_ZONE_BITS = ZONE_RESOLUTION << _RESOLUTION_SHIFT | ((1 << 3 * (_FINEST - ZONE_RESOLUTION)) - 1)


def cells_of(
    lat: NDArray[np.float64], lon: NDArray[np.float64], *, resolution: int = CELL_RESOLUTION
) -> NDArray[np.int64]:
    """Cell of each point; `lat` and `lon` are float64[n], degrees WGS 84.

    Raises ValueError if a latitude is not from -90 to 90, a longitude not from -180 to 180, or the lengths differ.

    >>> [f"{cell:x}" for cell in cells_of(np.array([40.7580]), np.array([-73.9855])).tolist()]
    ['882a100d67fffff']
    """
    _refuse_outside("lat", lat, 90.0)
    _refuse_outside("lon", lon, 180.0)
    points = zip(lat.tolist(), lon.tolist(), strict=True)
    return np.fromiter((h3.latlng_to_cell(a, b, resolution) for a, b in points), np.int64, lat.size)


def _refuse_outside(name: str, degrees: NDArray[np.float64], bound: float) -> None:
    inside = np.abs(degrees) <= bound  # false for NaN too
    if not inside.all():
        raise ValueError(f"{name} must be from {-bound:g} to {bound:g} degrees, got {degrees[~inside][0]}")


def zones_of(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Zone of each cell, int64[n]; without a call into H3, since an ancestor is the same digits cut short."""
    return cells & _KEEP | _ZONE_BITS


def zone_of(cell: int) -> int:
    """Zone that holds the cell.

    >>> f"{zone_of(0x882A100D67FFFFF):x}"
    '862a100d7ffffff'
    """
    return cell & _KEEP | _ZONE_BITS


def is_index(number: int, resolution: int) -> bool:
    """Whether the number is an H3 index of that resolution.

    >>> is_index(0x862A100D7FFFFFF, ZONE_RESOLUTION), is_index(0x862A100D7FFFFFF, CELL_RESOLUTION), is_index(-1, 6)
    (True, False, False)
    """
    return 0 <= number < 1 << 63 and bool(h3.is_valid_cell(number)) and h3.get_resolution(number) == resolution


@lru_cache(_REMEMBERED)
def disk(cell: int, k: int) -> tuple[int, ...]:
    """Cells within `k` rings: the cell itself first, the others ascending.

    >>> len(disk(0x882A100D67FFFFF, 2))
    19
    """
    around = set(h3.grid_disk(cell, k).tolist()) - {cell}
    return cell, *sorted(around)


def disks_of(cells: tuple[int, ...]) -> NDArray[np.int64]:
    """Disk of two rings of each cell, int64[n, 19]: the cell, ring 1 ascending, ring 2 ascending; 0 where one lacks.

    A disk lacks a cell next to each of the twelve pentagons of the world.
    """
    second = RING_SIZES[0] + RING_SIZES[1]
    inner, around = [h3.grid_disk(cell, 1) for cell in cells], [h3.grid_disk(cell, 2) for cell in cells]
    if {*map(len, around)} == {DISK_SIZE}:
        disks = np.array(around).astype(np.int64)
        if np.array_equal(disks[:, :second], inner):  # ring by ring, as H3 goes where no pentagon is near
            disks[:, RING_SIZES[0] : second].sort(axis=1)
            disks[:, second:].sort(axis=1)
            return disks
    disks = np.zeros((len(cells), DISK_SIZE), np.int64)
    for row, cell in zip(disks, cells, strict=True):
        near = disk(cell, 1)
        far = sorted({*disk(cell, 2)} - {*near})
        row[: len(near)], row[second : second + len(far)] = near, far
    return disks


@lru_cache(_REMEMBERED)
def zones_reached(cell: int) -> tuple[int, ...]:
    """Zones that need to know the cell: its own first, then those with a cell within two rings, ascending."""
    home = zone_of(cell)
    return home, *sorted({zone_of(near) for near in disk(cell, HALO_RINGS)} - {home})


@lru_cache(_REMEMBERED)
def cells_of_zone(zone: int) -> tuple[int, ...]:
    """Home cells of the zone, ascending.

    >>> len(cells_of_zone(0x862A100D7FFFFFF))
    49
    """
    return tuple(sorted(h3.cell_to_children(zone, CELL_RESOLUTION).tolist()))


def zone_key(zone: int) -> bytes:
    """Record key of the zone topics: the H3 index in lower-case hexadecimal.

    >>> zone_key(0x862A100D7FFFFFF)
    b'862a100d7ffffff'
    """
    return f"{zone:x}".encode()
