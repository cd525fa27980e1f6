"""No decoder raises anything but its declared error, whatever the bytes."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import records
from topics import wire
from topics.catalogue import BOOKING_DECISIONS, DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, TOPICS, dead_letters_of
from topics.codec import ObjectCodec
from topics.columns import ColumnDecoder
from topics.refusals import Undecodable
from topics.schemas import schema_of

EVERY = [*TOPICS, dead_letters_of(DRIVER_PINGS)]
CODECS = {topic.name: ObjectCodec(topic, 1) for topic in EVERY}
GOOD = {topic.name: records(topic.record, schema_of(topic)) for topic in EVERY}
COLUMNS = {
    topic.name: ColumnDecoder(schema_of(topic), {1: schema_of(topic)})
    for topic in (DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, BOOKING_DECISIONS)
}


@st.composite
def harmed(draw, name):
    """Any bytes, any bytes in a frame, or a good value cut, grown or changed in the middle."""
    raw = draw(st.binary(max_size=64))
    if draw(st.booleans()):
        return draw(st.sampled_from([raw, wire.frame(1, raw)]))
    value = CODECS[name].encode(draw(GOOD[name]))
    at, cut = draw(st.integers(0, len(value))), draw(st.integers(0, 4))
    return value[:at] + raw[:4] + value[at + cut :]


@pytest.mark.parametrize("topic", EVERY, ids=lambda topic: topic.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_objects_are_read_or_refused(topic, data):
    """A record of the topic's class, or Undecodable."""
    with suppress(Undecodable):
        assert isinstance(CODECS[topic.name].decode(data.draw(harmed(topic.name))), topic.record)


@pytest.mark.parametrize("name", COLUMNS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_columns_name_each_value_they_leave_out(name, data):
    """Every value of a chunk is a row or a refusal, never both, and nothing raises."""
    values = data.draw(st.lists(st.none() | harmed(name), max_size=6))
    columns = COLUMNS[name].decode(values)
    assert sorted([*columns.source_row.tolist(), *(bad.row for bad in columns.bad)]) == list(range(len(values)))


@given(st.binary(max_size=12))
def test_a_frame_is_read_or_there_is_none(value):
    """Any bytes have a schema id of 32 bits, or none."""
    found = wire.schema_id(value)
    assert found is None or -(2**31) <= found < 2**31
