"""Chunks to columns: equal to the slow reading for every compatible writer, and nothing about a value raises."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import avro_values
from tests.unit.topics.chunks import PING, altered, framed, said_by, slow_columns
from tests.unit.topics.spec_reader import refusal
from topics import wire
from topics.catalogue import BOOKING_DECISIONS, DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, SURGE
from topics.columns import ColumnDecoder, hash_list, hash_text
from topics.events import DriverStatus
from topics.schemas import schema_of, text_of

PINGS = json.loads(text_of(DRIVER_PINGS))
FLAT = [DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, BOOKING_DECISIONS]
DECODERS = {topic.name: ColumnDecoder(schema_of(topic), {1: schema_of(topic)}) for topic in FLAT}


@pytest.mark.parametrize("topic", FLAT, ids=lambda topic: topic.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_columns_equal_the_slow_reading(topic, data):
    """Whatever a producer says, compiled columns and fastavro's records are the same."""
    schema = schema_of(topic)
    said = data.draw(st.lists(avro_values(schema), max_size=6))
    values = [framed(schema, record) for record in said]
    columns = DECODERS[topic.name].decode(values)
    assert columns.bad == []
    assert said_by(columns, schema) == said_by(slow_columns(values, schema, schema), schema)


def drop(*names):
    return lambda fields: [fields.pop(name) for name in names]


def retype(name, node):
    return lambda fields: fields[name].update(type=node)


def add(node):
    return lambda fields: fields.update(extra={"name": "extra", "type": node}, last={"name": "last", "type": "long"})


def reorder(fields):
    for name in sorted(fields):
        fields[name] = fields.pop(name)


NESTED = {
    "type": "record",
    "name": "Nested",
    "fields": [{"name": "x", "type": ["null", {"type": "map", "values": "bytes"}]}],
}
ENUM = {"type": "enum", "name": "DriverStatus", "default": "UNKNOWN"}
JAVA_TEXT = {"type": "string", "avro.java.string": "String"}
WRITERS = {
    "older without defaults' fields": drop("products", "free_at_ms"),
    "other order": reorder,
    "more symbols": retype("status", ENUM | {"symbols": ["UNKNOWN", "ASLEEP", "OFFLINE", "IDLE"]}),
    "narrower numbers": lambda fields: (
        fields["at_ms"].update(type="int"),
        fields["lat"].update(type="long"),
        fields["lon"].update(type="float"),
    ),
    "null second": retype("free_at_ms", ["long", "null"]),
    "never null": lambda fields: (fields["free_at_ms"].update(type="int"), fields["free_at_ms"].pop("default")),
    "logical type": retype("at_ms", {"type": "long", "logicalType": "timestamp-millis"}),
    "java strings": lambda fields: (
        fields["driver_id"].update(type=JAVA_TEXT),
        fields["products"].update(type={"type": "array", "items": JAVA_TEXT}),
    ),
    "added record": add(NESTED),
    "added array of records": add({"type": "array", "items": NESTED}),
    "added fixed": add({"type": "fixed", "name": "Five", "size": 5}),
    "added union": add(["int", "null", "string", "boolean", "float"]),
    "nullable where required": retype("lat", ["null", "double"]),
    "bytes where text": retype("driver_id", "bytes"),
    "list of bytes": retype("products", {"type": "array", "items": "bytes"}),
    "another record": lambda fields: None,
}


@pytest.mark.parametrize("version", WRITERS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_other_versions_are_read_as_this_one(version, data):
    """Dropped, added, widened, reordered and nullable fields: both ways to columns agree, row for row."""
    writer = altered(PINGS, WRITERS[version])
    if version == "another record":
        writer["name"] = "SomethingElse"
    values = [framed(writer, said, 7) for said in data.draw(st.lists(plain_values(writer), min_size=1, max_size=4))]
    columns = ColumnDecoder(PINGS, {7: writer}).decode(values)
    slow = slow_columns(values, writer, PINGS)
    assert said_by(columns, PINGS) == said_by(slow, PINGS)
    assert [bad.row for bad in columns.bad] == slow.bad


def plain_values(writer):
    """Values of `writer`, with fixed fields drawn here and without the logical type's conversion."""
    fixed = {"five": st.binary(min_size=5, max_size=5)}
    made = {}
    for field in writer["fields"]:
        node = field["type"]
        node = "long" if isinstance(node, dict) and "logicalType" in node else node
        made[field["name"]] = fixed["five"] if isinstance(node, dict) and node["type"] == "fixed" else avro_values(node)
    return st.fixed_dictionaries(made)


def test_a_chunk_may_mix_versions():
    """Rows keep their order whichever schema each was written with, one learnt between chunks included."""
    older = altered(PINGS, drop("products", "free_at_ms"))
    slow_only = altered(PINGS, retype("lat", ["null", "double"]))
    registry = {1: PINGS}
    decoder = ColumnDecoder(PINGS, registry)
    values = [
        framed(w, PING | {"driver_id": f"d{i}"}, s)
        for i, (w, s) in enumerate([(PINGS, 1), (older, 2), (slow_only, 3), (PINGS, 1)])
    ]
    assert [bad.rule for bad in decoder.decode(values).bad] == ["schema-known"] * 2
    registry |= {2: older, 3: slow_only}
    columns = decoder.decode(values)
    assert columns.texts("driver_id") == ["d0", "d1", "d2", "d3"]
    assert columns.lists("products") == [["standard", "xl"], [], ["standard", "xl"], ["standard", "xl"]]
    assert columns.texts("driver_id", np.array([3, 1])) == ["d3", "d1"]
    assert columns.lists("products", [1]) == [[]]


def test_a_missing_text_is_its_default():
    """A text the writer did not know stands nowhere in its values and is read all the same."""

    def later(fields):
        fields["city"] = {"name": "city", "type": "string", "default": "New York"}
        fields["tags"] = {"name": "tags", "type": {"type": "array", "items": "string"}, "default": ["a", "é"]}
        fields["note"] = {"name": "note", "type": ["null", "string"], "default": None}
        fields["ratio"] = {"name": "ratio", "type": "double", "default": 0.5}

    reader = altered(PINGS, later)
    columns = ColumnDecoder(reader, {-1: PINGS}).decode([framed(PINGS, PING, -1)] * 2)
    assert columns.texts("city") == ["New York"] * 2
    assert columns.lists("tags") == [["a", "é"]] * 2
    assert columns.hashes("tags").tolist() == [hash_list(["a", "é"])] * 2
    assert columns.present("note").tolist() == [False, False]
    assert columns.texts("note") == ["", ""]
    assert columns.floats("ratio").tolist() == [0.5, 0.5]


GOOD = framed(PINGS, PING)


@pytest.mark.parametrize(
    ("value", "error_class", "field", "rule"),
    [
        (None, "Undecodable", "", "value-present"),
        (b"", "Undecodable", "", "confluent-frame"),
        (b"{}", "Undecodable", "", "confluent-frame"),
        (b"\1" + GOOD[1:], "Undecodable", "", "confluent-frame"),
        (wire.frame(2, GOOD[5:]), "UnknownSchema", "", "schema-known"),
        (wire.frame(-1, GOOD[5:]), "UnknownSchema", "", "schema-known"),
        (GOOD[:-1], "Undecodable", "free_at_ms", "matches-schema"),
        (GOOD[:5], "Undecodable", "driver_id", "matches-schema"),
        (GOOD + b"\0", "Undecodable", "", "no-trailing-bytes"),
        (GOOD.replace(b"driver", b"driv\xff\xff"), "Undecodable", "driver_id", "text-is-utf-8"),
        (GOOD.replace(b"xl", b"\xed\xa0"), "Undecodable", "products", "text-is-utf-8"),
        (GOOD.replace(b"\x02\x04\x10standard", b"\x09\x04\x10standard"), "Undecodable", "status", "matches-schema"),
    ],
)
def test_bad_values_are_named_and_good_ones_beside_them_kept(value, error_class, field, rule):
    """A refusal says which value, which field and which rule; its neighbours are read as if it were not there."""
    columns = DECODERS[DRIVER_PINGS.name].decode([GOOD, value, GOOD])
    assert columns.rows == 2
    assert columns.source_row.tolist() == [0, 2]
    assert columns.texts("driver_id") == ["driver-1", "driver-1"]
    (bad,) = columns.bad
    assert bad[:4] == (1, error_class, field, rule)
    assert bad.sentence


@pytest.mark.parametrize("name", ["pings", "wide"])
@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_mutated_bytes_are_refused_exactly_when_the_specification_refuses_them(name, data):
    """Accepted or not, and at which field: the compiled reader decides as the specification read word by word."""
    schema = PINGS if name == "pings" else WIDE
    reader = PINGS if name == "pings" else altered(WIDE, drop("nested", "either", "four"))
    body = bytearray(framed(schema, PING if name == "pings" else data.draw(wide_values()))[5:])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body)))
        cut = data.draw(st.integers(0, 3))
        body[at : at + cut] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"\x80", b"\xff" * 9 + b"\1", b"\x01\x7f"])
        )
    value = wire.frame(1, bytes(body))
    columns = ColumnDecoder(reader, {1: schema}).decode([value])
    refused = refusal(schema, bytes(body))
    assert [bad.field for bad in columns.bad] == ([] if refused is None else [refused.field])
    if refused is None:
        assert said_by(columns, reader) == said_by(slow_columns([value], schema, reader), reader)


def field(name, node):
    return {"name": name, "type": node}


WIDE = {
    "type": "record",
    "name": "Wide",
    "fields": [
        field("flag", "boolean"),
        field("small", ["null", "int"]),
        field("ratio", "float"),
        field(
            "nested",
            {
                "type": "array",
                "items": {"type": "record", "name": "N", "fields": [field("t", "string"), field("i", "int")]},
            },
        ),
        field("either", ["null", "boolean", {"type": "map", "values": "long"}]),
        field("four", {"type": "fixed", "name": "Four", "size": 4}),
        field("note", ["string", "null"]),
    ],
}


def wide_values():
    return st.fixed_dictionaries(
        {
            f["name"]: st.binary(min_size=4, max_size=4) if f["name"] == "four" else avro_values(f["type"])
            for f in WIDE["fields"]
        }
    )


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_hashes_are_those_of_the_text(text):
    """The hash a service computes for one id is the one its column holds."""
    columns = DECODERS[DRIVER_PINGS.name].decode([framed(PINGS, PING | {"driver_id": text, "products": [text, ""]})])
    assert columns.hashes("driver_id").tolist() == [hash_text(text)] == [hash_text(text.encode())]
    assert columns.hashes("products").tolist() == [hash_list([text, ""])]


def test_lists_hash_alike_however_their_blocks_are_written():
    """Some libraries write arrays in several blocks, with sizes; the hash is that of the list."""
    blocks = b"\x01\x12\x10standard" + b"\x02\x04xl" + b"\0"
    rest = GOOD[5:].split(b"\x04\x10standard\x04xl\0")
    columns = DECODERS[DRIVER_PINGS.name].decode([GOOD, wire.frame(1, rest[0] + blocks + rest[1])])
    assert columns.lists("products") == [["standard", "xl"]] * 2
    assert len(set(columns.hashes("products").tolist())) == 1


def test_symbols_and_keys_are_compared_without_decoding():
    """Comparisons a check needs on every row give what comparing texts would."""
    values = [
        framed(PINGS, PING | {"driver_id": name, "status": status})
        for name, status in [("a", "IDLE"), ("bé", "BUSY"), ("", "IDLE")]
    ]
    columns = DECODERS[DRIVER_PINGS.name].decode(values)
    assert columns.is_symbol("status", DriverStatus.IDLE).tolist() == [True, False, True]
    assert columns.equals("driver_id", [b"a", "bé".encode(), None]).tolist() == [True, True, False]
    assert columns.equals("driver_id", [b"ab", b"b", b""]).tolist() == [False, False, True]
    assert columns.sizes("driver_id").tolist() == [1, 3, 0]


def test_asking_for_the_wrong_thing_says_what_there_is():
    """A misspelt or mistyped field is a fault of the program and is told its choices."""
    columns = DECODERS[DRIVER_PINGS.name].decode([GOOD])
    with pytest.raises(ValueError, match="field must be one of at_ms, status, free_at_ms, got 'lat'"):
        columns.ints("lat")
    with pytest.raises(ValueError, match="symbol must be one of UNKNOWN, IDLE, BUSY, OFFLINE, got 'FREE'"):
        columns.is_symbol("status", "FREE")
    with pytest.raises(ValueError, match="others must have 1 entries"):
        columns.equals("driver_id", [])


def test_records_with_structure_have_no_columns():
    """A topic whose records nest is refused when the decoder is made, not when its first value comes."""
    with pytest.raises(ValueError, match="cells must be a number, boolean, text, enum or list of text"):
        ColumnDecoder(schema_of(SURGE), {})


def test_a_schema_nobody_can_read_refuses_its_values_only():
    """A registry entry that is no record, or contains itself, cannot stop a chunk."""
    endless = {"type": "record", "name": "E", "fields": [{"name": "e", "type": ["null", "E"]}]}
    columns = ColumnDecoder(PINGS, {1: PINGS, 2: endless, 3: {"type": "string"}}).decode(
        [GOOD, wire.frame(2, b"\0"), wire.frame(3, b"\0")]
    )
    assert columns.rows == 1
    assert [bad.rule for bad in columns.bad] == ["schema-compatible"] * 2
