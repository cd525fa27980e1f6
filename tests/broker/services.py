"""The four services as child processes on the shared servers: started, killed, ended, and watched from outside."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.cli.seeding import seed
from infra.clients.admin import Admin
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.clients.registry import Registry
from infra.embedded.processes import start_bound
from infra.embedded.stack import EmbeddedStack
from infra.settings import Settings
from tests.broker import kafka
from topics.catalogue import DEMAND_CELLS, QUOTES, SUPPLY_CELLS, SURGE
from topics.roles import PRICING_CHAIN

OUTPUT = {"supply": SUPPLY_CELLS, "demand": DEMAND_CELLS, "pricing": SURGE, "quotes": QUOTES}
"""The topic by which one sees that a service works."""
START_LIMIT_S = 60.0
EVERYTHING_MEGABYTES = 20_000
"""What is recounted in the end must not be dropped before."""
KILLED = -signal.SIGKILL


def now_ms() -> int:
    """Return the wall clock in epoch milliseconds."""
    return time.time_ns() // 1_000_000


async def prepared(stack: EmbeddedStack) -> Connection:
    """Register schemas, create topics, publish the first market, policy and model; all once per set of servers."""
    connection = Connection(endpoints=Endpoints(bootstrap=stack.bootstrap, registry_url=stack.registry_url))
    everything = Settings(topic_megabytes=EVERYTHING_MEGABYTES)
    async with Registry(connection) as registry, Admin(connection, everything) as admin:
        await registry.register_all()
        await admin.create_missing()
    await seed(connection, now_ms())
    return connection


@dataclass(slots=True)
class Workers:
    """Worker processes by instance id. One that ends by itself fails the test: nothing here restarts it."""

    environment: Mapping[str, str]
    logs: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    started_ms: dict[str, int] = field(default_factory=dict)

    def start(self, instance: str) -> None:
        """Start the worker `<service>-<number>`; its log is kept, also over restarts."""
        log = self.logs / f"{instance}-{now_ms()}.log"
        command = [sys.executable, "-m", "infra.cli", "worker", instance.partition("-")[0]]
        environment = {**self.environment, "FARETIDE_INSTANCE_ID": instance}
        self.started_ms[instance] = now_ms()
        self.processes[instance] = start_bound(command, log=log, cwd=kafka.ROOT, environment=environment)

    def kill(self, instances: Iterable[str]) -> int:
        """Kill these at once and start them again; return when they were dead, epoch milliseconds."""
        chosen = list(instances)
        self.check()
        for instance in chosen:
            os.kill(self.processes[instance].pid, signal.SIGKILL)
        for instance in chosen:
            assert self.processes[instance].wait() == KILLED
        killed_ms = now_ms()
        for instance in chosen:
            self.start(instance)
        return killed_ms

    async def end(self, instances: Iterable[str]) -> None:
        """Ask these to end, and wait until they have, without an error."""
        chosen = {instance: self.processes.pop(instance) for instance in instances}
        for process in chosen.values():
            process.terminate()
        for instance, process in chosen.items():
            await kafka.until(lambda process=process: process.poll() is not None, f"{instance} ends")
            assert process.returncode == 0, self._said(instance)

    def check(self) -> None:
        """Fail with the log of a worker that ended by itself."""
        for instance, process in self.processes.items():
            assert process.poll() is None, self._said(instance)

    def kill_all(self) -> None:
        """Leave none behind."""
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _said(self, instance: str) -> str:
        newest = max(self.logs.glob(f"{instance}-*.log"))
        return f"{instance} ended by itself:\n{newest.read_text()[-4000:]}"


@dataclass(slots=True)
class Pulse:
    """When each service last wrote, by the broker's clock."""

    last_ms: dict[str, int] = field(default_factory=dict)
    history: dict[str, list[int]] = field(default_factory=dict)

    async def follow(self, bootstrap: str) -> None:
        """Read the output topics from their ends until cancelled."""
        service_of = {topic.name: service for service, topic in OUTPUT.items()}
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, fetch_max_wait_ms=50) as consumer:
            tps = [TopicPartition(topic, p) for topic, n in (await partitions(bootstrap)).items() for p in range(n)]
            consumer.assign([tp for tp in tps if tp.topic in service_of])
            await consumer.seek_to_end()
            while True:
                for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                    service = service_of[tp.topic]
                    self.last_ms[service] = max(self.last_ms.get(service, 0), records[-1].timestamp)
                    self.history.setdefault(service, []).extend(record.timestamp for record in records)

    def first_after(self, service: str, instant_ms: int) -> int | None:
        """Return when the service first wrote after the instant, None if it has not yet."""
        return min((at for at in self.history.get(service, ()) if at > instant_ms), default=None)


async def partitions(bootstrap: str) -> dict[str, int]:
    """Return the partition count of every topic of the catalogue."""
    async with Admin(Connection(endpoints=Endpoints(bootstrap=bootstrap, registry_url="")), Settings()) as admin:
        return {state.topic.name: state.partitions for state in await admin.states()}


@asynccontextmanager
async def running(
    stack: EmbeddedStack, logs: Path, instances: Iterable[str] = tuple(f"{service}-0" for service in PRICING_CHAIN)
) -> AsyncIterator[tuple[Workers, Pulse]]:
    """Run these workers; DEMAND and PRICING have written when the block is entered.

    QUOTES waits for requests, and SUPPLY for pings if those there were before have ended.
    """
    kept = ("PATH", "HOME", "LANG", "TZ", "NUMBA_")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    environment |= {"FARETIDE_BOOTSTRAP": stack.bootstrap, "FARETIDE_REGISTRY_URL": stack.registry_url}
    workers, pulse = Workers(environment, logs), Pulse()
    following = asyncio.create_task(pulse.follow(stack.bootstrap))
    try:
        for instance in instances:
            workers.start(instance)

        def written() -> bool:
            workers.check()
            assert not following.done() or following.result()
            return {"demand", "pricing"} <= pulse.last_ms.keys()

        await kafka.until(written, "the services begin to write", START_LIMIT_S)
        yield workers, pulse
    finally:
        following.cancel()
        workers.kill_all()
