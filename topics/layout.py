"""A schema as a table, for compiled code to walk values by.

Each row of `nodes` is one type: kind, argument, first child, number of children; `children` holds the rows of the
children. The argument is the number of symbols of an enum, the number of branches of a union, the bytes of a fixed.
Row 0 is the record itself, whose children are its fields in the order they are written.
"""

from typing import Any, NamedTuple

import numpy as np

from topics.arrays import Int64s
from topics.schemas import Schema

NULL, BOOLEAN, INT, LONG, FLOAT, DOUBLE, STRING, BYTES, FIXED, ENUM, ARRAY, MAP, UNION, RECORD = range(14)
PRIMITIVES = {
    "null": NULL,
    "boolean": BOOLEAN,
    "int": INT,
    "long": LONG,
    "float": FLOAT,
    "double": DOUBLE,
    "string": STRING,
    "bytes": BYTES,
}


class Layout(NamedTuple):
    """How values of one schema are written: `nodes` int64[types, 4], `children` int64[edges]."""

    nodes: Int64s
    children: Int64s
    fields: tuple[str, ...]


def layout_of(schema: Schema) -> Layout:
    """The table of a record schema.

    Raises ValueError for a schema that contains itself: its values have no bounded depth.
    """
    rows: list[tuple[int, int, list[int]]] = []
    _add(schema, rows, {}, ())
    nodes = np.zeros((len(rows), 4), np.int64)
    children: list[int] = []
    for index, (kind, argument, below) in enumerate(rows):
        nodes[index] = kind, argument, len(children), len(below)
        children += below
    return Layout(nodes, np.array(children or [0], np.int64), tuple(field["name"] for field in schema["fields"]))


def _add(node: Any, rows: list[tuple[int, int, list[int]]], named: dict[str, Any], inside: tuple[str, ...]) -> int:  # noqa: ANN401
    """Append the rows of `node` and what is below it; its row number."""
    if isinstance(node, str) and node not in PRIMITIVES:
        node = _named(node, named)
    if isinstance(node, dict) and isinstance(node["type"], dict | list):
        return _add(node["type"], rows, named, inside)
    kind, argument, parts = _describe(node)
    if isinstance(node, dict) and "name" in node:
        if node["name"] in inside:
            raise ValueError(f"schema must not contain itself, got {node['name']} inside {inside[-1]}")
        named[node["name"]] = node
        inside = (*inside, node["name"])
    index = len(rows)
    below: list[int] = []
    rows.append((kind, argument, below))
    below += [_add(part, rows, named, inside) for part in parts]
    return index


def _describe(node: Any) -> tuple[int, int, list[Any]]:  # noqa: ANN401 - any Avro type
    """Kind, argument and the types directly below `node`."""
    if isinstance(node, list):
        return UNION, len(node), node
    name = node if isinstance(node, str) else node["type"]
    if name in PRIMITIVES:
        return PRIMITIVES[name], 0, []
    parts: dict[str, tuple[int, int, list[Any]]] = {
        "record": (RECORD, 0, [field["type"] for field in node.get("fields", ())]),
        "enum": (ENUM, len(node.get("symbols", ())), []),
        "fixed": (FIXED, node.get("size", 0), []),
        "array": (ARRAY, 0, [node.get("items")]),
        "map": (MAP, 0, [node.get("values")]),
    }
    if name not in parts:
        raise ValueError(f"type must be one Avro knows, got {name!r}")
    return parts[name]


def _named(name: str, named: dict[str, Any]) -> Any:  # noqa: ANN401 - any named Avro type
    """The type once defined as `name`."""
    try:
        return named[name]
    except KeyError:
        raise ValueError(f"type must be defined before it is named, got {name!r}") from None
