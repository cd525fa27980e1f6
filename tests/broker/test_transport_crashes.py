"""Workers that are killed, raise, hang or are replaced: what is published equals a recount, and they end."""

import asyncio
import itertools
import json
import random
import signal
import time
from collections import defaultdict
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from agents.runtime.publisher import Publisher, Record
from agents.runtime.running import STOP_WITHIN_S
from agents.runtime.supervision import FAILED, FENCED, HUNG
from infra.embedded.kafka import EmbeddedKafka
from tests.broker import kafka
from tests.broker.kafka import remove_static
from tests.broker.toy_worker import HORIZON_MS

pytestmark = pytest.mark.broker
PARTITIONS = 2
KILLS = 3
UNCONFIRMED_S = 2.5
CACHE = Path(__file__).parents[2] / ".faretide" / "cache"


async def load(bootstrap, topic, enough):
    """Publish about 1,300 records a second until there are enough."""
    async with Publisher(bootstrap) as publisher:
        for start in itertools.count(0, 40):
            await publisher.send(
                [Record(topic, i % PARTITIONS, b"%d" % (i * i % 701), b"v") for i in range(start, start + 40)]
            )
            if enough.is_set():
                return
            await asyncio.sleep(0.03)  # the pace of the load, not a wait for anything


def recount(records, last_offset):
    """Return the distinct keys of the horizon that ends with `last_offset`, the slow way."""
    end_ms = next(r.timestamp for r in records if r.offset == last_offset)
    return len({r.key for r in records if r.offset <= last_offset and r.timestamp > end_ms - HORIZON_MS})


class Commits:
    """Watches that committed offsets never fall."""

    def __init__(self, bootstrap, group):
        self.bootstrap, self.group, self.seen = bootstrap, group, {}

    async def look(self):
        """Compare with the last look and return the offsets."""
        now = await kafka.committed(self.bootstrap, self.group)
        assert all(now.get(tp, -1) >= offset for tp, offset in self.seen.items())
        self.seen = now
        return now

    async def advance(self):
        """Wait until every partition has been committed anew."""
        before = await self.look()

        async def beyond():
            now = await self.look()
            return len(now) == PARTITIONS and all(offset > before.get(tp, -1) for tp, offset in now.items())

        await kafka.until(beyond, "every partition is committed anew")


async def kill_and_restart(toys, commits, enough, seed):
    """Kill one worker after the other at seeded instants under load, restart each at once, let them finish."""
    instants = random.Random(seed)
    async with kafka.workers(toys) as running:
        for kill in range(KILLS):
            await commits.advance()
            await asyncio.sleep(instants.uniform(0, 0.6))  # a seeded instant between commits
            index = kill % len(toys)
            await running[index].kill()
            running[index] = kafka.Worker(**toys[index])
        await commits.advance()
        enough.set()
        yield running
        for worker in running:
            await worker.stop()
        assert [await worker.exit_status() for worker in running] == [0] * len(toys)


@pytest.mark.parametrize(("seed", "workers"), [(1, 1), (2, 2)])
async def test_after_kills_every_snapshot_equals_a_recount(stack, seed, workers):
    """Workers killed under load publish nothing wrong, skip nothing, and never commit backwards."""
    topic, out, group = (kafka.named(n) for n in ("in", "out", "group"))
    await kafka.create(stack.bootstrap, {topic: PARTITIONS, out: PARTITIONS})
    toys = [
        {"bootstrap": stack.bootstrap, "group": group, "topics": [topic], "out": out, "instance_id": f"w{i}"}
        for i in range(workers)
    ]
    commits, enough = Commits(stack.bootstrap, group), asyncio.Event()
    loading = asyncio.create_task(load(stack.bootstrap, topic, enough))
    async for _ in kill_and_restart(toys, commits, enough, seed):
        await loading
        log = by_partition(await kafka.read_all(stack.bootstrap, topic, PARTITIONS))
        ends = {TopicPartition(topic, p): len(records) for p, records in log.items()}

        async def finished(ends=ends):
            return await commits.look() == ends

        await kafka.until(finished, "everything is committed")
    check(log, by_partition(await kafka.read_all(stack.bootstrap, out, PARTITIONS)))


def by_partition(records):
    """Return records by partition, in order."""
    found = defaultdict(list)
    for record in records:
        found[record.partition].append(record)
    return found


def check(log, published):
    """Compare all that was published with the log: counts, coverage, epochs."""
    epochs = set()
    for partition, records in published.items():
        reached, epoch = -1, [-1, -1]
        for snapshot in (json.loads(record.value) for record in records):
            assert snapshot["count"] == recount(log[partition], snapshot["offset"])
            assert snapshot["from"] <= reached + 1
            assert snapshot["epoch"] >= epoch
            reached, epoch = max(reached, snapshot["offset"]), snapshot["epoch"]
            epochs.add(tuple(epoch))
        assert reached == log[partition][-1].offset
    assert len(epochs) > KILLS


@pytest.mark.parametrize(("misbehave", "status"), [("raise", FAILED), ("hang", HUNG), ("block", HUNG)])
async def test_a_worker_that_no_longer_works_ends_with_its_own_status(stack, misbehave, status):
    """An agent that raises, waits for ever or blocks the loop ends the process, and its batch is not committed."""
    topic, out, group = (kafka.named(n) for n in ("in", "out", "group"))
    await kafka.create(stack.bootstrap, {topic: 1, out: 1})
    async with Publisher(stack.bootstrap) as publisher:
        await publisher.send([Record(topic, 0, b"k", b"v") for _ in range(1000)])
    toy = {"bootstrap": stack.bootstrap, "group": group, "topics": [topic], "out": out}
    async with kafka.workers([{**toy, "misbehave": misbehave, "hang_limit_s": 2}]) as [worker]:
        assert await worker.exit_status() == status
        assert misbehave != "raise" or "ZeroDivisionError: as told" in worker.output()
    assert all(offset <= 400 for offset in (await kafka.committed(stack.bootstrap, group)).values())


async def test_a_worker_that_the_group_refuses_ends(stack):
    """A session timeout below the broker's minimum ends the worker instead of leaving it idle and looking healthy."""
    topic, out, group = (kafka.named(n) for n in ("in", "out", "group"))
    await kafka.create(stack.bootstrap, {topic: 1, out: 1})
    toy = {"bootstrap": stack.bootstrap, "group": group, "topics": [topic], "out": out, "session_timeout_s": 0.5}
    async with kafka.workers([toy]) as [worker]:
        assert await worker.exit_status() == FAILED
        assert "set group.min.session.timeout.ms=500 or less on every broker" in worker.output()
        assert "Traceback" not in worker.output()


async def test_partition_numbers_of_two_topics_stay_together(stack):
    """Two workers of three partitions of two topics: each number of both topics is with the same worker."""
    left, right, out, group = (kafka.named(n) for n in ("left", "right", "out", "group"))
    await kafka.create(stack.bootstrap, {left: 3, right: 3, out: 3})
    toy = {"bootstrap": stack.bootstrap, "group": group, "topics": [left, right], "out": out}
    newest = {}

    async def two_share():
        async with Publisher(stack.bootstrap) as publisher:
            await publisher.send([Record(topic, p, b"k", b"v") for topic in (left, right) for p in range(3)])
        for record in await kafka.read_all(stack.bootstrap, out, 3):
            s = json.loads(record.value)
            newest[s["topic"], s["partition"]] = s["pid"], s["epoch"]
        return len(newest) == 6 and len({epoch[0] for _, epoch in newest.values()}) == 1 and len(owners()) == 2

    def owners():
        return {pid for pid, _ in newest.values()}

    async with kafka.workers([toy, toy]):
        await kafka.until(two_share, "two workers share the partitions")
    for partition in range(3):
        assert newest[left, partition][0] == newest[right, partition][0]


async def test_a_replaced_static_member_ends(stack):
    """A worker that was stopped while another took its instance id ends when it goes on; the other one works on."""
    topic, out, group = (kafka.named(n) for n in ("in", "out", "group"))
    await kafka.create(stack.bootstrap, {topic: 1, out: 1})
    toy = {"bootstrap": stack.bootstrap, "group": group, "topics": [topic], "out": out, "instance_id": "w0"}

    async def works(count):
        async with Publisher(stack.bootstrap) as publisher:
            await publisher.send([Record(topic, 0, b"k", b"v")])
        found = {json.loads(r.value)["pid"] for r in await kafka.read_all(stack.bootstrap, out, 1)}
        return len(found) == count

    async def idle():
        log, told = [await kafka.read_all(stack.bootstrap, t, 1) for t in (topic, out)]
        return json.loads(told[-1].value)["offset"] == log[-1].offset

    async with kafka.workers([toy]) as running:
        await kafka.until(lambda: works(1), "the first worker works")
        await kafka.until(idle, "nothing is under way that it could finish when it goes on")
        running[0].send(signal.SIGSTOP)
        stopped_s = time.monotonic()
        running.append(kafka.Worker(**toy))
        await kafka.until(lambda: works(2), "the second worker works")
        await kafka.until(
            lambda: time.monotonic() > stopped_s + UNCONFIRMED_S, "the pause is longer than two heartbeats"
        )
        running[0].send(signal.SIGCONT)
        assert await running[0].exit_status() == FENCED
        assert running[1].process.poll() is None
    epochs = [json.loads(r.value)["epoch"] for r in await kafka.read_all(stack.bootstrap, out, 1)]
    assert epochs == sorted(epochs)


async def test_a_worker_is_stopped_while_no_broker_answers(open_dir: Path):
    """It cannot flush, leaves within ten seconds all the same, and says why."""
    topic, out = kafka.named("in"), kafka.named("out")
    with EmbeddedKafka(open_dir / "gone-under-worker", CACHE) as broker:
        await kafka.create(broker.bootstrap, {topic: 1, out: 1})
        toy = {"bootstrap": broker.bootstrap, "group": kafka.named("group"), "topics": [topic], "out": out}
        async with Publisher(broker.bootstrap) as publisher:
            await publisher.send([Record(topic, 0, b"k", b"v")])
        async with kafka.workers([toy]) as running:

            async def works():
                return bool(await kafka.read_all(broker.bootstrap, out, 1))

            await kafka.until(works, "the worker works")
            broker.kill()
            running[0].send(signal.SIGTERM)
            assert await running[0].exit_status(limit_s=2 * STOP_WITHIN_S) in {0, FAILED}
            assert running[0].process.returncode == 0 or "could not flush and leave" in running[0].output()


async def test_a_removed_static_member_leaves_its_partitions_at_once(stack):
    """After a scale-down the removed member's partitions have a new owner, and an unknown id is no error."""
    topic, out, group = (kafka.named(n) for n in ("in", "out", "group"))
    await kafka.create(stack.bootstrap, {topic: 2, out: 2})
    toys = [
        {"bootstrap": stack.bootstrap, "group": group, "topics": [topic], "out": out, "instance_id": f"w{i}"}
        for i in range(2)
    ]

    async def owners_are(count):
        async with Publisher(stack.bootstrap) as publisher:
            await publisher.send([Record(topic, p, b"k", b"v") for p in range(2)])
        newest = {}
        for r in await kafka.read_all(stack.bootstrap, out, 2):
            newest[r.partition] = json.loads(r.value)["pid"]
        return len(newest) == 2 and len(set(newest.values())) == count

    async with kafka.workers(toys) as running:
        await kafka.until(lambda: owners_are(2), "both work")
        running[1].send(signal.SIGTERM)
        assert await running[1].exit_status() == 0
        assert await remove_static(stack.bootstrap, group, ["w1", "w9"]) == {"w1"}
        await kafka.until(lambda: owners_are(1), "the first has both partitions", limit_s=3)
