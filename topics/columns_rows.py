"""The slow, obvious way to columns: row by row through fastavro, for writers' schemas no compiled plan can read.

It also is the oracle the compiled way is tested against.
"""

import io
from collections.abc import Iterable
from typing import Any

from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError

from topics.columns_chunk import Chunk, Joined, held
from topics.columns_plan import Column
from topics.layout import Layout
from topics.refusals import OK, UNRESOLVED
from topics.schemas import Schema
from topics.walk import fault
from topics.wire import FRAME_BYTES


def fill_rows(
    values: Joined,
    rows: Iterable[int],
    writer: tuple[Schema, Layout],
    reader: tuple[Schema, tuple[Column, ...]],
    *,
    chunk: Chunk,
    data: bytes,
) -> bytes:
    """Decode the framed values numbered `rows` into `chunk`; `data`, with the bytes of their texts added."""
    schema, layout = writer
    added = [data]
    size = len(data)
    for row in rows:
        value = values.part(row)
        assert value is not None
        status, field = fault(value, FRAME_BYTES, layout)
        record = _record(value, schema, reader[0]) if status == OK else None
        if record is None:
            chunk.status[row] = status or UNRESOLVED
            chunk.fault[row] = layout.fields.index(field) if field else -1
            continue
        for column in reader[1]:
            said = record[column.name]
            bits, coded = held(column, said)
            chunk.ints[column.slot, row] = bits
            chunk.present[column.slot, row] = said is not None
            if column.span >= 0:
                chunk.spans[:, column.span, row] = size, size + len(coded)
                added.append(coded)
                size += len(coded)
    return b"".join(added)


def _record(value: bytes, writer: Schema, reader: Schema) -> dict[str, Any] | None:
    """The record fastavro resolves `value` to; None if it cannot be resolved."""
    body = io.BytesIO(value)
    body.seek(FRAME_BYTES)
    try:
        record: Any = schemaless_reader(body, writer, reader)
    except (SchemaResolutionError, ValueError, TypeError, KeyError):
        return None
    return record if isinstance(record, dict) else None
