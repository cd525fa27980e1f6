"""Reading outside the group from a real broker: start points, ready, tailing, exchange of partitions, restart."""

import asyncio
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from faust.types import TP

from agents.runtime.broadcast import AtOffset, Beginning, BroadcastReader, LastMs
from agents.runtime.publisher import Publisher, Record
from infra.embedded.kafka import EmbeddedKafka
from tests.broker import kafka

pytestmark = pytest.mark.broker


async def publish(bootstrap, topic, partition, values):
    """Publish values to one partition."""
    async with Publisher(bootstrap) as publisher:
        await publisher.send([Record(topic, partition, None, value) for value in values])


@asynccontextmanager
async def reading(bootstrap):
    """Run a reader; yields it and the (partition, offset) pairs received."""
    got = []

    async def receive(tp, records):
        got.extend((tp.partition, r.offset) for r in records)

    reader = BroadcastReader(bootstrap, receive)
    task = asyncio.create_task(reader.run())
    yield reader, got
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_ready_means_read_to_the_end_and_the_tail_follows(stack):
    """Everything is received before ready, an empty partition does not delay it, new records follow."""
    topic = kafka.named("broadcast")
    await kafka.create(stack.bootstrap, {topic: 3})
    for partition in (0, 1):
        await publish(stack.bootstrap, topic, partition, [b"v"] * 1500)
    async with reading(stack.bootstrap) as (reader, got):
        reader.follow_topics({topic: 3}, Beginning())
        assert not reader.ready
        await asyncio.wait_for(reader.wait_ready(), kafka.LIMIT_S)
        assert sorted(got) == [(p, o) for p in (0, 1) for o in range(1500)]
        await publish(stack.bootstrap, topic, 2, [b"v"])
        await kafka.until(lambda: got[-1] == (2, 0), "the tail arrives")
        assert reader.position(TP(topic, 2)) == 1


async def test_start_points(stack):
    """An offset starts there; a time before the last record starts with the first one as young as that."""
    topic = kafka.named("broadcast")
    await kafka.create(stack.bootstrap, {topic: 3})
    for partition in range(3):
        for value in range(5):
            await publish(stack.bootstrap, topic, partition, [b"%d" % value])
    times = [r.timestamp for r in await kafka.read_all(stack.bootstrap, topic, 3) if r.partition == 1]
    async with reading(stack.bootstrap) as (reader, got):
        reader.follow(
            {TP(topic, 0): AtOffset(3), TP(topic, 1): LastMs(times[4] - times[2]), TP(topic, 2): LastMs(3_600_000)}
        )
        await asyncio.wait_for(reader.wait_ready(), kafka.LIMIT_S)
    first = next(i for i, t in enumerate(times) if t >= times[2])
    assert sorted(got) == [(0, 3), (0, 4), *((1, o) for o in range(first, 5)), *((2, o) for o in range(5))]


async def test_an_exchange_of_partitions_repeats_nothing(stack):
    """A partition kept goes on where it was, a new one is read from its start, one given up is silent."""
    topic = kafka.named("broadcast")
    await kafka.create(stack.bootstrap, {topic: 3})
    for partition in range(3):
        await publish(stack.bootstrap, topic, partition, [b"v"] * 10)
    async with reading(stack.bootstrap) as (reader, got):
        reader.follow({TP(topic, p): Beginning() for p in (0, 1)})
        await asyncio.wait_for(reader.wait_ready(), kafka.LIMIT_S)
        reader.follow({TP(topic, p): Beginning() for p in (1, 2)})
        await asyncio.wait_for(reader.wait_ready(), kafka.LIMIT_S)
        await publish(stack.bootstrap, topic, 0, [b"v"])
        await publish(stack.bootstrap, topic, 1, [b"v"])
        await kafka.until(lambda: (1, 10) in got, "the kept partition goes on")
    assert sorted(got) == [(0, o) for o in range(10)] + [(1, o) for o in range(11)] + [(2, o) for o in range(10)]


async def test_a_broker_restart_is_survived(open_dir: Path):
    """Records published after the broker was killed and started again arrive, none twice."""
    cache = Path(__file__).parents[2] / ".faretide" / "cache"
    with EmbeddedKafka(open_dir / "restarted", cache) as broker:
        topic = kafka.named("broadcast")
        await kafka.create(broker.bootstrap, {topic: 1})
        await publish(broker.bootstrap, topic, 0, [b"v"] * 5)
        async with reading(broker.bootstrap) as (reader, got):
            reader.follow_topics({topic: 1}, Beginning())
            await asyncio.wait_for(reader.wait_ready(), kafka.LIMIT_S)
            broker.kill()
            await asyncio.to_thread(broker.start)
            await publish(broker.bootstrap, topic, 0, [b"v"] * 5)
            await kafka.until(lambda: len(got) >= 10, "reading goes on")
        assert got == [(0, o) for o in range(10)]
