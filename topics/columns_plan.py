"""How values of one writer's schema become columns of the reader's: one operation per field the writer wrote.

Follows Avro's schema resolution (specification 1.12, "Schema Resolution"): fields by name, defaults for what the
writer did not know, enum symbols by name, numbers promoted to wider ones.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from topics import layout
from topics.arrays import Int64s
from topics.layout import Layout, layout_of
from topics.schemas import Schema

# What a column holds.
INTEGER, REAL, TEXT, LIST, SYMBOL = range(5)
_COLUMN = {
    layout.BOOLEAN: INTEGER,
    layout.INT: INTEGER,
    layout.LONG: INTEGER,
    layout.FLOAT: REAL,
    layout.DOUBLE: REAL,
    layout.STRING: TEXT,
    layout.ARRAY: LIST,
    layout.ENUM: SYMBOL,
}
# Promotions Avro allows into a column beyond a type's own.
_PROMOTED = {
    (layout.INT, layout.LONG),
    *((n, r) for n in (layout.INT, layout.LONG) for r in (layout.FLOAT, layout.DOUBLE)),
}
_PROMOTED |= {(layout.FLOAT, layout.DOUBLE)}


class Column(NamedTuple):
    """One field of the reader's schema: `slot` is its row in the value arrays, `span` its row in the spans or -1."""

    name: str
    slot: int
    span: int
    holds: int
    kind: int
    nullable: bool
    type_name: str
    symbols: tuple[str, ...]
    enum_default: str | None
    has_default: bool
    default: Any


@dataclass(frozen=True, slots=True)
class Plan:
    """`ops` int64[writer's fields, 7]: kind, slot (-1: skip), span, branch that is null (-1: none), real, first, count.

    `real` is 1 where a whole number is wanted as a float. `first` and `count` say where the symbols of an enum stand
    in `symbols`, which maps the writer's numbers to the reader's (-1: refuse). `missing` are the columns that take
    their defaults.
    """

    layout: Layout
    ops: Int64s
    symbols: Int64s
    missing: tuple[Column, ...]


def columns_of(schema: Schema) -> tuple[Column, ...]:
    """The columns of a flat record schema.

    Raises ValueError naming the field whose type has no column form.
    """
    made: list[Column] = []
    spans = 0
    for slot, field in enumerate(schema["fields"]):
        kind, inner, null_at = _inner(field["type"])
        holds = _COLUMN.get(kind)
        if holds is None or (kind == layout.ARRAY and not _of_text(inner)):
            raise ValueError(
                f"{field['name']} must be a number, boolean, text, enum or list of text, got {inner!r:.80}"
            )
        of_enum = inner if kind == layout.ENUM else {}
        made.append(
            Column(
                name=field["name"],
                slot=slot,
                span=spans if holds in (TEXT, LIST) else -1,
                holds=holds,
                kind=kind,
                nullable=null_at >= 0,
                type_name=of_enum.get("name", "").split(".")[-1],
                symbols=tuple(of_enum.get("symbols", ())),
                enum_default=of_enum.get("default"),
                has_default="default" in field,
                default=field.get("default"),
            )
        )
        spans += holds in (TEXT, LIST)
    return tuple(made)


def plan_for(writer: Schema, reader: Schema, columns: tuple[Column, ...]) -> Plan | None:
    """The plan that reads values of `writer` into `columns` of `reader`; None if only general resolution can tell."""
    by_name = {column.name: column for column in columns}
    if writer["name"].split(".")[-1] != reader["name"].split(".")[-1] or any("aliases" in f for f in reader["fields"]):
        return None
    table = layout_of(writer)
    ops = np.empty((len(writer["fields"]), 7), np.int64)
    symbols: list[int] = []
    for index, field in enumerate(writer["fields"]):
        column = by_name.pop(field["name"], None)
        kind, inner, null_at = _inner(field["type"])
        if column is None:
            ops[index] = kind, -1, -1, -1, 0, 0, 0
            continue
        if not _readable(kind, inner, null_at, column):
            return None
        resolved = _resolved(inner["symbols"], column) if kind == layout.ENUM else []
        ops[index] = kind, column.slot, column.span, null_at, column.holds == REAL, len(symbols), len(resolved)
        symbols += resolved
    if any(not column.has_default for column in by_name.values()):
        return None
    return Plan(table, ops, np.array(symbols or [0], np.int64), tuple(by_name.values()))


def _inner(node: Any) -> tuple[int, Any, int]:  # noqa: ANN401 - any Avro type
    """Kind of a type, looking through a union with null; the type itself; and the branch that is null, -1 if none."""
    null_at = -1
    if isinstance(node, list) and len(node) == 2 and "null" in node and node != ["null", "null"]:
        null_at = node.index("null")
        node = node[1 - null_at]
    if isinstance(node, list):
        return layout.UNION, node, -1
    name = node if isinstance(node, str) else node["type"]
    while isinstance(name, dict):
        node, name = name, name["type"]
    structured = {"array": layout.ARRAY, "enum": layout.ENUM}
    return layout.PRIMITIVES.get(name, structured.get(name, layout.RECORD)), node, null_at


def _of_text(array: Any) -> bool:  # noqa: ANN401 - any Avro array
    """Whether the items are text; Java producers write that as an object."""
    return _inner(array["items"])[::2] == (layout.STRING, -1)


def _readable(kind: int, inner: Any, null_at: int, column: Column) -> bool:  # noqa: ANN401 - any Avro type
    """Whether compiled code can read a field of that type into `column`."""
    if null_at >= 0 and not column.nullable:
        return False
    if kind == layout.ARRAY and not _of_text(inner):
        return False
    if kind == layout.ENUM and inner["name"].split(".")[-1] != column.type_name:
        return False
    return kind == column.kind or (kind, column.kind) in _PROMOTED


def _resolved(written: list[str], column: Column) -> list[int]:
    """The reader's number of each symbol written; the default's, or -1, for those it does not know."""
    unknown = column.symbols.index(column.enum_default) if column.enum_default in column.symbols else -1
    return [column.symbols.index(symbol) if symbol in column.symbols else unknown for symbol in written]
