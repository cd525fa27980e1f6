"""The parts the compiled readers are made of, at the edges random values rarely meet."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.topics.spec_reader import NotAvro, Source, refusal
from topics.compiled import is_utf8, varint
from topics.layout import layout_of
from topics.refusals import OK
from topics.walk import fault

EDGES = [0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF]
EDGES += [0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF]


def as_array(data):
    return np.frombuffer(data, np.uint8)


def decodes(data):
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_text_is_what_python_decodes():
    """Every combination of up to four bytes at the edges of UTF-8's table: overlong forms and surrogates included."""
    tried = [bytes(data) for size in (1, 2, 3) for data in product(EDGES, repeat=size)]
    tried += [bytes((lead, *rest)) for lead in (0xF0, 0xF3, 0xF4, 0xF5) for rest in product(EDGES, repeat=3)]
    assert [data for data in tried if is_utf8(as_array(data), 0, len(data)) != decodes(data)] == []


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 9 + b"\x01",
        b"\xfe" + b"\xff" * 8 + b"\x01",
        b"\xff" * 9 + b"\x02",
        b"\xff" * 9 + b"\x81\x00",
        b"\x80" * 9 + b"\x00",
        b"\x80" * 10 + b"\x00",
        b"\x80\x00",
        b"\x80",
        b"",
    ],
)
def test_numbers_have_at_most_64_bits(data):
    """The longest numbers, and those one bit or byte too long."""
    value, after = varint(as_array(data), 0, len(data))
    source = Source(data)
    try:
        expected = source.number()
    except NotAvro:
        assert after < 0
    else:
        assert (value, after) == (expected, len(data) - len(source.left))


@settings(deadline=None)  # the first call compiles
@given(st.sampled_from(["int", "long"]), st.integers(-(2**34), 2**34))
def test_an_int_has_32_bits(kind, value):
    """A number that fits a long only is no int, though it is written the same way."""
    bits = value << 1 if value >= 0 else -value * 2 - 1
    coded = bytearray()
    while bits > 127:
        coded.append(bits & 127 | 128)
        bits >>= 7
    schema = {"type": "record", "name": "R", "fields": [{"name": "n", "type": kind}]}
    body = bytes([*coded, bits])
    assert (fault(body, 0, layout_of(schema))[0] == OK) == (refusal(schema, body) is None)


@pytest.mark.parametrize("count", [2**62, -(2**63), -3])
def test_a_block_that_claims_more_items_than_bytes_is_refused_at_once(count):
    """A few bytes cannot keep a worker busy for ever."""
    bits = count << 1 if count >= 0 else -count * 2 - 1
    coded = bytearray()
    while bits > 127:
        coded.append(bits & 127 | 128)
        bits >>= 7
    schema = {"type": "record", "name": "R", "fields": [{"name": "n", "type": {"type": "array", "items": "null"}}]}
    assert fault(bytes([*coded, bits, 0]), 0, layout_of(schema))[0] != OK


COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}
PAIR = {"type": "record", "name": "Pair", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]}


@pytest.mark.parametrize(
    ("node", "body"),
    [
        (["null", "int", "string"], b"\x06\x02"),
        (["null", "int", "string"], b"\x01\x02"),
        (["null", "int", "string"], b"\x04\x02a"),
        (COLOUR, b"\x04"),
        (COLOUR, b"\x01"),
        (COLOUR, b"\x02"),
        ("boolean", b"\x02"),
        ("boolean", b"\x01"),
        ({"type": "map", "values": "long"}, b"\x02\x02\xff\x02\x00"),
        ({"type": "map", "values": "long"}, b"\x02\x02a\x02\x00"),
        ({"type": "map", "values": "long"}, b"\x02\x02a\x02"),
        ({"type": "array", "items": PAIR}, b"\x01\x08\x02\x02b\x00"),
        ({"type": "array", "items": PAIR}, b"\x01\x09\x02\x02b\x00"),
        ({"type": "array", "items": PAIR}, b"\x02\xfe\xff\xff\xff\x1f\x02b\x00"),
        ({"type": "fixed", "name": "Two", "size": 2}, b"ab"),
        ({"type": "fixed", "name": "Two", "size": 2}, b"a"),
        ("bytes", b"\x04\xff\xff"),
        ("bytes", b"\x03"),
    ],
)
def test_each_type_is_walked_as_the_specification_reads_it(node, body):
    """One good and the nearest bad values of every type that only the walk passes over."""
    schema = {"type": "record", "name": "R", "fields": [{"name": "n", "type": node}]}
    assert (fault(body, 0, layout_of(schema))[0] == OK) == (refusal(schema, body) is None)
