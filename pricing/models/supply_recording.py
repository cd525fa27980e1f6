"""What stood where, minute by minute: the counts of cars as pricing had them, and the bookings that took some away.

    at_ms          14:00      14:01      14:02
    idle             3          4          2        as counted at that instant
    bookings         .          1          3        accepted in the minute before it, by the cell of the pickup

What the forecast of supply is fitted on and scored on; from `supply-cells` and `demand-cells` (`learning.supply_log`),
from the lockstep city, or from a file with the columns below. A cell with nothing to tell has no row; a minute in which
no cell has anything has one of zeros, since a minute without a row is one that nobody recorded.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from h3.api import basic_int as h3
from numpy.typing import NDArray

from pricing.rules.instants import LATEST_MS
from windows.panes import MINUTE_MS

# Of one cell and minute: what is beyond was never counted, and would not fit into sums.
MOST_COUNT = 1_000_000
COLUMNS = ("span", "at_ms", "cell", "idle", "busy", "soon_free", "bookings")
COUNTS = COLUMNS[3:]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SupplySpan:
    """T instants a minute apart without a break, C cells; the counts int64[T, C], cars each once.

    `name` tells spans of one file apart, since evenings of a simulated city may share their instants.
    """

    name: str
    at_ms: NDArray[np.int64]
    cells: NDArray[np.int64]
    idle: NDArray[np.int64]
    busy: NDArray[np.int64]
    soon_free: NDArray[np.int64]
    bookings: NDArray[np.int64]

    def until(self, at_ms: int) -> "SupplySpan":
        """The span without what came after `at_ms`."""
        kept = self.at_ms <= at_ms
        counts = {name: getattr(self, name)[kept] for name in COUNTS}
        return SupplySpan(name=self.name, at_ms=self.at_ms[kept], cells=self.cells, **counts)


def csv_rows(spans: Iterable[SupplySpan]) -> Iterator[tuple[str, ...]]:
    """The spans as rows of a file, its header first; by span, instant and cell. A span without a cell has no row."""
    yield COLUMNS
    for span in spans:
        table = np.stack([getattr(span, name) for name in COUNTS], axis=2)
        told = (table != 0).any(axis=2)
        told[~told.any(axis=1), :1] = True
        for at, row in zip(*np.nonzero(told), strict=True):
            yield (span.name, str(span.at_ms[at]), f"{span.cells[row]:x}", *map(str, table[at, row].tolist()))


def spans_of_csv(lines: Iterable[str]) -> list[SupplySpan]:
    """The spans of a file, in its order; a minute without a row ends one and begins the next.

    Raises ValueError naming the line if a column is missing, a value is no count or an instant is no whole minute.
    """
    reader = csv.reader(lines)
    header = tuple(next(reader, ()))
    if header != COLUMNS:
        raise ValueError(f"counts of cars must have the columns {','.join(COLUMNS)}, got {','.join(header) or 'none'}")
    by_name: dict[str, list[tuple[int, ...]]] = {}
    for row in reader:
        by_name.setdefault(row[0] if row else "", []).append(_numbers(row, reader.line_num))
    return [span for name, rows in by_name.items() for span in _spans(name, np.array(rows, np.int64))]


def _numbers(row: Sequence[str], line: int) -> tuple[int, ...]:
    try:
        _, at_ms, cell, *counts = row
        numbers = int(at_ms), int(cell, 16), *map(int, counts)
    except ValueError:
        raise ValueError(f"line {line} must hold a span, whole numbers and a cell, got {','.join(row)}") from None
    if len(counts) != len(COUNTS) or min(numbers) < 0 or numbers[0] % MINUTE_MS:
        raise ValueError(f"line {line} must hold {len(COUNTS)} counts at a whole minute, got {','.join(row)}")
    if numbers[0] > LATEST_MS or max(numbers[2:]) > MOST_COUNT or not h3.is_valid_cell(numbers[1]):
        raise ValueError(
            f"line {line} must hold at_ms to {LATEST_MS}, an H3 cell and counts to {MOST_COUNT}, got {','.join(row)}"
        )
    return numbers


def _spans(name: str, rows: NDArray[np.int64]) -> list[SupplySpan]:
    instants = np.unique(rows[:, 0])
    breaks = np.flatnonzero(np.diff(instants) > MINUTE_MS) + 1
    return [dense(name, part, rows[np.isin(rows[:, 0], part)]) for part in np.split(instants, breaks)]


def dense(name: str, at_ms: NDArray[np.int64], rows: NDArray[np.int64]) -> SupplySpan:
    """The span at the instants `at_ms`, ascending, of `rows` int64[r, 6]: instant, cell, then `COUNTS`."""
    cells, column = np.unique(rows[:, 1], return_inverse=True)
    table = np.zeros((at_ms.size, cells.size, len(COUNTS)), np.int64)
    table[np.searchsorted(at_ms, rows[:, 0]), column] = rows[:, 2:]
    counts = {kind: table[:, :, place] for place, kind in enumerate(COUNTS)}
    return SupplySpan(name=name, at_ms=at_ms, cells=cells, **counts)


def cut(spans: list[SupplySpan]) -> tuple[list[SupplySpan], list[SupplySpan]]:
    """The first two thirds of each span's instants and the last third, each as spans of their own.

    A span of one minute has no first two thirds.
    """
    early: list[SupplySpan] = []
    late: list[SupplySpan] = []
    for span in spans:
        at = 2 * span.at_ms.size // 3
        for kept, rows in ((early, slice(None, at)), (late, slice(at, None))):
            if not span.at_ms[rows].size:
                continue
            counts = {name: getattr(span, name)[rows] for name in COUNTS}
            kept.append(SupplySpan(name=span.name, at_ms=span.at_ms[rows], cells=span.cells, **counts))
    return early, late
