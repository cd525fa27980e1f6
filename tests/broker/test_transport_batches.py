"""What an agent receives from a real broker, and what of it is committed."""

import asyncio
from collections import defaultdict

import pytest
from faust.types import TP

from agents.runtime.batches import Batch, Reading, batches, held_batches
from agents.runtime.publisher import Publisher, Record
from agents.runtime.rewind import CommitNote, back_by
from agents.runtime.schema_ids import RegistryUnavailableError
from tests.broker import kafka
from tests.broker.running import new_app, running

pytestmark = pytest.mark.broker


@pytest.fixture(params=[False, True], ids=["objects", "runs"])
def raw(request):
    """Whether records come as objects or as runs over the fetched bytes: no agent may see a difference."""
    return request.param


def keep(app, topic, reading=None):
    """Have the app keep every batch of `topic` and return where."""
    got: list[Batch] = []

    async def agent(stream):
        async for batch in batches(stream):
            got.append(batch)  # noqa: PERF401  # looked at while it grows

    app.agent(app.batched_topic(topic, reading or Reading(max_records=100)), name=f"keep-{topic}")(agent)
    return got


def offsets(got):
    """Return the offsets received, by partition."""
    by_partition = defaultdict(list)
    for batch in got:
        by_partition[batch.partition] += [r.offset for r in batch.records]
    return by_partition


async def publish(bootstrap, topic, partition, values):
    """Publish values to one partition."""
    async with Publisher(bootstrap) as publisher:
        await publisher.send([Record(topic, partition, b"k", value) for value in values])


async def test_every_record_arrives_once_and_in_order(stack, raw):
    """Four partitions with records from before and after the start arrive completely, once, in offset order."""
    topic = kafka.named("in")
    await kafka.create(stack.bootstrap, {topic: 4})
    for partition in range(4):
        await publish(stack.bootstrap, topic, partition, [b"%d" % i for i in range(1000 + partition)])
    app = new_app(stack.bootstrap, kafka.named("group"))
    got = keep(app, topic, Reading(max_records=100, raw=raw))
    async with running(app):
        for partition in range(4):
            await publish(stack.bootstrap, topic, partition, [b"later"] * 333)
        await kafka.until(lambda: sum(b.count for b in got) >= 4 * 1333 + 6, "all records arrive")
    assert offsets(got) == {p: list(range(1333 + p)) for p in range(4)}
    assert max(b.count for b in got) <= 100


async def test_what_is_done_is_committed_at_a_clean_stop_with_the_append_time_of_its_last_record(stack):
    """After a stop the committed offset is the end of the acknowledged batches, and the note names the last record."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 1})
    await publish(stack.bootstrap, topic, 0, [b"v"] * 250)
    app = new_app(stack.bootstrap, group)
    got = keep(app, topic)
    async with running(app):
        await kafka.until(lambda: sum(b.count for b in got) == 250, "all records arrive")
    assert await kafka.committed(stack.bootstrap, group) == {TP(topic, 0): 250}
    note = CommitNote.parse(await kafka.commit_metadata(stack.bootstrap, group, TP(topic, 0)))
    assert note == CommitNote(got[-1].append_ms, got[-1].epoch.started_ms)


async def test_an_unacknowledged_batch_is_neither_committed_nor_passed_over(stack, raw):
    """While an agent is in its second batch only the first is committed; a later start reads the second again."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 1})
    await publish(stack.bootstrap, topic, 0, [b"v"] * 300)
    app = new_app(stack.bootstrap, group)
    reached, free = asyncio.Event(), asyncio.Event()

    async def agent(stream):
        async for batch in batches(stream):
            if batch.first_offset >= 100:
                reached.set()
                await free.wait()

    app.agent(app.batched_topic(topic, Reading(max_records=100, raw=raw)), name="slow")(agent)
    async with running(app):
        await reached.wait()
        await kafka.until(lambda: kafka.has_committed(stack.bootstrap, group, {TP(topic, 0): 100}), "the first batch")
    assert await kafka.committed(stack.bootstrap, group) == {TP(topic, 0): 100}
    again = new_app(stack.bootstrap, group)
    got = keep(again, topic, Reading(max_records=100, raw=raw))
    async with running(again):
        await kafka.until(lambda: sum(b.count for b in got) == 200, "the rest arrives")
    assert offsets(got) == {0: list(range(100, 300))}


async def test_what_agents_hold_is_published_and_committed_before_partitions_go(stack):
    """A second worker joins long before the next commit: held batches are drained first, and it repeats nothing."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 2})
    for partition in (0, 1):
        await publish(stack.bootstrap, topic, partition, [b"v"] * 100)
    first = new_app(stack.bootstrap, group, commit_interval_s=60)
    held = []

    async def agent(stream):
        async for batch, ack in held_batches(stream):
            held.append((batch, ack))

    async def drain():
        while held:
            held.pop()[1]()  # the order of acknowledging does not matter

    first.on_drain(drain)
    first.agent(first.batched_topic(topic, Reading(max_records=30)), name="hold")(agent)
    second = new_app(stack.bootstrap, group)
    got = keep(second, topic)
    async with running(first):
        await kafka.until(lambda: sum(b.count for b, _ in held) == 200, "all records are held")
        async with running(second):
            await kafka.until(lambda: len(first.spans) == len(second.spans) == 1, "each has a partition")
            assert [s.resume for app in (first, second) for s in app.spans.values()] == [100, 100]
    assert got == []


async def test_a_rewound_partition_replays_its_horizon_and_says_which_records_are_live(stack, raw):
    """A restart reads again from the horizon before the last committed record; only what is new counts as live."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 2})
    await publish(stack.bootstrap, topic, 0, [b"old"] * 50)
    reading = Reading(rewind=back_by(3_600_000), raw=raw)
    first = new_app(stack.bootstrap, group)
    got = keep(first, topic, reading)
    async with running(first):
        assert all(first.caught_up(TP(topic, p)) for p in (0, 1))
        await kafka.until(lambda: sum(b.count for b in got) == 50, "all records arrive")
    await publish(stack.bootstrap, topic, 0, [b"new"] * 7)
    second = new_app(stack.bootstrap, group)
    got_again = keep(second, topic, reading)
    async with running(second):
        spanned = second.spans[TP(topic, 0)]
        assert (spanned.resume, spanned.stamp_ms) == (50, got[-1].append_ms)
        await kafka.until(lambda: second.position(TP(topic, 0)) == 57, "all is processed")
        assert all(second.caught_up(TP(topic, p)) for p in (0, 1))
        assert [second.end(TP(topic, p)) for p in (0, 1)] == [57, 0]
    assert offsets(got_again) == {0: list(range(57))}
    assert sum(b.replayed for b in got_again) == 50
    assert got_again[0].epoch > got[0].epoch


async def test_a_held_partition_waits_while_the_other_topic_goes_on(stack):
    """From a hold in the listener on, nothing of the held partition arrives before it is released."""
    first, then = kafka.named("first"), kafka.named("then")
    await kafka.create(stack.bootstrap, {first: 1, then: 1})
    app = new_app(stack.bootstrap, kafka.named("group"))
    got, held = keep(app, first), keep(app, then)

    async def began(_epoch, _spans):
        app.hold(TP(then, 0))

    app.on_began(began)
    await publish(stack.bootstrap, then, 0, [b"v"] * 10)
    async with running(app):
        await publish(stack.bootstrap, first, 0, [b"v"] * 10)
        await kafka.until(lambda: sum(b.count for b in got) == 10, "the other topic is read")
        assert (held, app.position(TP(then, 0))) == ([], 0)
        app.release(TP(then, 0))
        await kafka.until(lambda: sum(b.count for b in held) == 10, "the released partition is read")


class Registry:
    """Schema ids by hand: id 1 exists; an id is answered when `up` is set, and counted."""

    def __init__(self):
        self.answers = {1: True}
        self.asked = []
        self.up = asyncio.Event()

    def known(self, schema_id):
        """Whether answered."""
        return schema_id in self.answers

    async def lookup(self, schema_id):
        """Answer, or fail while down."""
        self.asked.append(schema_id)
        if not self.up.is_set():
            raise RegistryUnavailableError("down")
        self.answers[schema_id] = schema_id < 100


def framed(schema_id):
    """Return a value with this schema id."""
    return b"\0" + schema_id.to_bytes(4, "big") + b"payload"


async def test_an_unknown_schema_id_parks_only_its_partition(stack, raw):
    """Records before the unknown id arrive, those from it on wait for the registry, the other partition goes on."""
    topic = kafka.named("in")
    await kafka.create(stack.bootstrap, {topic: 2})
    registry = Registry()
    await publish(stack.bootstrap, topic, 0, [framed(1)] * 3 + [framed(7), framed(1), framed(500), framed(7)])
    app = new_app(stack.bootstrap, kafka.named("group"))
    got = keep(app, topic, Reading(schema_ids=registry, raw=raw))
    async with running(app):
        await kafka.until(lambda: len(registry.asked) >= 2, "the registry is asked again and again")
        await publish(stack.bootstrap, topic, 0, [framed(1)] * 5)
        await publish(stack.bootstrap, topic, 1, [framed(1)] * 40)
        await kafka.until(lambda: len(offsets(got)[1]) == 40, "the other partition goes on")
        assert offsets(got)[0] == [0, 1, 2]
        assert app.position(TP(topic, 0)) == 3
        registry.up.set()
        await kafka.until(lambda: len(offsets(got)[0]) >= 12, "the parked records arrive")
    assert offsets(got)[0] == list(range(12))
    assert registry.answers == {1: True, 7: True, 500: False}


async def test_a_rebalance_while_parked_neither_loses_nor_repeats(stack, raw):
    """A second worker joins while a partition is parked; afterwards every record was live exactly once."""
    topic, group = kafka.named("in"), kafka.named("group")
    await kafka.create(stack.bootstrap, {topic: 2})
    registry = Registry()
    for partition in (0, 1):
        await publish(stack.bootstrap, topic, partition, [framed(1)] * 3 + [framed(7)] * 3)
    first, second = new_app(stack.bootstrap, group), new_app(stack.bootstrap, group)
    got, got_too = (
        keep(first, topic, Reading(schema_ids=registry, raw=raw)),
        keep(second, topic, Reading(schema_ids=registry, raw=raw)),
    )
    async with running(first):
        await kafka.until(lambda: sum(b.count for b in got) == 6, "what is known arrives")
        async with running(second):
            await kafka.until(lambda: len(first.spans) == len(second.spans) == 1, "each has a partition")
            registry.up.set()
            await kafka.until(lambda: sum(b.count for b in got + got_too) >= 12, "the parked records arrive")
    assert {p: sorted(o) for p, o in offsets(got + got_too).items()} == {0: [*range(6)], 1: [*range(6)]}
