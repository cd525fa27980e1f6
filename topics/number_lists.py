"""Records that are mostly lists of numbers, as ticks and counts are, coded by compiled loops.

The library makes a Python call for each number; a tick of a zone has two thousand. Here all numbers of a record cross
over at once, and what is no number is left to others.

    reading   value ──compiled──> numbers of all fields ┊ where texts and others stand ──> fields
    writing   fields ──> numbers, up to the next text ──compiled──> bytes ┊ text ┊ bytes …

An array is written as its length, its items and 0, or 0 alone: numbers as well. So is a boolean, as those bytes would
be read. The slow form it equals is fastavro's, of which it refuses nothing that is in range.
"""

import io
from array import array
from typing import Any, NamedTuple, TypeVar

import numpy as np
from fastavro import schemaless_reader, schemaless_writer
from fastavro.schema import SchemaParseException, UnknownType, parse_schema
from numba import njit

from topics.arrays import Bytes, Int64s
from topics.columns_chunk import varint_of
from topics.compiled import fields_of
from topics.layout import ARRAY, BOOLEAN, ENUM, INT, LONG, STRING, Layout
from topics.refusals import OK
from topics.schemas import Schema

_WHOLE = frozenset({INT, LONG})
_NUMBERS = _WHOLE | {BOOLEAN, ENUM}
_OTHER = -1
_MOST_KNOWN = 256
_MOST_BYTES = 10  # of a varint
K = TypeVar("K")
V = TypeVar("V")


class _Field(NamedTuple):
    """How one field is coded: a `kind` of layout, ARRAY only of numbers; `schema` where it is left to fastavro."""

    name: str
    kind: int
    symbols: tuple[str, ...]
    schema: Any


class NumberLists:
    """Reads and writes records of one schema, as dicts of their fields; `of` says whether it is worth it."""

    def __init__(self, layout: Layout, listed: list[_Field]) -> None:
        self._layout, self._fields = layout, listed
        self._read_as: dict[tuple[str, bytes], Any] = {}
        self._written_as: dict[tuple[str, str], bytes] = {}

    @classmethod
    def of(cls, schema: Schema, layout: Layout) -> "NumberLists | None":
        """One for the schema; None if it has no list of numbers, or a field that names a type of another field."""
        listed = []
        for place, field in enumerate(schema["fields"]):
            kind = _kind(layout, int(layout.children[layout.nodes[0, 2] + place]))
            try:
                alone = parse_schema(field["type"]) if kind == _OTHER else None
            except (SchemaParseException, UnknownType):
                return None
            symbols = field["type"]["symbols"] if kind == ENUM else ()
            listed.append(_Field(field["name"], kind, tuple(symbols), alone))
        return cls(layout, listed) if any(field.kind == ARRAY for field in listed) else None

    def read(self, value: bytes, start: int, *, as_arrays: bool = False) -> tuple[int, str, dict[str, Any]]:
        """Why value[start:] is not exactly one record, and the field at fault: OK, "" and its fields if it is one.

        `as_arrays` gives lists of numbers as int64 arrays: counts go into arrays anyway, and took a third longer.
        """
        buf, layout = np.frombuffer(value, np.uint8), self._layout
        numbers, spans = np.empty(buf.size, np.int64), np.empty((len(self._fields), 2), np.int64)
        status, index, count = fields_of(buf, start, layout.nodes, layout.children, numbers, spans)
        if status != OK:
            return int(status), self._fields[index].name if index >= 0 else "", {}
        told, said = numbers[:count].copy() if as_arrays else numbers[:count].tolist(), dict[str, Any]()
        for (name, kind, symbols, schema), (first, end) in zip(self._fields, spans.tolist(), strict=True):
            if kind == ARRAY:
                said[name] = told[first:end]
            elif kind in _WHOLE:
                said[name] = int(told[first])
            elif kind == STRING:
                said[name] = value[first:end].decode()
            elif kind == ENUM:
                said[name] = symbols[told[first]]
            elif kind == BOOLEAN:
                said[name] = told[first] != 0
            else:
                said[name] = self._read_apart(name, value[first:end], schema)
        return OK, "", said

    def _read_apart(self, name: str, value: bytes, schema: Schema) -> Any:  # noqa: ANN401 - any Avro value
        """A field left to the library, which took a tenth of a tick's reading: most records say the same there."""
        found: Any = self._read_as.get((name, value))
        if found is None:
            found = schemaless_reader(io.BytesIO(value), schema, None)
            if not _is_flat(found):
                return found
            _keep(self._read_as, (name, value), found)
        return [dict(item) if isinstance(item, dict) else item for item in found]

    def _write_apart(self, name: str, value: Any, schema: Schema) -> bytes:  # noqa: ANN401 - any Avro value
        key = name, repr(value)
        found = self._written_as.get(key)
        if found is None:
            out = io.BytesIO()
            schemaless_writer(out, schema, value)
            found = _keep(self._written_as, key, out.getvalue())
        return found

    def write(self, said: dict[str, Any]) -> bytes:
        """The record as bytes, for numbers of 64 bits whatever their type, in lists or in int64 arrays.

        Raises TypeError, ValueError or OverflowError if a value is not of its field's type.
        """
        numbers, parts, cuts = array("q"), list[bytes](), list[int]()
        for name, kind, symbols, schema in self._fields:
            value = said[name]
            if kind == ARRAY:
                if len(value):
                    numbers.append(len(value))
                    _extend(numbers, value)
                numbers.append(0)
            elif kind == ENUM:
                numbers.append(symbols.index(value))
            elif kind in _NUMBERS:
                numbers.append(-int(value) if kind == BOOLEAN else value)
            else:
                parts.append(_text(value) if kind == STRING else self._write_apart(name, value, schema))
                cuts.append(len(numbers))
        return _joined(numbers, parts, cuts)


def _extend(numbers: "array[int]", value: "list[int] | Int64s") -> None:
    if isinstance(value, np.ndarray):
        numbers.frombytes(np.ascontiguousarray(value, np.int64).tobytes())
    else:
        numbers.fromlist(value)


def _kind(layout: Layout, node: int) -> int:
    """The kind of a field, `_OTHER` where it is left to fastavro."""
    kind, _, first, _ = layout.nodes[node].tolist()
    is_numbers = kind == ARRAY and int(layout.nodes[layout.children[first], 0]) in {INT, LONG}
    return kind if kind in {*_NUMBERS, STRING} or is_numbers else _OTHER


def _joined(numbers: "array[int]", parts: list[bytes], cuts: list[int]) -> bytes:
    """Numbers as varints; before number cuts[i] stands parts[i]."""
    coded, begins = _varints(np.frombuffer(numbers, np.int64))
    body, pieces, done = coded.tobytes(), [], 0
    for part, cut in zip(parts, cuts, strict=True):
        end = int(begins[cut])
        pieces += [body[done:end], part]
        done = end
    return b"".join([*pieces, body[done:]])


@njit(cache=True, nogil=True)
def _varints(numbers: Int64s) -> tuple[Bytes, Int64s]:
    """Numbers as zigzag varints one after the other; and where each begins, int64[n + 1], the end last."""
    room, begins = np.empty(numbers.size * _MOST_BYTES, np.uint8), np.zeros(numbers.size + 1, np.int64)
    at = 0
    for i in range(numbers.size):
        bits = np.uint64((numbers[i] << 1) ^ (numbers[i] >> 63))
        while bits > np.uint64(127):
            room[at] = (bits & np.uint64(127)) | np.uint64(128)
            bits >>= np.uint64(7)
            at += 1
        room[at] = bits
        at += 1
        begins[i + 1] = at
    return room[:at], begins


def _text(value: str) -> bytes:
    content = value.encode()
    return varint_of(len(content)) + content


def _is_flat(value: Any) -> bool:  # noqa: ANN401 - any Avro value
    """Whether it is a list of texts, or of records without parts."""
    return isinstance(value, list) and all(
        isinstance(item, str)
        or (isinstance(item, dict) and not any(isinstance(part, dict | list) for part in item.values()))
        for item in value
    )


def _keep(known: dict[K, V], key: K, value: V) -> V:
    """Remember it, and forget the others when there are too many."""
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known[key] = value
    return value
