"""A rebalance loses nothing, also where an agent takes its time before it is ready for the new epoch."""

import asyncio
from collections import defaultdict

import pytest

from agents.runtime.batches import Reading, batches
from agents.runtime.publisher import Publisher, Record
from tests.broker import kafka
from tests.broker.running import new_app, running

pytestmark = pytest.mark.broker

PARTITIONS = 2
COUNT = 50
BEGINNING_S = 0.5


def collecting(app, topic, seen, *, raw):
    """Note the offsets of each partition; while an epoch begins, new records arrive, and beginning takes a while."""

    async def began(_epoch, spans):
        async with Publisher(app.settings.bootstrap) as publisher:
            await publisher.send([Record(topic, tp.partition, b"k", b"v") for tp in spans for _ in range(COUNT)])
        await asyncio.sleep(BEGINNING_S)  # like a service that reads its answers back first; not a wait for anything

    async def agent(stream):
        async for batch in batches(stream):
            seen[batch.partition].update(record.offset for record in batch.records)

    app.on_began(began)
    app.agent(app.batched_topic(topic, Reading(raw=raw)), name="collect")(agent)


@pytest.mark.parametrize("raw", [False, True], ids=["objects", "runs"])
async def test_records_that_arrive_while_an_epoch_begins_are_processed(stack, raw):
    """The fetch that waited for news since before the rebalance must not swallow what came after it."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: PARTITIONS})
    seen = defaultdict(set)
    first, second = new_app(stack.bootstrap, group), new_app(stack.bootstrap, group)
    for app in (first, second):
        collecting(app, topic, seen, raw=raw)

    async def all_seen():
        log = await kafka.read_all(stack.bootstrap, topic, PARTITIONS)
        return {(r.partition, r.offset) for r in log} == {(p, o) for p, offsets in seen.items() for o in offsets}

    async with running(first):
        await kafka.until(all_seen, "the first worker processes both partitions")
        async with running(second):
            await kafka.until(lambda: all(len(app.spans) == 1 for app in (first, second)), "two workers share them")
            await kafka.until(all_seen, "both process all that came", 10)
        await kafka.until(lambda: len(first.spans) == PARTITIONS, "the first worker has both again")
        await kafka.until(all_seen, "nothing was left out", 10)
