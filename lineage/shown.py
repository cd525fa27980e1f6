"""Any record as JSON for the page: bytes as base64, H3 indexes in hexadecimal: a browser's numbers end before them."""

import base64
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from infra.clients.consumer import Entry
from topics.wire import rfc3339

MOST_BYTES = 600
"""Of a longer field, such as a model's artefact, the beginning is shown and its length."""
H3_FIELDS = frozenset({"zone", "cell", "cells"})


def shown(value: Any, name: str = "") -> Any:  # noqa: ANN401  a record class or any of its parts
    """`value`, the content of the field `name`, as JSON can say it.

    >>> shown({"zone": 0x862A100D7FFFFFF, "value": b"ab"})
    {'zone': '862a100d7ffffff', 'value': 'YWI='}
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: shown(getattr(value, field.name), field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): shown(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown(inner, name) for inner in value]
    return _plain(value, name)


def _plain(value: Any, name: str) -> Any:  # noqa: ANN401  anything that holds nothing further
    if isinstance(value, bytes):
        cut = f"… {len(value)} bytes" if len(value) > MOST_BYTES else ""
        return base64.b64encode(value[:MOST_BYTES]).decode() + cut
    if isinstance(value, Enum):
        return value.value
    if name in H3_FIELDS and isinstance(value, int):
        return f"{value:x}" if value else ""
    return value


def shown_entry(entry: Entry) -> dict[str, Any]:
    """One record where it stands. `raw` is what could not be decoded, `problem` says why."""
    return {
        "topic": entry.topic.name,
        "partition": entry.partition,
        "offset": entry.offset,
        "place": f"{entry.partition}@{entry.offset}",
        "appended_ms": entry.timestamp_ms,
        "appended": rfc3339(entry.timestamp_ms),
        "key": None if entry.key is None else entry.key.decode(errors="backslashreplace"),
        "headers": {
            name: None if value is None else value.decode(errors="backslashreplace") for name, value in entry.headers
        },
        "schema_id": entry.schema_id,
        "record": shown(entry.record),
        "problem": entry.problem,
    } | ({"raw": bytes_said(entry.raw)} if entry.raw is not None else {})


def bytes_said(value: bytes) -> str:
    """Bytes as people read them, sixteen a line: place, hexadecimal, and what is text.

    >>> print(bytes_said(b"not avro" + bytes([0, 200])))
    0000  6e 6f 74 20 61 76 72 6f 00 c8                    not avro..
    """
    lines = []
    for start in range(0, min(len(value), MOST_BYTES), 16):
        part = value[start : start + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:04x}  {part.hex(' '):<47}  {text}")
    return "\n".join([*lines, *([f"… {len(value)} bytes"] if len(value) > MOST_BYTES else [])])


def place_of(text: str) -> tuple[int, int]:
    """Partition and offset of `partition@offset`.

    Raises ValueError if it is neither.

    >>> place_of("2@1234")
    (2, 1234)
    """
    partition, _, offset = text.partition("@")
    if not (partition.isdecimal() and offset.isdecimal()):
        raise ValueError(f"place must be partition@offset such as 2@1234, got {text!r}")
    return int(partition), int(offset)
