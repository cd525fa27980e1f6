"""Walk through recorded days as a service lives through them: at every bin's start, what it would know.

sums fade ─┬─ five minutes are added ─┬─ …          at a bin's start: ratios of all that was added before
           └ bin start: inputs, usual └ …           a day is added to the usual week at its midnight
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from demand.kernel_base import WIDTHS, BaseWidths, CellShares, along_steps, city_rates
from demand.ratios import (
    CELL_RATIOS,
    CITY_RATIOS,
    HALF_LIVES_MS,
    RING_RATIOS,
    Sums,
    cell_ratios,
    city_ratios,
)
from demand.recorded_days import STEP_MIN, STEPS_PER_DAY, RecordedDays
from windows.hexagons import disk

STEP_MS = STEP_MIN * 60_000
REFERENCE = 1  # the city's level is its ratio of one hour; other half-lives count by how they differ
_KEPT = 0.5 ** (STEP_MS / np.array(HALF_LIVES_MS))
_KEPT_FROM_MIDDLE = np.sqrt(_KEPT)
# The log-linear model's inputs, in this order; "constant" is 1.
INPUTS = (
    "constant",
    *(f"{ratio.name}_beside_1h" for ratio in CITY_RATIOS if ratio.half_life != REFERENCE),
    *(ratio.name for ratio in (*CELL_RATIOS, *RING_RATIOS)),
)
OWN_INPUTS = len(INPUTS) - len(RING_RATIOS)
BESIDE = np.array([ratio.half_life for ratio in CITY_RATIOS if ratio.half_life != REFERENCE])

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinStart:
    """What is known at the start of `step` of a cells: `inputs` float64[a, len(INPUTS)].

    `usual` float64[a] pickups the usual day expects in the bin, `level` the city's ratio to it.
    """

    step: int
    inputs: Floats
    usual: Floats
    level: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Active:
    """Rows of the cells looked at, int64[a], and of their rings, int64[a, 6] and int64[a, 12]; row k counts nothing."""

    rows: NDArray[np.int64]
    ring_1: NDArray[np.int64]
    ring_2: NDArray[np.int64]


def active_cells(cells: NDArray[np.int64], active: NDArray[np.int64]) -> Active:
    """Where the `active` cells and their rings stand among `cells`, both int64 and ascending."""
    row = {cell: index for index, cell in enumerate(cells.tolist())}
    inner, outer = (np.full((active.size, size), cells.size, np.int64) for size in (6, 12))
    for index, cell in enumerate(active.tolist()):
        first = disk(cell, 1)
        near = [row.get(other, cells.size) for other in first[1:]]
        far = [row.get(other, cells.size) for other in disk(cell, 2) if other not in first]
        inner[index, : len(near)], outer[index, : len(far)] = near, far
    return Active(rows=np.searchsorted(cells, active), ring_1=inner, ring_2=outer)


def with_rings(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cells and all within two rings of one, ascending."""
    return np.array(sorted({near for cell in cells.tolist() for near in disk(cell, 2)}), np.int64)


class RatioMemory:
    """Faded sums of k cells and of the city at the end of the last step added."""

    __slots__ = ("city", "sums")

    def __init__(self, cells: int) -> None:
        # Row k stays zero: it stands for cells nobody counts.
        self.sums = Sums(observed=np.zeros((cells + 1, len(_KEPT))), expected=np.zeros((cells + 1, len(_KEPT))))
        self.city = Sums(observed=np.zeros(len(_KEPT)), expected=np.zeros(len(_KEPT)))

    def fade(self) -> None:
        """Let a step pass in which nothing is known."""
        for sums in (self.sums, self.city):
            sums.observed[...] *= _KEPT
            sums.expected[...] *= _KEPT

    def add(self, counts: NDArray[np.uint16], expected: Floats, city: float, city_expected: float) -> None:
        """Add a step's pickups and what was expected, as at its middle."""
        self.fade()
        self.sums.observed[:-1] += counts[:, None] * _KEPT_FROM_MIDDLE
        self.sums.expected[:-1] += expected[:, None] * _KEPT_FROM_MIDDLE
        self.city.observed[...] += city * _KEPT_FROM_MIDDLE
        self.city.expected[...] += city_expected * _KEPT_FROM_MIDDLE


def look(sums: Sums, city: Sums, active: Active) -> tuple[Floats, float]:
    """The log-linear model's inputs, float64[a, len(INPUTS)], and the city's level."""
    logs = city_ratios(city)
    own = cell_ratios(Sums(observed=sums.observed[active.rows], expected=sums.expected[active.rows]), logs, CELL_RATIOS)
    rings = [
        cell_ratios(ring_sums(sums, near), logs, kind)
        for near, kind in ((active.ring_1, RING_RATIOS[:4]), (active.ring_2, RING_RATIOS[4:]))
    ]
    return inputs_of(logs, own, rings), float(np.exp(logs[REFERENCE]))


def ring_sums(sums: Sums, near: NDArray[np.int64]) -> Sums:
    """Sums over the cells at rows `near` int64[a, r], float64[a, 6], added in that order; a row beyond them is none."""
    near = np.ascontiguousarray(near)
    return Sums(observed=_ring_summed(sums.observed, near), expected=_ring_summed(sums.expected, near))


@njit(cache=True, nogil=True)
def _ring_summed(values, near):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    """Row by row, place after place: as numpy adds them, to the bit, which took a tenth of a tick."""
    total = np.zeros((near.shape[0], values.shape[1]))
    for row in range(near.shape[0]):
        for place in range(near.shape[1]):
            if near[row, place] < values.shape[0]:
                for column in range(values.shape[1]):
                    total[row, column] += values[near[row, place], column]
    return total


def inputs_of(city_logs: Floats, own: Floats, rings: list[Floats]) -> Floats:
    """Columns in the order of `INPUTS`, or of its first `OWN_INPUTS` if there are no `rings`."""
    inputs = np.empty((len(own), OWN_INPUTS + sum(ring.shape[1] for ring in rings)))
    inputs[:, 0] = 1.0
    inputs[:, 1 : 1 + len(BESIDE)] = city_logs[BESIDE] - city_logs[REFERENCE]
    inputs[:, 1 + len(BESIDE) : OWN_INPUTS] = own
    if rings:
        inputs[:, OWN_INPUTS:] = np.concatenate(rings, axis=1)
    return inputs


def every_bin(_step: int) -> bool:
    """The choice that leaves no bin out."""
    return True


def walk(
    days: RecordedDays,
    active: Active,
    bin_steps: int,
    *,
    wanted: Callable[[int], bool] = every_bin,
    memory: RatioMemory | None = None,
    widths: BaseWidths = WIDTHS,
) -> Iterator[BinStart]:
    """Every bin's start whose step is `wanted`, in order of time; nothing recorded at or after it enters.

    `memory`, blank, is the one to keep sums in: afterwards it holds those at the end of the last day.
    """
    rates, weekdays = city_rates(days, widths), days.weekdays
    shares, memory = CellShares(days.cells, widths), memory or RatioMemory(days.cells.size)
    for day in range(days.days):
        expected = along_steps(shares.of(int(weekdays[day]))) * rates[day]
        first = day * STEPS_PER_DAY
        for slot in range(STEPS_PER_DAY):
            if slot % bin_steps == 0 and wanted(first + slot):
                inputs, level = look(memory.sums, memory.city, active)
                usual = expected[active.rows, slot : slot + bin_steps].sum(axis=1)
                yield BinStart(step=first + slot, inputs=inputs, usual=usual, level=level)
            step, rate = first + slot, float(rates[day, slot])
            if days.known[day] and rate > 0.0:
                memory.add(days.counts[:, step], expected[:, slot], float(days.city[step]), rate)
            else:
                memory.fade()
        if days.known[day]:
            counted = slice(first, first + STEPS_PER_DAY)
            shares.take(days.counts[:, counted], days.city[counted], int(weekdays[day]))
