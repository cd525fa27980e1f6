"""Chunks of framed values for tests of the columns, and the slow reading they are held against."""

import copy
import io

import fastavro

from topics import wire
from topics.columns import Columns
from topics.columns_chunk import empty_chunk, join
from topics.columns_plan import INTEGER, LIST, REAL, SYMBOL, TEXT, columns_of
from topics.columns_rows import fill_rows
from topics.layout import layout_of
from topics.schemas import parse

PING = {
    "driver_id": "driver-1",
    "at_ms": 1_700_000_000_000,
    "lat": 40.7,
    "lon": -74.0,
    "status": "IDLE",
    "products": ["standard", "xl"],
    "free_at_ms": None,
}


def framed(schema, said, schema_id=1):
    """The framed value another producer's Avro library would write."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, parse(schema), said)
    return wire.frame(schema_id, out.getvalue())


def slow_columns(values, writer, reader):
    """Columns of `values`, all framed, read row by row."""
    writer, reader = parse(writer), parse(reader)
    columns = columns_of(reader)
    chunk = empty_chunk(columns, len(values))
    given = join(values)
    data = fill_rows(
        given, range(len(values)), (writer, layout_of(writer)), (reader, columns), chunk=chunk, data=given.data
    )
    refused = [row for row, status in enumerate(chunk.status) if status]
    return Columns({column.name: column for column in columns}, data, chunk, refused)


def said_by(columns, schema):
    """Everything columns say, as plain lists that compare; floats as text, so that NaN equals itself."""
    said = {"source_row": columns.source_row.tolist()}
    for column in columns_of(parse(schema)):
        name = column.name
        said[name, "present"] = columns.present(name).tolist()
        if column.holds in (INTEGER, SYMBOL):
            said[name] = columns.ints(name).tolist()
        if column.holds == REAL:
            said[name] = [repr(value) for value in columns.floats(name).tolist()]
        if column.holds in (TEXT, LIST):
            said[name, "hash"] = columns.hashes(name).tolist()
            said[name] = columns.texts(name) if column.holds == TEXT else columns.lists(name)
    return said


def altered(schema, change):
    """A copy of `schema` after `change(fields by name)`, which may alter, drop, or add fields."""
    other = copy.deepcopy(schema)
    by_name = {field["name"]: field for field in other["fields"]}
    change(by_name)
    other["fields"] = list(by_name.values())
    return other
