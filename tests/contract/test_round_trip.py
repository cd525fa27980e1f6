"""Every record class survives the wire, and fastavro agrees on every byte."""

import io

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.strategies import avro_values, built, records
from topics import wire
from topics.catalogue import DEAD_LETTERS, TOPICS
from topics.codec import ObjectCodec
from topics.schemas import schema_of

KINDS = pytest.mark.parametrize("topic", [*TOPICS, DEAD_LETTERS[0]], ids=lambda topic: topic.name)


@KINDS
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_records_come_back_as_they_went(topic, data):
    """decode(encode(record)) is the record, of the same classes, and its frame names the schema."""
    codec = ObjectCodec(topic, schema_id=9)
    record = data.draw(records(topic.record, schema_of(topic)))
    value = codec.encode(record)
    assert wire.schema_id(value) == 9
    assert codec.decode(value) == record


@KINDS
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_fastavro_writes_and_reads_the_same(topic, data):
    """Other producers' bytes are read as the record they meant, and ours by other readers."""
    schema = schema_of(topic)
    said = data.draw(avro_values(schema))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, said)
    codec = ObjectCodec(topic, schema_id=1)
    assert codec.encode(built(topic.record, said)) == wire.frame(1, out.getvalue())
    assert fastavro.schemaless_reader(io.BytesIO(out.getvalue()), schema, None) == said
    assert codec.decode(wire.frame(1, out.getvalue())) == built(topic.record, said)
