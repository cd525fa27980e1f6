"""Whole chunks of framed Avro values as NumPy columns, without one object per record.

For the flat records outside producers send. Text becomes a 64-bit hash and a span of the chunk's bytes, decoded only
where asked; lists of text likewise; enum symbols become their number in the reader's schema. A value that cannot be
read is left out of the columns and named in `bad`; nothing is raised for it.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from topics.arrays import Bools, Float64s, Int64s
from topics.columns_chunk import Chunk, Joined, defaults_of, empty_chunk, equal_spans, join, joined, list_of
from topics.columns_plan import INTEGER, LIST, REAL, SYMBOL, TEXT, Column, Plan, columns_of, plan_for
from topics.columns_rows import fill_rows
from topics.compiled import decode_rows
from topics.frames import NO_ID, frame_ids
from topics.hashing import hash_list, hash_text
from topics.layout import Layout, layout_of
from topics.refusals import BROKEN_RECORD, NO_FRAME, NULL_VALUE, OK, SCHEMA_UNKNOWN, UNRESOLVED, BadRow, bad_row
from topics.schemas import Schema, parse

__all__ = ["ColumnDecoder", "Columns", "hash_list", "hash_text"]

Rows = Int64s | Sequence[int] | None


class Columns:
    """The readable records of one chunk, a row each, in the order of the values they came from.

    `rows` counts them, `source_row` int64[rows] says which value each came from, `bad` says why the others are
    missing. A null is 0, "" or [] in its column and False in `present`.
    """

    __slots__ = ("_columns", "_data", "_ints", "_present", "_spans", "bad", "rows", "source_row")

    def __init__(self, columns: dict[str, Column], data: bytes, chunk: Chunk, bad: list[BadRow]) -> None:
        self.bad = bad
        self.source_row: Int64s = np.flatnonzero(chunk.status == OK)
        self.rows: int = self.source_row.size
        good = self.source_row if bad else slice(None)
        self._columns, self._data = columns, data
        self._ints, self._present, self._spans = chunk.ints[:, good], chunk.present[:, good], chunk.spans[:, :, good]

    def ints(self, name: str) -> Int64s:
        """A whole-number field int64[rows]; booleans are 0 and 1, enums the number of their symbol."""
        return self._values(name, INTEGER, SYMBOL)

    def floats(self, name: str) -> Float64s:
        """A float or double field float64[rows]; what is not finite stays so."""
        return self._values(name, REAL).view(np.float64)

    def hashes(self, name: str) -> Int64s:
        """Hash of a text or list field int64[rows]: equal to `hash_text` or `hash_list` of it. That of a null is 0."""
        return self._values(name, TEXT, LIST)

    def present(self, name: str) -> Bools:
        """Whether a field is not null bool[rows]."""
        present: Bools = self._present[self._column(name).slot]
        return present

    def is_symbol(self, name: str, symbol: str) -> Bools:
        """Whether an enum field is `symbol` bool[rows].

        Raises ValueError if the enum has no such symbol.
        """
        symbols = self._column(name, SYMBOL).symbols
        if symbol not in symbols:
            raise ValueError(f"symbol must be one of {', '.join(symbols)}, got {symbol!r}")
        same: Bools = self.ints(name) == symbols.index(symbol)
        return same & self.present(name)

    def sizes(self, name: str) -> Int64s:
        """Bytes of a text field int64[rows], as UTF-8; of a list as it is coded."""
        spans: Int64s = self._spans[:, self._column(name, TEXT, LIST).span]
        sizes: Int64s = spans[1] - spans[0]
        return sizes

    def texts(self, name: str, rows: Rows = None) -> list[str]:
        """A text field, for all rows or those numbered `rows`."""
        return [self._data[first:last].decode() for first, last in self._cuts(self._column(name, TEXT), rows)]

    def lists(self, name: str, rows: Rows = None) -> list[list[str]]:
        """A list field, for all rows or those numbered `rows`. Equal rows may share one list: do not change it."""
        said = [self._data[first:last] for first, last in self._cuts(self._column(name, LIST), rows)]
        known = {coded: list_of(coded) for coded in set(said)}
        return [known[coded] for coded in said]

    def equals(self, name: str, others: Joined | Sequence[bytes | None]) -> Bools:
        """Whether a text field is, byte for byte, the one of `others` at the same row bool[rows]; None equals nothing.

        Raises ValueError if there are not as many `others` as rows: compiled code would read beyond them.
        """
        theirs = joined(others)
        if theirs.starts.size != self.rows:
            raise ValueError(f"others must have {self.rows} entries, one per row, got {theirs.starts.size}")
        first, last = self._spans[:, self._column(name, TEXT).span]
        same = equal_spans(np.frombuffer(self._data, np.uint8), first, last, theirs.buf, theirs.starts, theirs.ends)
        return same & ~theirs.absent & self.present(name)

    def _values(self, name: str, *holding: int) -> Int64s:
        values: Int64s = self._ints[self._column(name, *holding).slot]
        return values

    def _cuts(self, column: Column, rows: Rows) -> list[tuple[int, int]]:
        spans = self._spans[:, column.span] if rows is None else self._spans[:, column.span, np.asarray(rows, np.int64)]
        return list(zip(*spans.tolist(), strict=True))

    def _column(self, name: str, *holding: int) -> Column:
        column = self._columns.get(name)
        if column is None or (holding and column.holds not in holding):
            fit = [other.name for other in self._columns.values() if not holding or other.holds in holding]
            raise ValueError(f"field must be one of {', '.join(fit)}, got {name!r}")
        return column


class _Writer(NamedTuple):
    """One schema values name; without a plan they are read row by row."""

    schema: Schema
    layout: Layout
    plan: Plan | None


class ColumnDecoder:
    """Decodes chunks of one topic: `reader_schema` names the columns, `registry` the schemas the values may name.

    The registry may grow between chunks: a schema is looked up when a value first names it.

    Raises ValueError if a field of `reader_schema` has no column form.
    """

    def __init__(self, reader_schema: Schema, registry: dict[int, Schema]) -> None:
        self.schema, self.registry = parse(reader_schema), registry
        self._columns = columns_of(self.schema)
        self._by_name = {column.name: column for column in self._columns}
        self._tail, self._defaults = defaults_of(self._columns)
        self._writers: dict[int, _Writer | None] = {}
        own = plan_for(self.schema, self.schema, self._columns)
        assert own is not None, "a schema with columns reads itself"
        nothing = join([])
        frame_ids(nothing.buf, nothing.starts, nothing.ends)
        self._read(
            nothing, nothing.starts, own, chunk=empty_chunk(self._columns, 0), data=b""
        )  # compiles now, not on the first chunk

    def decode(self, values: Joined | Sequence[bytes | None], broken: Bools | None = None) -> Columns:
        """The columns of `values`, each a framed value or None. Nothing about a value raises.

        Values that already lie end to end are read where they stand. `broken` bool[values] marks those that are no
        values, but what is left of a record that Kafka's format cannot explain.
        """
        given = joined(values)
        chunk = empty_chunk(self._columns, given.starts.size)
        ids = frame_ids(given.buf, given.starts, given.ends)
        if broken is not None:
            ids[broken] = NO_ID
        data = given.data
        for schema_id in _distinct(ids):
            rows = np.flatnonzero(ids == schema_id)
            writer = None if schema_id == NO_ID else self._writer(schema_id)
            if writer is None:
                known = schema_id in self.registry
                chunk.status[rows] = NO_FRAME if schema_id == NO_ID else UNRESOLVED if known else SCHEMA_UNKNOWN
            elif writer.plan is None:
                data = fill_rows(given, rows.tolist(), writer[:2], (self.schema, self._columns), chunk=chunk, data=data)
            else:
                data = self._read(given, rows, writer.plan, chunk=chunk, data=data)
        chunk.status[given.absent] = NULL_VALUE
        if broken is not None:
            chunk.status[broken] = BROKEN_RECORD
        bad = [self._named(row, int(ids[row]), chunk) for row in np.flatnonzero(chunk.status).tolist()]
        return Columns(self._by_name, data, chunk, bad)

    def _read(self, given: Joined, rows: Int64s, plan: Plan, *, chunk: Chunk, data: bytes) -> bytes:
        """Decode `rows` by `plan`, then give columns the writer did not know their defaults.

        Returns `data`, with the texts of the defaults added if any row needs them.
        """
        places = (given.buf, given.starts, given.ends, rows)
        how = (plan.ops, plan.symbols, plan.layout.nodes, plan.layout.children)
        decode_rows(*places, *how, chunk.ints, chunk.present, chunk.spans, chunk.status, chunk.fault)
        tail = len(data)
        for column in plan.missing:
            default = self._defaults[column.name]
            chunk.ints[column.slot, rows] = default.bits
            chunk.present[column.slot, rows] = default.present
            if column.span >= 0:
                chunk.spans[0, column.span, rows] = tail + default.first
                chunk.spans[1, column.span, rows] = tail + default.last
        return data + self._tail if any(column.span >= 0 for column in plan.missing) else data

    def _writer(self, schema_id: int) -> _Writer | None:
        """The schema of that id, made ready once; None if the registry does not know it or nothing can read it."""
        if schema_id not in self._writers and schema_id in self.registry:
            self._writers[schema_id] = self._prepared(self.registry[schema_id])
        return self._writers.get(schema_id)

    def _prepared(self, definition: Schema) -> _Writer | None:
        try:
            schema = parse(definition)
            return _Writer(schema, layout_of(schema), plan_for(schema, self.schema, self._columns))
        except ValueError:
            return None

    def _named(self, row: int, schema_id: int, chunk: Chunk) -> BadRow:
        writer, fault = self._writers.get(schema_id), int(chunk.fault[row])
        field = writer.layout.fields[fault] if writer is not None and fault >= 0 else ""
        return bad_row(row, int(chunk.status[row]), field)


def _distinct(ids: Int64s) -> list[int]:
    """The schema ids of a chunk; there is nearly always one."""
    one = ids.size == 0 or (ids == ids[0]).all()
    return [int(schema_id) for schema_id in (ids[:1] if one else np.unique(ids))]
