"""Tables beside batches: offsets are committed only when the changelog is acknowledged, and tables come back."""

import asyncio
import os
import random
import signal
from pathlib import Path

import pytest
from faust.types import TP

from agents.runtime.batches import Reading, batches
from agents.runtime.publisher import Publisher, Record
from agents.runtime.rewind import back_by
from infra.embedded.kafka import EmbeddedKafka
from tests.broker import kafka
from tests.broker.running import new_app, running

pytestmark = pytest.mark.broker


def counting(app, topic):
    """Keep, per partition, the next offset to be processed in a table; return table and what it held at each start."""
    table = app.Table("applied", key_type=bytes, value_type=bytes, partitions=2)
    restored = []

    async def began(_epoch, spans):
        restored.append(
            {tp.partition: (int(table.get(b"%d" % tp.partition, b"0")), s.resume) for tp, s in spans.items()}
        )

    async def agent(stream):
        async for batch in batches(stream):
            table[b"%d" % batch.partition] = b"%d" % batch.next_offset

    app.on_began(began)
    app.agent(app.batched_topic(topic, Reading(rewind=back_by(0), max_records=50)), name="apply")(agent)
    return table, restored


async def publish(bootstrap, topic, count):
    """Publish to both partitions."""
    async with Publisher(bootstrap) as publisher:
        await publisher.send([Record(topic, p, b"k", b"v") for _ in range(count) for p in (0, 1)])


async def test_a_table_comes_back_as_far_as_its_input_is_committed(stack):
    """After a clean stop a new worker finds in its table exactly the offsets that are committed."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 2})
    await publish(stack.bootstrap, topic, 400)
    first = new_app(stack.bootstrap, group)
    table, restored = counting(first, topic)
    async with running(first):
        await kafka.until(lambda: sorted(table.values()) == [b"400", b"400"], "all is applied")
    second = new_app(stack.bootstrap, group)
    _, restored_too = counting(second, topic)
    async with running(second):
        pass
    assert restored == [{0: (0, 0), 1: (0, 0)}]
    assert restored_too == [{0: (400, 400), 1: (400, 400)}]


async def test_a_table_comes_back_as_its_log_says(stack):
    """Rows written over and deleted, again and again, over many runs of two partitions: the last word on each holds."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 2})
    first = new_app(stack.bootstrap, group)
    table, _ = counting(first, topic)
    log = table.changelog_topic.get_topic_name()
    async with running(first):
        pass
    dice, rows, records = random.Random(4), {}, []
    for number in range(9_000):
        key, value = b"%d" % dice.randrange(300), None if dice.random() < 0.3 else b"%d" % number
        records.append(Record(log, int(key) % 2, key, value))
        rows[key] = value
    async with Publisher(stack.bootstrap) as publisher:
        await publisher.send(records)
    second = new_app(stack.bootstrap, group)
    table_too, _ = counting(second, topic)
    async with running(second):
        assert dict(table_too.data.items()) == {key: value for key, value in rows.items() if value is not None}


async def test_a_flush_returns_when_every_changelog_record_is_acknowledged(stack):
    """Also when the broker stands still for a while, with most records still in Faust's buffer."""
    topic = kafka.named("in")
    await kafka.create(stack.bootstrap, {topic: 2})
    app = new_app(stack.bootstrap, kafka.named("group"))
    table, _ = counting(app, topic)
    async with running(app):
        os.kill(stack.kafka.pid, signal.SIGSTOP)
        asyncio.get_running_loop().call_later(0.6, os.kill, stack.kafka.pid, signal.SIGCONT)
        sent = [table.send_changelog(0, b"0", b"%d" % i * 50) for i in range(3000)]
        await app.flush_tables()
        assert all(s.done() for s in sent)


async def test_a_broker_restart_is_survived_without_loss(open_dir: Path):
    """The broker is killed and started under a working app: all that is published before and after is applied once."""
    cache = Path(__file__).parents[2] / ".faretide" / "cache"
    with EmbeddedKafka(open_dir / "restarted-under-app", cache) as broker:
        topic, group = kafka.named("in"), kafka.named("group")
        await kafka.create(broker.bootstrap, {topic: 2})
        app = new_app(broker.bootstrap, group)
        table, _ = counting(app, topic)
        async with running(app):
            await publish(broker.bootstrap, topic, 100)
            await kafka.until(lambda: sorted(table.values()) == [b"100", b"100"], "the first half is applied")
            broker.kill()
            await asyncio.to_thread(broker.start)
            await publish(broker.bootstrap, topic, 100)
            await kafka.until(lambda: sorted(table.values()) == [b"200", b"200"], "the second half is applied")
            await kafka.until(
                lambda: kafka.has_committed(broker.bootstrap, group, {TP(topic, p): 200 for p in (0, 1)}), "commits"
            )
