"""A process that lost its place cannot write over the rows of the one that has it: the broker refuses old rows."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidTimestampError

from agents.pricing import KEPT_SHORT
from agents.runtime.publisher import Publisher, Record
from agents.runtime.settings import WorkerSettings
from tests.broker import kafka
from tests.broker.services import now_ms

pytestmark = pytest.mark.broker
SESSION_MS = int(WorkerSettings(bootstrap="").session_timeout_s * 1000)


async def test_rows_confirmed_before_the_partition_was_given_away_are_refused(stack):
    """One as old as the group's session is refused wherever it waited; the owner's stands and goes on."""
    topic = kafka.named("panes-changelog")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=KEPT_SHORT)])
    finally:
        await admin.close()
    async with Publisher(stack.bootstrap) as owner, Publisher(stack.bootstrap) as zombie:
        await owner.send([Record(topic, 0, b"zone", b"newer", (), now_ms())])
        with pytest.raises(InvalidTimestampError):
            await zombie.send([Record(topic, 0, b"zone", b"older", (), now_ms() - SESSION_MS)])
        await owner.send([Record(topic, 0, b"other", b"newer", (), now_ms())])
    rows = await kafka.read_all(stack.bootstrap, topic, 1)
    assert [(row.key, row.value) for row in rows] == [(b"zone", b"newer"), (b"other", b"newer")]


def test_the_fence_is_closer_than_the_session():
    """Else rows of a worker whose partitions were given away could still arrive."""
    assert int(KEPT_SHORT["message.timestamp.before.max.ms"]) < SESSION_MS
