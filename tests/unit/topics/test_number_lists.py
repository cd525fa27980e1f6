"""Records of many numbers, coded at once: the bytes are the library's, and the same values are refused."""

import io
from dataclasses import replace

import numpy as np
import pytest
from fastavro import schemaless_writer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import records
from topics.catalogue import CITY_DEMAND, DEMAND_CELLS, FORECAST_STATE, QUOTES, SUPPLY_CELLS, SURGE
from topics.codec import ObjectCodec
from topics.layout import layout_of
from topics.number_lists import NumberLists
from topics.refusals import OK
from topics.schemas import parse, schema_of
from topics.walk import fault

LISTED = (SURGE, SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND, FORECAST_STATE)
CODECS = {topic.name: ObjectCodec(topic, 1) for topic in LISTED}
GOOD = {topic.name: records(topic.record, schema_of(topic)) for topic in LISTED}


def lists_of(topic):
    """The fast way to code a topic's records."""
    return NumberLists.of(schema_of(topic), layout_of(schema_of(topic)))


def slow(topic, record):
    """The record as the library writes it."""
    out = io.BytesIO()
    schemaless_writer(out, schema_of(topic), CODECS[topic.name]._plain(record))
    return out.getvalue()


@pytest.mark.parametrize("topic", LISTED, ids=lambda topic: topic.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_the_bytes_are_the_librarys(topic, data):
    """Written the fast way a record has the same bytes, and read the fast way it is the same record."""
    codec, record = CODECS[topic.name], data.draw(GOOD[topic.name])
    body = slow(topic, record)
    assert lists_of(topic).write(codec._plain(record)) == body == codec.encode(record)[5:]
    lists = lists_of(topic)
    for as_arrays in (False, True, True):
        status, _, said = lists.read(body, 0, as_arrays=as_arrays)
        assert (status, lists.write(said)) == (OK, body)
        plain = {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in said.items()}
        assert codec._record(plain) == record


@pytest.mark.parametrize("topic", LISTED, ids=lambda topic: topic.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_the_same_values_are_refused_by_the_same_name(topic, data):
    """A value cut, grown or changed in the middle has the outcome and the field at fault of the plain walk."""
    body, raw = slow(topic, data.draw(GOOD[topic.name])), data.draw(st.binary(max_size=4))
    at, cut = data.draw(st.integers(0, len(body))), data.draw(st.integers(0, 4))
    harmed = body[:at] + raw + body[at + cut :]
    assert lists_of(topic).read(harmed, 0)[:2] == fault(harmed, 0, layout_of(schema_of(topic)))


@pytest.mark.parametrize("block", [b"\x03\x06\x02\x04\x00", b"\x02\x02\x02\x04\x00", b"\x04\x02\x04\x00"])
def test_blocks_are_read_however_they_are_cut(block):
    """A list in one block, in two, and in one that states its bytes."""
    schema = parse(
        {"type": "record", "name": "R", "fields": [{"name": "n", "type": {"type": "array", "items": "int"}}]}
    )
    status, _, said = NumberLists.of(schema, layout_of(schema)).read(block, 0)
    assert (status, said) == (OK, {"n": [1, 2]})


@given(GOOD[SURGE.name])
@settings(max_examples=5, deadline=None)
def test_a_number_too_large_for_its_type_is_not_published(tick):
    """An int of 32 bits that is none is named, as the slow way names it."""
    with pytest.raises(ValueError, match=r"eta_s must fit its Avro type in surge\.v1"):
        CODECS[SURGE.name].encode(replace(tick, eta_s=[1, 2**31]))


def test_records_without_lists_are_left_to_the_library():
    """Answers hold a few lines each: there is nothing to gain."""
    assert lists_of(QUOTES) is None
