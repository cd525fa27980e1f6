"""Cells of many points, faster than H3 finds them one by one, and always the ones H3 finds.

The map is cut into squares of 1/1024 degree, some 100 m. Most lie wholly inside one cell: a look-up. In the others a
few cells meet, and a point is tried against the borders of each. Wherever that leaves a doubt, H3 is asked.

    ┌────┬────┬────┐   a   inside one cell: its number stands in the table
    │ a  │ a ╱│ b  │   ab  candidates a and b: which borders is the point inside of, by more than the margin?
    │    │ ╱ab│    │   on the line, or in no candidate: H3
    └────┴────┴────┘

Why this is exact: a cell that lies on one face of H3's icosahedron is a hexagon in that face's gnomonic projection,
which maps straight lines to great circles. So it is the intersection of six half-spaces through the earth's centre,
a convex set: a square whose corners are inside by the margin is inside, and a point inside the half-spaces by the
margin is in the cell. The margin, 6 cm, is far above what rounding (nanometres) and a parallel's bend between two
corners (0.2 mm) amount to. Cells on two faces and pentagons are left to H3, and so is everything near the poles.
"""

import math

import numpy as np
from h3.api import numpy_int as h3
from numba import njit
from numpy.typing import NDArray

from windows.hexagons import cells_of, disk

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Numbers = NDArray[np.int32]

SQUARES_PER_DEGREE = 1024
MARGIN = 1e-8
"""As the sine of the angle to a border: 6 cm on the ground."""
MOST_SQUARES = 1 << 20
"""Some 10,000 km² of visited ground and 40 MB; beyond it the map begins anew."""
MOST_CELLS = 1 << 16
"""Whose borders are known, those around visited ones included: 30 MB; beyond it the map begins anew, too."""
LEARNT_AT_ONCE = 128
"""New cells entered in one call, each 0.1 ms with those around it; until then H3 finds their points."""
_FEWEST_SQUARES = 1 << 10
_FEWEST_CELLS = 64
_MOST_LATITUDE = 85.0
_SIDES = 6
_CANDIDATES = 4
_NONE = -1
_WHOLE = -2
"""In place of a second candidate: the square is wholly inside the first."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_HIGH_HALF = np.uint64(32)


class CellMap:
    """What is known of the squares visited so far. Not for several threads."""

    def __init__(self) -> None:
        """Nothing is known."""
        self._forget()

    def __len__(self) -> int:
        """Squares known."""
        return self._size

    def cells_of(self, lat: Floats, lon: Floats) -> Ints:
        """Cell of each point at the usual resolution, as `windows.hexagons.cells_of`.

        Raises ValueError if a latitude is not from -90 to 90, a longitude not from -180 to 180, or the lengths differ.
        """
        if lat.shape != lon.shape:
            raise ValueError(f"lat and lon must be of one length, got {lat.size} and {lon.size}")
        cells = np.empty(lat.size, np.int64)
        doubt = _look_up(lat, lon, self._keys, self._known, self._cells, self._borders, cells)
        if doubt.size:
            cells[doubt] = cells_of(lat[doubt], lon[doubt])
            self._learn(_squares(lat[doubt], lon[doubt]), cells[doubt])
        return cells

    def _forget(self) -> None:
        self._size = 0
        self._keys: Ints = np.full(2 * _FEWEST_SQUARES, _NONE)
        self._known: Numbers = np.empty((2 * _FEWEST_SQUARES, _CANDIDATES), np.int32)
        self._numbers: dict[int, int] = {}
        self._count = 0  # cells with a number
        self._cells: Ints = np.empty(_FEWEST_CELLS, np.int64)
        self._borders: Floats = np.empty((_FEWEST_CELLS, _SIDES, 3))
        self._rings: Numbers = np.full((_FEWEST_CELLS, _SIDES), _NONE, np.int32)
        self._ringed: set[int] = set()

    def _learn(self, squares: Ints, cells: Ints) -> None:
        """Take in those of the squares that are not known yet, but for those in more than LEARNT_AT_ONCE new cells.

        `cells` are of points in the squares, as H3 says.
        """
        new, at = np.unique(squares, return_index=True)
        fresh = (new != _NONE) & _unknown(new, self._keys)
        if not fresh.any():
            return
        new, cells = new[fresh], cells[at[fresh]]
        if self._size + new.size > MOST_SQUARES or len(self._numbers) > MOST_CELLS:
            self._forget()
        learnt = self._entered_of(np.unique(cells).tolist())
        chosen = np.isin(cells, learnt)
        new, cells = new[chosen], cells[chosen]
        while 2 * (self._size + new.size) > self._keys.size:
            self._grow()
        numbers = np.array([self._numbers[cell] for cell in cells.tolist()], np.int32)
        candidates = np.full((new.size, _CANDIDATES), _NONE, np.int32)
        _choose(numbers, *_corner(new), self._borders, self._rings, candidates)
        _put(new, candidates, self._keys, self._known)
        self._size += new.size

    def _grow(self) -> None:
        keys, known = self._keys, self._known
        self._keys = np.full(2 * keys.size, _NONE)
        self._known = np.empty((2 * keys.size, _CANDIDATES), np.int32)
        there = keys != _NONE
        _put(keys[there], known[there], self._keys, self._known)

    def _entered_of(self, cells: list[int]) -> list[int]:
        """Those of the cells that are known with the ones around them, some of them from now on."""
        unknown = [cell for cell in cells if cell not in self._ringed]
        for cell in unknown[:LEARNT_AT_ONCE]:
            self._enter_with_ring(cell)
        left = set(unknown[LEARNT_AT_ONCE:])
        return [cell for cell in cells if cell not in left]

    def _enter_with_ring(self, cell: int) -> None:
        """Know the cell and those around it."""
        self._ringed.add(cell)
        number = self._enter(cell)
        if number != _NONE:
            around = [self._enter(near) for near in disk(cell, 1)[1:]]
            self._rings[number, : len(around)] = around

    def _enter(self, cell: int) -> int:
        """Number of the cell; -1 if it is not a hexagon on one face."""
        if cell not in self._numbers:
            plain = not h3.is_pentagon(cell) and len(h3.get_icosahedron_faces(cell)) == 1
            self._numbers[cell] = self._entered(cell) if plain else _NONE
        return self._numbers[cell]

    def _entered(self, cell: int) -> int:
        number = self._count
        self._count += 1
        if number == self._cells.size:
            self._cells = np.concatenate([self._cells, np.empty_like(self._cells)])
            self._borders = np.concatenate([self._borders, np.empty_like(self._borders)])
            self._rings = np.concatenate([self._rings, np.full_like(self._rings, _NONE)])
        self._cells[number], self._borders[number] = cell, _borders_of(cell)
        return number


def _borders_of(cell: int) -> Floats:
    """Unit normals of the planes through the cell's sides and the earth's centre, pointing inwards: float64[6, 3]."""
    return _inward(np.array(h3.cell_to_boundary(cell)), *h3.cell_to_latlng(cell))


@njit(cache=True, nogil=True)
def _inward(corners: Floats, lat: float, lon: float) -> Floats:
    """The normals of the sides between corners float64[6, 2] around a centre, degrees; numpy took 0.1 ms a cell."""
    normals = np.empty((_SIDES, 3))
    cx, cy, cz = _vector(lat, lon)
    for side in range(_SIDES):
        ax, ay, az = _vector(corners[side, 0], corners[side, 1])
        after = (side + 1) % _SIDES
        bx, by, bz = _vector(corners[after, 0], corners[after, 1])
        x, y, z = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        length = math.sqrt(x * x + y * y + z * z)
        if x * cx + y * cy + z * cz < 0:
            length = -length
        normals[side] = x / length, y / length, z / length
    return normals


@njit(cache=True, nogil=True)
def _vector(lat: float, lon: float) -> tuple[float, float, float]:
    """A point on the unit sphere."""
    phi, theta = math.radians(lat), math.radians(lon)
    return math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi)


@njit(cache=True, nogil=True)
def _square(lat: float, lon: float) -> int:
    """Number of the square a point is in; -1 near the poles and outside the globe."""
    if not (abs(lat) <= _MOST_LATITUDE and abs(lon) <= 180.0):
        return _NONE
    y, x = math.floor(lat * SQUARES_PER_DEGREE), math.floor(lon * SQUARES_PER_DEGREE)
    return (int(y) + (1 << 20)) << 20 | (int(x) + (1 << 19))


@njit(cache=True, nogil=True)
def _squares(lat: Floats, lon: Floats) -> Ints:
    """The square of each point."""
    found = np.empty(lat.size, np.int64)
    for i in range(lat.size):
        found[i] = _square(lat[i], lon[i])
    return found


def _corner(squares: Ints) -> tuple[Floats, Floats]:
    """South-west corners of squares."""
    y, x = (squares >> 20) - (1 << 20), (squares & (1 << 20) - 1) - (1 << 19)
    return y / SQUARES_PER_DEGREE, x / SQUARES_PER_DEGREE


@njit(cache=True, nogil=True)
def _place(square: int, keys: Ints) -> np.int64:
    """Where `square` stands in the table, or the free place where it would."""
    mask = keys.size - 1
    spread = np.uint64(square) * _GOLDEN
    place = np.int64((spread ^ (spread >> _HIGH_HALF)) & np.uint64(mask))
    while keys[place] != _NONE and keys[place] != square:
        place = (place + 1) & mask
    return place


@njit(cache=True, nogil=True)
def _unknown(squares: Ints, keys: Ints) -> NDArray[np.bool_]:
    new = np.empty(squares.size, np.bool_)
    for i in range(squares.size):
        new[i] = keys[_place(squares[i], keys)] == _NONE
    return new


@njit(cache=True, nogil=True)
def _put(squares: Ints, candidates: Numbers, keys: Ints, known: Numbers) -> None:
    for i in range(squares.size):
        place = _place(squares[i], keys)
        keys[place] = squares[i]
        known[place] = candidates[i]


@njit(cache=True, nogil=True)
def _is_inside(point: tuple[float, float, float], borders: Floats) -> bool:
    """Whether the point is on the inner side of all six borders, float64[6, 3], by more than the margin."""
    for side in range(_SIDES):
        if point[0] * borders[side, 0] + point[1] * borders[side, 1] + point[2] * borders[side, 2] <= MARGIN:
            return False
    return True


@njit(cache=True, nogil=True)
def _choose(
    numbers: Numbers, south: Floats, west: Floats, borders: Floats, rings: Numbers, candidates: Numbers
) -> None:
    """Fill the candidates of squares, given the cell of a point in each: that cell first.

    If all four corners are inside it, `_WHOLE` follows; else those of its neighbours that hold a corner or the middle.
    """
    for i in range(numbers.size):
        number = numbers[i]
        if number == _NONE:
            continue
        candidates[i, 0] = number
        size, inside = 1, 0
        for k in range(5):
            y, x = (k >> 1, k & 1) if k < 4 else (0.5, 0.5)
            point = _vector(south[i] + y / SQUARES_PER_DEGREE, west[i] + x / SQUARES_PER_DEGREE)
            if _is_inside(point, borders[number]):
                inside += 1
                continue
            for near in rings[number]:
                if near != _NONE and size < _CANDIDATES and _is_inside(point, borders[near]):
                    new = True
                    for j in range(size):
                        new = new and candidates[i, j] != near
                    if new:
                        candidates[i, size] = near
                        size += 1
        if inside == 5:
            candidates[i, 1] = _WHOLE


@njit(cache=True, nogil=True)
def _look_up(lat: Floats, lon: Floats, keys: Ints, known: Numbers, cells: Ints, borders: Floats, found: Ints) -> Ints:
    """Fill `found` where the map knows the cell; the numbers of the other points."""
    doubt = np.empty(lat.size, np.int64)
    doubts = 0
    for i in range(lat.size):
        square = _square(lat[i], lon[i])
        place = _place(square, keys) if square != _NONE else 0
        number = known[place, 0] if square != _NONE and keys[place] == square else _NONE
        if number != _NONE and known[place, 1] != _WHOLE:
            point = _vector(lat[i], lon[i])
            k = 0
            while k < _CANDIDATES and known[place, k] != _NONE and not _is_inside(point, borders[known[place, k]]):
                k += 1
            number = known[place, k] if k < _CANDIDATES else _NONE
        if number == _NONE:
            doubt[doubts] = i
            doubts += 1
        else:
            found[i] = cells[number]
    return doubt[:doubts]
