"""What the transport tests do with a broker: topics, records, committed offsets, worker processes, bounded waits."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

from agents.runtime.membership import take_out

ROOT = Path(__file__).parents[2]
LIMIT_S = 30.0
"""No wait for the broker or a worker is longer."""


async def until(holds: Callable[[], Awaitable[bool]] | Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
    """Look every 20 ms whether `holds()`; fail with `what` after `limit_s`."""
    end_s = time.monotonic() + limit_s
    while True:
        answer = holds()
        if answer if isinstance(answer, bool) else await answer:
            return
        if time.monotonic() > end_s:
            raise AssertionError(f"not within {limit_s} s: {what}")
        await asyncio.sleep(0.02)


def named(stem: str) -> str:
    """Return a topic or group name used by nobody else."""
    return f"{stem}-{uuid4().hex[:8]}"


async def create(bootstrap: str, partitions: Mapping[str, int]) -> None:
    """Create topics with LogAppendTime."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        config = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics([NewTopic(t, n, 1, topic_configs=config) for t, n in partitions.items()])
    finally:
        await admin.close()


async def read_all(bootstrap: str, topic: str, partitions: int) -> list[ConsumerRecord]:
    """Return all records of a topic, by partition in order."""
    tps = [TopicPartition(topic, p) for p in range(partitions)]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None) as consumer:
        consumer.assign(tps)
        await consumer.seek_to_beginning(*tps)
        ends = await consumer.end_offsets(tps)
        records: list[ConsumerRecord] = []
        for tp in tps:
            while await consumer.position(tp) < ends[tp]:
                records += (await consumer.getmany(tp, timeout_ms=200)).get(tp, [])
        return records


async def committed(bootstrap: str, group: str) -> dict[TopicPartition, int]:
    """Return a group's committed offsets, none if it never joined."""
    return {tp: c.offset for tp, c in (await _commits(bootstrap, group)).items()}


async def _commits(bootstrap: str, group: str) -> dict[TopicPartition, OffsetAndMetadata]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return dict(await admin.list_consumer_group_offsets(group))
    except GroupCoordinatorNotAvailableError:  # no group has ever joined at this broker
        return {}
    finally:
        await admin.close()


async def has_committed(bootstrap: str, group: str, wanted: Mapping[TopicPartition, int]) -> bool:
    """Whether a group's committed offsets are exactly these."""
    return await committed(bootstrap, group) == wanted


async def commit_metadata(bootstrap: str, group: str, tp: TopicPartition) -> str:
    """Return what was committed beside the offset."""
    return str((await _commits(bootstrap, group))[TopicPartition(*tp)].metadata)


class Worker:
    """A toy worker process."""

    def __init__(self, **toy: Any) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("toy_worker.py")), json.dumps(toy)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def stop(self) -> None:
        """Tell it to stop, as soon as it can be told: one that still loads its code would just be ended."""
        status = Path(f"/proc/{self.process.pid}/status")

        def can_be_told() -> bool:
            [caught] = [line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt:")]
            return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)

        await until(can_be_told, "the worker handles SIGTERM")
        self.send(signal.SIGTERM)

    async def exit_status(self, limit_s: float = LIMIT_S) -> int:
        """Wait for the end and return the status."""
        await until(lambda: self.process.poll() is not None, "the worker ends", limit_s)
        return self.process.returncode

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.exit_status()

    def output(self) -> str:
        """Return what it printed, once it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.read().decode()


@asynccontextmanager
async def workers(toys: Iterable[Mapping[str, Any]]) -> AsyncIterator[list[Worker]]:
    """Run toy workers and leave none behind."""
    running = [Worker(**toy) for toy in toys]
    try:
        yield running
    finally:
        for worker in running:
            if worker.process.poll() is None:
                worker.process.kill()
            worker.process.communicate()


async def remove_static(bootstrap: str, group: str, instance_ids: Iterable[str]) -> set[str]:
    """Take the members with these instance ids out of `group`, as `faretide retire` does; those that were in it."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        return await take_out(admin, group, instance_ids)
    finally:
        await admin.close()
