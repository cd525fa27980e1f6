"""Publishing through a real broker: offsets, order, splitting."""

import asyncio

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from agents.runtime.publisher import OvertakenError, Publisher, Record
from tests.broker import kafka

pytestmark = pytest.mark.broker


async def test_offsets_are_those_of_the_log_in_the_order_given(stack):
    """Each record lies at the offset returned for it, also when partitions alternate and batches split."""
    topic = kafka.named("published")
    await kafka.create(stack.bootstrap, {topic: 3})
    records = [Record(topic, i % 3, b"k", b"%05d" % i * 40, [("n", b"%d" % i)]) for i in range(600)]
    async with Publisher(stack.bootstrap, max_batch_bytes=4096) as publisher:
        offsets = await publisher.send(records)
    log = {(r.partition, r.offset): r for r in await kafka.read_all(stack.bootstrap, topic, 3)}
    assert len(log) == len(records)
    for record, offset in zip(records, offsets, strict=True):
        stored = log[record.partition, offset]
        assert (stored.value, stored.headers) == (record.value, tuple(record.headers))


async def test_calls_keep_their_order_in_a_partition(stack):
    """Records of calls made one after the other, none awaited, lie in the order of the calls."""
    topic = kafka.named("published")
    await kafka.create(stack.bootstrap, {topic: 1})
    async with Publisher(stack.bootstrap, max_batch_bytes=300) as publisher:
        calls = [
            asyncio.create_task(publisher.send([Record(topic, 0, None, b"%03d-%02d" % (c, i)) for i in range(50)]))
            for c in range(40)
        ]
        await asyncio.gather(*calls)
    values = [r.value for r in await kafka.read_all(stack.bootstrap, topic, 1)]
    assert values == sorted(values)
    assert len(values) == 40 * 50


async def test_a_record_that_is_too_large_is_an_error_of_the_call(stack):
    """It raises before anything is sent, and neither earlier nor later sends are touched."""
    topic = kafka.named("published")
    await kafka.create(stack.bootstrap, {topic: 1})
    async with Publisher(stack.bootstrap, request_timeout_s=5) as publisher:
        assert await publisher.send([Record(topic, 0, None, b"before")]) == [0]
        with pytest.raises(MessageSizeTooLargeError):
            await publisher.send([Record(topic, 0, None, b"x" * 2_000_000)])
        assert await publisher.send([Record(topic, 0, None, b"after")]) == [1]


async def test_what_was_overtaken_while_its_place_was_confirmed_is_not_sent(stack):
    """The question comes after the wait, so that nothing but the broker stands between it and the log."""
    topic = kafka.named("published")
    await kafka.create(stack.bootstrap, {topic: 1})
    mine = True

    async def confirmed():
        nonlocal mine
        mine = False  # the partitions went meanwhile

    async with Publisher(stack.bootstrap, confirmed=confirmed) as publisher:
        with pytest.raises(OvertakenError):
            await publisher.send([Record(topic, 0, None, b"late")], still=lambda: mine)
        await publisher.settled()
    assert await kafka.read_all(stack.bootstrap, topic, 1) == []
