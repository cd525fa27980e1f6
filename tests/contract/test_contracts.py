"""The schemas in `avro/`, the record classes and the catalogue say the same, and say it in full."""

import json
from dataclasses import MISSING, fields
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from topics.catalogue import DEAD_LETTERS, EVERY_TOPIC, TOPICS, PartitionGroup
from topics.schemas import AVRO_DIR, schema_of

FILES = sorted(AVRO_DIR.glob("*.avsc"))
SCHEMAS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
PYTHON = {
    "string": "str",
    "int": "int",
    "long": "int",
    "double": "float",
    "boolean": "bool",
    "bytes": "bytes",
    "null": "None",
}


def named_types(node):
    """Records and enums inside an Avro type."""
    if isinstance(node, list):
        return [found for branch in node for found in named_types(branch)]
    if not isinstance(node, dict):
        return []
    own = [node] if node["type"] in ("record", "enum") else []
    below = [field["type"] for field in node.get("fields", ())] + [node.get("items"), node.get("values")]
    return own + [found for part in below for found in named_types(part)]


def as_python(node):
    """An Avro type as the annotation its record class has."""
    if isinstance(node, list):
        return " | ".join(sorted(as_python(branch) for branch in node))
    if isinstance(node, str):
        return PYTHON.get(node, node)
    match node["type"]:
        case "array":
            return f"list[{as_python(node['items'])}]"
        case "map":
            return f"dict[str, {as_python(node['values'])}]"
    return node["name"]


def as_said(hint):
    """An annotation in the words of `as_python`."""
    if hint is type(None):
        return "None"
    args = [as_said(arg) for arg in get_args(hint)]
    if get_origin(hint) in (list, dict):
        return f"{get_origin(hint).__name__}[{', '.join(args)}]"
    return hint.__name__ if not args or get_origin(hint) is Union else " | ".join(sorted(args))


def default_of(field):
    """What a dataclass field takes when left out; MISSING if it is required."""
    return field.default if field.default_factory is MISSING else field.default_factory()


def classes_of(record):
    """A record class and the classes in its annotations, by name."""
    found = {record.__name__: record}
    for hint in get_type_hints(record).values():
        for part in (hint, *get_args(hint)):
            if isinstance(part, type) and part.__module__.startswith("topics.") and part.__name__ not in found:
                found |= classes_of(part) if hasattr(part, "__dataclass_fields__") else {part.__name__: part}
    return found


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_and_type_is_documented(name):
    """A producer in another company reads the schema only: nothing in it is without a sentence."""
    for part in named_types(SCHEMAS[name]):
        assert part["doc"].endswith(".")
        for field in part.get("fields", ()):
            assert field.get("doc", "").endswith("."), f"{part['name']}.{field['name']}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_enum_has_a_default_for_symbols_of_later_versions(name):
    """A reader of this version takes a symbol it does not know for UNKNOWN instead of failing."""
    for part in named_types(SCHEMAS[name]):
        if part["type"] == "enum":
            assert part["default"] == part["symbols"][0] == "UNKNOWN"


@pytest.mark.parametrize("name", SCHEMAS)
def test_money_comes_with_its_currency(name):
    """An amount in minor units means nothing without the currency in the same record."""
    schema = SCHEMAS[name]
    money = [f["name"] for part in named_types(schema) for f in part.get("fields", ()) if f["name"].endswith("_minor")]
    if money:
        assert "currency" in [field["name"] for field in schema["fields"]], money


def test_money_is_found_where_it_is():
    """The test above would pass if nothing ended in _minor; these do."""
    with_money = {name for name in SCHEMAS if "_minor" in json.dumps(SCHEMAS[name])}
    assert {"quotes.v1.avsc", "booking-decisions.v1.avsc", "ride-events.v1.avsc", "markets.v1.avsc"} <= with_money


def test_topics_and_schema_files_are_the_same_set():
    """Every topic has its schema, and no schema is left without a topic."""
    assert {topic.schema_file for topic in EVERY_TOPIC} == set(SCHEMAS)


def test_names_subjects_and_groups_are_sound():
    """Names are unique, versioned and their subjects follow; broadcast and dead-letter topics have one partition."""
    names = [topic.name for topic in EVERY_TOPIC]
    assert len(set(names)) == len(names)
    assert all(topic.subject == f"{topic.name}-value" for topic in EVERY_TOPIC)
    assert all(topic.name.endswith(".v1") for topic in TOPICS)
    assert {topic.group for topic in DEAD_LETTERS} == {PartitionGroup.ONE}


@pytest.mark.parametrize("topic", [*TOPICS, DEAD_LETTERS[0]], ids=lambda topic: topic.name)
def test_record_classes_equal_their_schemas_field_for_field(topic):
    """Names, order, types and defaults of each class are those of the schema."""
    classes = classes_of(topic.record)
    parts = named_types(SCHEMAS[topic.schema_file])
    assert {part["name"] for part in parts} == set(classes)
    for part in parts:
        record = classes[part["name"]]
        if part["type"] == "enum":
            assert [member.value for member in record] == [member.name for member in record] == part["symbols"]
            continue
        hints = get_type_hints(record)
        assert [field.name for field in fields(record)] == [field["name"] for field in part["fields"]]
        for field, said in zip(fields(record), part["fields"], strict=True):
            assert as_said(hints[field.name]) == as_python(said["type"]), field.name
            assert default_of(field) == said.get("default", MISSING), field.name


def test_schemas_are_loaded_once_and_shared():
    """All codecs of a topic hold one schema object, so that comparing them is free."""
    assert schema_of(TOPICS[0]) is schema_of(TOPICS[0])
