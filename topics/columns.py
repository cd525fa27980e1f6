"""Whole chunks of framed Avro values as NumPy columns, without one object per record.

For the flat records outside producers send. Text becomes a 64-bit hash and a span of the chunk's bytes, decoded only where
asked; lists of text likewise; enum symbols become their number in the reader's schema. A value that cannot be read is left out
of the columns and named in `bad`; nothing is raised for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from topics.columns_kernel import NO_ID, Bools, Bytes, Float64s, decode_rows, equal_spans, frame_ids
from topics.columns_plan import INTEGER, LIST, REAL, SYMBOL, TEXT, Column, Plan, columns_of, plan_for
from topics.columns_rows import fill_rows
from topics.hashing import hash_list, hash_text
from topics.layout import Int64s
from topics.refusals import NO_FRAME, NULL_VALUE, OK, SCHEMA_UNKNOWN, UNRESOLVED, BadRow, bad_row
from topics.schemas import Schema, parse

__all__ = ["ColumnDecoder", "Columns", "hash_list", "hash_text"]

Rows = Int64s | Sequence[int] | None


class Joined(NamedTuple):
    """Byte strings laid end to end: number i is data[starts[i]:ends[i]]; None is empty, and True in `absent`."""

    data: bytes
    starts: Int64s
    ends: Int64s
    absent: Bools


def join(parts: Sequence[bytes | None], tail: bytes = b"") -> Joined:
    """`parts` end to end, then `tail`."""
    count = len(parts)
    absent = np.zeros(count, np.bool_)
    if None in parts:
        absent[:] = [part is None for part in parts]
    whole = [part or b"" for part in parts] if absent.any() else parts
    sizes = np.fromiter(map(len, whole), np.int64, count)  # type: ignore[arg-type]  # no None left
    ends = np.cumsum(sizes)
    return Joined(b"".join([*whole, tail]), ends - sizes, ends, absent)  # type: ignore[list-item]


class Chunk(NamedTuple):
    """Arrays of one chunk, a row per value; see `topics.columns_kernel` for their shapes."""

    ints: Int64s
    present: Bools
    spans: Int64s
    status: Int64s
    fault: Int64s


class Columns:
    """The readable records of one chunk, a row each, in the order of the values they came from.

    `rows` counts them, `source_row` int64[rows] says which value each came from, `bad` says why the others are missing. A null
    is 0, "" or [] in its column and False in `present`.
    """

    __slots__ = ("_buf", "_columns", "_data", "_ints", "_present", "_spans", "bad", "rows", "source_row")

    def __init__(self, columns: dict[str, Column], data: bytes, chunk: Chunk, bad: list[BadRow]) -> None:
        good = np.flatnonzero(chunk.status == OK)
        whole = good.size == chunk.status.size
        self.rows: int = good.size
        self.source_row: Int64s = good
        self.bad = bad
        self._columns, self._data = columns, data
        self._buf: Bytes = np.frombuffer(data, np.uint8)
        self._ints = chunk.ints if whole else chunk.ints[:, good]
        self._present = chunk.present if whole else chunk.present[:, good]
        self._spans = chunk.spans if whole else chunk.spans[:, :, good]

    def ints(self, name: str) -> Int64s:
        """A whole-number field int64[rows]; booleans are 0 and 1, enums the number of their symbol."""
        return self._ints[self._column(name, INTEGER, SYMBOL).slot]

    def floats(self, name: str) -> Float64s:
        """A float or double field float64[rows]; what is not finite stays so."""
        return self._ints.view(np.float64)[self._column(name, REAL).slot]

    def hashes(self, name: str) -> Int64s:
        """Hash of a text or list field int64[rows]: equal to `hash_text` or `hash_list` of it. That of a null is 0."""
        return self._ints[self._column(name, TEXT, LIST).slot]

    def present(self, name: str) -> Bools:
        """Whether a field is not null bool[rows]."""
        return self._present[self._column(name).slot]

    def is_symbol(self, name: str, symbol: str) -> Bools:
        """Whether an enum field is `symbol` bool[rows].

        Raises ValueError if the enum has no such symbol.
        """
        symbols = self._column(name, SYMBOL).symbols
        if symbol not in symbols:
            raise ValueError(f"symbol must be one of {', '.join(symbols)}, got {symbol!r}")
        return self.ints(name) == symbols.index(symbol)

    def sizes(self, name: str) -> Int64s:
        """Bytes of a text field int64[rows], UTF-8."""
        first, last = self._spans[:, self._column(name, TEXT).span]
        return last - first

    def texts(self, name: str, rows: Rows = None) -> list[str]:
        """A text field, for all rows or those numbered `rows`."""
        return [self._data[first:last].decode() for first, last in self._cuts(self._column(name, TEXT), rows)]

    def lists(self, name: str, rows: Rows = None) -> list[list[str]]:
        """A list field, for all rows or those numbered `rows`. Equal rows may share one list: do not change it."""
        known: dict[bytes, list[str]] = {}
        said = [self._data[first:last] for first, last in self._cuts(self._column(name, LIST), rows)]
        return [known.get(coded) or known.setdefault(coded, _items(coded)) for coded in said]

    def equals(self, name: str, others: Sequence[bytes | None]) -> Bools:
        """Whether a text field is, byte for byte, the one of `others` at the same row bool[rows]; None equals nothing."""
        first, last = self._spans[:, self._column(name, TEXT).span]
        joined = join(others)
        same = equal_spans(self._buf, first, last, np.frombuffer(joined.data, np.uint8), joined.starts, joined.ends)
        return same & ~joined.absent & self.present(name)

    def _cuts(self, column: Column, rows: Rows) -> list[tuple[int, int]]:
        spans = self._spans[:, column.span] if rows is None else self._spans[:, column.span, np.asarray(rows, np.int64)]
        return list(zip(*spans.tolist(), strict=True))

    def _column(self, name: str, *holding: int) -> Column:
        column = self._columns.get(name)
        if column is None or (holding and column.holds not in holding):
            fit = [c.name for c in self._columns.values() if not holding or c.holds in holding]
            raise ValueError(f"field must be one of {', '.join(fit)}, got {name!r}")
        return column


class ColumnDecoder:
    """Decodes chunks of one topic: `reader_schema` names the columns, `registry` the schemas the values may name.

    The registry may grow between chunks; a schema is looked up when a value first names it.

    Raises ValueError if a field of `reader_schema` has no column form.
    """

    def __init__(self, reader_schema: Schema, registry: dict[int, Schema]) -> None:
        self.schema = parse(reader_schema)
        self.registry = registry
        self._columns = columns_of(self.schema)
        self._by_name = {column.name: column for column in self._columns}
        self._plans: dict[int, tuple[Schema, Plan | None] | None] = {}
        self._tail, self._defaults = _default_bytes(self._columns)
        own = plan_for(self.schema, self.schema, self._columns)
        assert own is not None
        self._read(join([]), np.empty(0, np.int64), own, self._empty(0))  # compiles, or loads from the cache

    def decode(self, values: Sequence[bytes | None]) -> Columns:
        """The columns of `values`, each a framed value or None. Nothing about a value raises."""
        joined = join(values, self._tail)
        chunk = self._empty(len(values))
        ids = frame_ids(np.frombuffer(joined.data, np.uint8), joined.starts, joined.ends)
        chunk.status[ids == NO_ID] = NO_FRAME
        chunk.status[joined.absent] = NULL_VALUE
        data = joined.data
        names: dict[int, tuple[str, ...]] = {}
        for schema_id in _distinct(ids):
            known = self._plan(schema_id)
            rows = np.flatnonzero(ids == schema_id)
            if known is None:
                chunk.status[rows] = SCHEMA_UNKNOWN if schema_id not in self.registry else UNRESOLVED
                continue
            writer, plan = known
            if plan is None:
                data = fill_rows(values, rows, writer, self.schema, self._columns, chunk, data)
            else:
                self._read(joined, rows, plan, chunk)
                names[schema_id] = plan.layout.fields
        bad = [_named(row, chunk, names.get(int(ids[row]), ())) for row in np.flatnonzero(chunk.status).tolist()]
        return Columns(self._by_name, data, chunk, bad)
