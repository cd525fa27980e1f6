"""An independent count of the topics: the official client and fastavro, none of the project's readers."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Consumer, Producer, TopicPartition

AVRO = Path(__file__).parents[2] / "avro"


def consumer(bootstrap: str) -> Consumer:
    """A client outside every group of the services."""
    return Consumer({"bootstrap.servers": bootstrap, "group.id": "browser-tests", "enable.auto.commit": False})


def kept(bootstrap: str, topic: str) -> int:
    """Records the topic holds now."""
    reading = consumer(bootstrap)
    partitions = reading.list_topics(topic, 10).topics[topic].partitions
    spans = [reading.get_watermark_offsets(TopicPartition(topic, number), 10) for number in partitions]
    reading.close()
    return sum(end - begin for begin, end in spans)


def record_at(bootstrap: str, topic: str, partition: int, offset: int) -> dict[str, Any]:
    """One record, decoded with the schema file and nothing else."""
    reading = consumer(bootstrap)
    reading.assign([TopicPartition(topic, partition, offset)])
    message = reading.poll(30)
    reading.close()
    assert message is not None
    assert message.error() is None
    assert message.offset() == offset
    schema = fastavro.parse_schema(json.loads((AVRO / f"{topic}.avsc").read_text()))
    return fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema)


def cells_priced(bootstrap: str) -> set[int]:
    """Every cell that any tick since the beginning has priced."""
    schema = fastavro.parse_schema(json.loads((AVRO / "surge.v1.avsc").read_text()))
    reading = consumer(bootstrap)
    numbers = reading.list_topics("surge.v1", 10).topics["surge.v1"].partitions
    ends = {n: reading.get_watermark_offsets(TopicPartition("surge.v1", n), 10)[1] for n in numbers}
    reading.assign([TopicPartition("surge.v1", n, 0) for n in numbers if ends[n]])
    waiting = {n for n in numbers if ends[n]}
    found: set[int] = set()
    while waiting:
        for message in reading.consume(500, 1):
            tick = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), schema)
            found.update(tick["cells"])
            if message.offset() >= ends[message.partition()] - 1:
                waiting.discard(message.partition())
    reading.close()
    return found


def publish_rubbish(bootstrap: str, topic: str, many: int) -> None:
    """Records that no schema describes."""
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(many):
        producer.produce(topic, key=f"rubbish-{number}", value=b"not avro", partition=0)
    assert producer.flush(30) == 0


def newest(bootstrap: str, topic: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The newest record of some partition that is wanted."""
    reading = consumer(bootstrap)
    numbers = reading.list_topics(topic, 10).topics[topic].partitions
    ends = {number: reading.get_watermark_offsets(TopicPartition(topic, number), 10)[1] for number in numbers}
    reading.close()
    for number, end in sorted(ends.items(), key=lambda one: -one[1]):
        for offset in range(end - 1, max(-1, end - 50), -1):
            record = record_at(bootstrap, topic, number, offset)
            if wanted(record):
                return record
    raise AssertionError(f"{topic} holds no such record")
