"""The dashboard's reader on a real broker: one question after another, about any topic, in any order."""

import pytest

from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from lineage.reader import open_reader
from tests.broker.recorder_load import completed, decision, quote
from tests.broker.services import prepared
from topics.catalogue import BOOKING_DECISIONS, MODELS, QUOTES, RIDE_EVENTS

pytestmark = pytest.mark.broker


async def test_questions_about_different_topics_do_not_disturb_each_other(stack):
    """Each topic twice in turn, and between them places that are not there: the records come, and nothing hangs."""
    connection = await prepared(stack)
    records = {
        QUOTES: quote(1, "reader"),
        BOOKING_DECISIONS: decision(1, "reader"),
        RIDE_EVENTS: completed(1, "reader"),
    }
    async with Registry(connection) as registry:
        ids = await registry.ids_of(records)
        async with Publisher(connection, ids, source="tests", linger_ms=0) as publisher:
            sent = {topic: await publisher.publish(topic, record, partition=2) for topic, record in records.items()}
            offsets = {topic: (await one).offset for topic, one in sent.items()}
        async with open_reader(connection, SchemaIds(registry)) as reader:
            for topic, offset in [*offsets.items(), *offsets.items()]:
                [entry] = (await reader.at([(topic, 2, offset), (MODELS, 0, 10_000), (topic, 99, 0)])).values()
                assert (entry.offset, entry.record) == (offset, records[topic])
                assert await reader.at([(topic, 2, 10_000_000)]) == {}
