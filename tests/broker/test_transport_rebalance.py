"""A rebalance loses nothing, also where an agent takes its time before it is ready for the new epoch."""

import asyncio
import contextlib
from collections import defaultdict

import pytest

from agents.runtime.batches import Reading, batches
from agents.runtime.consumer import DRAIN_S
from agents.runtime.publisher import OvertakenError, Publisher, Record
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


SLOW_S = DRAIN_S + 1.5


def answering(app, source, sink):
    """Answer each record once, by what the log said when the epoch began; the first answer takes its time."""
    answered = set()
    slow = asyncio.Event()
    send_to = app.publisher._send_to

    async def delayed(producer, tp, builders):
        if tp.topic == sink and not slow.is_set():
            slow.set()
            await asyncio.sleep(SLOW_S)  # a broker that is slow to take it; not a wait for anything
        return await send_to(producer, tp, builders)

    app.publisher._send_to = delayed

    async def began(_epoch, _spans):
        answered.clear()
        answered.update(r.value for r in await kafka.read_all(app.settings.bootstrap, sink, PARTITIONS))

    async def agent(stream):
        async for batch in batches(stream):
            new = [r for r in batch.records if r.value not in answered]
            with contextlib.suppress(OvertakenError):
                await app.publisher.send(
                    [Record(sink, r.partition, b"k", r.value) for r in new],
                    still=lambda epoch=batch.epoch: app.epoch == epoch,
                )

    app.on_began(began)
    app.agent(app.batched_topic(source, Reading()), name="answer")(agent)
    return slow


async def test_an_answer_underway_when_partitions_go_is_not_given_twice(stack):
    """The next owner looks into the log before it answers: what was on its way there has to have arrived."""
    source, sink, group = kafka.named("in"), kafka.named("out"), kafka.named("group")
    await kafka.create(stack.bootstrap, {source: PARTITIONS, sink: PARTITIONS})
    first, second = new_app(stack.bootstrap, group), new_app(stack.bootstrap, group)
    slow, _ = answering(first, source, sink), answering(second, source, sink)
    async with running(first):
        await kafka.until(lambda: len(first.spans) == PARTITIONS, "the first worker has both")
        async with Publisher(stack.bootstrap) as publisher:
            await publisher.send(
                [Record(source, p, b"k", b"%d-%d" % (p, i)) for p in range(PARTITIONS) for i in range(5)]
            )
        await slow.wait()
        async with running(second):
            await kafka.until(lambda: all(len(app.spans) == 1 for app in (first, second)), "two workers share them")

            async def all_answered():
                return len({r.value for r in await kafka.read_all(stack.bootstrap, sink, PARTITIONS)}) == PARTITIONS * 5

            await kafka.until(all_answered, "every record is answered", 15)
            await asyncio.sleep(SLOW_S)  # a second answer would come by then
    values = [r.value for r in await kafka.read_all(stack.bootstrap, sink, PARTITIONS)]
    assert sorted(values) == sorted(set(values))
