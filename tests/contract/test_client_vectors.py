"""What clients in other languages are tested with is what the services do."""

import json
from pathlib import Path

import pytest

from topics import wire
from topics.catalogue import EVERY_TOPIC
from topics.codec import ObjectCodec
from topics.partitioners import Partitioner, murmur2, partition_of

VECTORS = json.loads((Path(__file__).parents[2] / "docs" / "clients" / "vectors.json").read_text(encoding="utf-8"))
TOPICS = {topic.name: topic for topic in EVERY_TOPIC}


@pytest.mark.parametrize("vector", VECTORS["partitions"], ids=lambda vector: repr(vector["key"]))
def test_a_key_goes_where_the_vectors_say(vector):
    """Hash and partition of every key, for each number of partitions."""
    key = vector["key"].encode()
    assert murmur2(key) == vector["murmur2"]
    assert {int(n): partition_of(Partitioner.MURMUR2, key, int(n)) for n in vector["partition_of"]} == {
        int(n): partition for n, partition in vector["partition_of"].items()
    }


@pytest.mark.parametrize("vector", VECTORS["records"], ids=lambda vector: vector["topic"])
def test_a_record_has_the_bytes_the_vectors_say(vector):
    """Decoded, the bytes are the record; encoded again, they are the same bytes."""
    codec = ObjectCodec(TOPICS[vector["topic"]], VECTORS["schema_id"])
    record = codec.decode(bytes.fromhex(vector["value"]))
    assert codec.encode(record).hex() == vector["value"]
    assert {name: getattr(record, name) for name in vector["record"]} == {
        name: int(value) if isinstance(value, str) and value.isdecimal() else value
        for name, value in vector["record"].items()
    }


def test_headers_are_what_the_vectors_say():
    """Names, order and the instant's notation."""
    said = VECTORS["headers"]
    event = wire.Event(said["id"], said["source"], said["type"], said["time_ms"])
    assert {name: value.decode() for name, value in wire.headers(event)} == said["headers"]
