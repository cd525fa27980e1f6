"""Hypothesis strategies shared by tests of several rooms."""

from dataclasses import fields, is_dataclass
from enum import StrEnum
from typing import get_args, get_type_hints

from hypothesis import strategies as st

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
NUMBERS = {
    "int": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=32, allow_nan=False),
    "double": st.floats(allow_nan=False),
}


def avro_values(node, named=None):
    """Plain Python values of an Avro type, as fastavro takes and gives them."""
    named = {} if named is None else named
    if isinstance(node, list):
        return st.one_of([avro_values(branch, named) for branch in node])
    kind = node["type"] if isinstance(node, dict) else node
    if isinstance(node, dict) and "name" in node:
        named[node["name"]] = node
    match kind:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "string":
            return TEXTS
        case "bytes":
            return st.binary(max_size=8)
        case "enum":
            return st.sampled_from(node["symbols"])
        case "array":
            return st.lists(avro_values(node["items"], named), max_size=4)
        case "map":
            return st.dictionaries(TEXTS, avro_values(node["values"], named), max_size=3)
        case "record":
            return st.fixed_dictionaries({f["name"]: avro_values(f["type"], named) for f in node["fields"]})
    return NUMBERS[kind] if kind in NUMBERS else avro_values(named[kind], named)


def records(record, schema):
    """Records of a class of `topics`, drawn from its schema."""
    return avro_values(schema).map(lambda said: built(record, said))


def built(record, said):
    """`said` as the record class, enum members and nested records included."""
    hints = get_type_hints(record)
    return record(**{field.name: _as(hints[field.name], said[field.name]) for field in fields(record)})


def _as(hint, value):
    inner = [part for part in (hint, *get_args(hint)) if isinstance(part, type)]
    made = next((part for part in inner if is_dataclass(part) or issubclass(part, StrEnum)), None)
    if made is None:
        return value
    if isinstance(value, list):
        return [built(made, item) for item in value]
    return made(value) if issubclass(made, StrEnum) else built(made, value)
