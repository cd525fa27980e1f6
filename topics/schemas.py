"""The Avro schemas of the topics: read from `avro/`, parsed once, free of logical types.

Logical types are annotations: the bytes are those of the underlying type, and every consumer here wants that value.
They are removed on parsing, so that a producer that calls its `long` a `timestamp-millis` is read like any other.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from topics.catalogue import Topic

Schema = dict[str, Any]

# The package runs from a checkout (editable install), where the contracts stand beside it.
AVRO_DIR = Path(__file__).resolve().parent.parent / "avro"


def parse(definition: Schema | str) -> Schema:
    """A record schema, from its JSON text or object; parsing a parsed one changes nothing.

    Raises ValueError if it is not a valid Avro record schema.
    """
    try:
        raw = json.loads(definition) if isinstance(definition, str) else definition
        # A cycle would be a reference by name, so the tree of the definition itself is finite.
        parsed = fastavro.parse_schema(_plain(raw))
    except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError, TypeError) as error:
        raise ValueError(f"schema must be a valid Avro record schema, got one that says: {error}") from error
    if not isinstance(parsed, dict) or parsed.get("type") != "record":
        raise ValueError(f"schema must be an Avro record, got {definition!r:.80}")
    return parsed


def load(avro_dir: Path = AVRO_DIR) -> dict[str, Schema]:
    """Every schema of `avro_dir`, by file name such as `driver-pings.v1.avsc`."""
    return {path.name: parse(path.read_text(encoding="utf-8")) for path in sorted(avro_dir.glob("*.avsc"))}


@cache
def schema_of(topic: Topic) -> Schema:
    """The current schema of `topic`; its readers and writers share this one object."""
    return parse(text_of(topic))


def text_of(topic: Topic) -> str:
    """The schema of `topic` as its file says it, docs included: what is registered under its subject."""
    return (AVRO_DIR / topic.schema_file).read_text(encoding="utf-8")


def is_same(one: Schema, other: Schema) -> bool:
    """Whether two schemas say the same: parsing one leaves marks in it that are not part of what it says."""
    return bool(_plain(one) == _plain(other))


def _plain(node: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    """`node` without logical types and without the marks of an earlier parse."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    hidden = ("logicalType", "__fastavro_parsed__", "__named_schemas")
    return {key: value if key == "default" else _plain(value) for key, value in node.items() if key not in hidden}
