"""Our services as child processes on the benches' own servers, and a fleet that pings behind them."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.servers import Servers
from infra.clients.connection import Connection
from infra.embedded.processes import start_bound

ROOT = Path(__file__).resolve().parents[1]
STOP_WITHIN_S = 15.0


@dataclass(slots=True)
class Workers:
    """Worker processes by instance, such as `quotes-0`; with `keep` each has a keeper, as under `faretide up`."""

    servers: Servers
    keep: bool = False
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, instances: Iterable[str]) -> None:
        """Start workers; each instance keeps its place in the group over restarts."""
        for instance in instances:
            environment = self.servers.worker_environment(FARETIDE_INSTANCE_ID=instance)
            command = [*self.servers.worker_command(instance.partition("-")[0]), *(["--keep"] if self.keep else [])]
            self.processes[instance] = start_bound(command, log=self._log(instance), cwd=ROOT, environment=environment)

    def pid(self, instance: str) -> int:
        """Its process. Raises RuntimeError with the end of its log if it ended by itself."""
        process = self.processes[instance]
        if process.poll() is not None:
            raise RuntimeError(f"{instance} ended by itself with code {process.returncode}: {self.said(instance)}")
        return process.pid

    def resident_mb(self, instance: str) -> float:
        """Resident megabytes of a kept worker."""
        (worker,) = psutil.Process(self.pid(instance)).children()
        return float(worker.memory_info().rss / 1e6)

    def said(self, instance: str) -> str:
        """The end of its log."""
        return self._log(instance).read_text(errors="replace")[-2000:]

    def crash(self, instance: str) -> float:
        """Kill a kept worker, whose keeper starts it again; epoch milliseconds of the kill."""
        (worker,) = psutil.Process(self.pid(instance)).children()
        worker.kill()
        return time.time() * 1000

    def lose(self, instance: str) -> float:
        """Kill a kept worker and its keeper; epoch milliseconds at which both were dead."""
        keeper = psutil.Process(self.processes.pop(instance).pid)
        both = [keeper, *keeper.children()]  # the keeper first, so that it starts nobody
        for process in both:
            process.kill()
        psutil.wait_procs(both, STOP_WITHIN_S)
        return time.time() * 1000

    def stop(self, instances: Iterable[str]) -> None:
        """End them in good order."""
        ending = [self.processes.pop(instance) for instance in instances]
        for process in ending:
            process.send_signal(signal.SIGTERM)
        for process in ending:
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _log(self, instance: str) -> Path:
        return self.servers.directory / f"{instance}.log"


Seed = Callable[[Connection, int], Awaitable[object]]
"""Publishes the first market, policy and model where they are missing, from an instant (epoch ms) on."""


@asynccontextmanager
async def working(
    servers: Servers, seed: Seed, instances: Iterable[str], *, keep: bool = False
) -> AsyncIterator[Workers]:
    """Workers on a seeded system, ended with the block."""
    await seed(servers.connection, time.time_ns() // 1_000_000)
    workers = Workers(servers, keep)
    try:
        workers.start(instances)
        yield workers
    finally:
        await asyncio.to_thread(workers.stop, list(workers.processes))


@asynccontextmanager
async def fleet(servers: Servers, per_s: float, drivers: int) -> AsyncIterator[None]:
    """So many pings a second from a process of their own while the block lasts."""
    said = {"bootstrap": servers.bootstrap, "schema_ids": servers.schema_ids, "per_s": per_s, "drivers": drivers}
    command = [sys.executable, "-m", "bench.ping_process", json.dumps(said)]
    log = servers.directory / "fleet.log"
    process = start_bound(command, log=log, cwd=ROOT, environment=servers.worker_environment())
    try:
        await asyncio.sleep(1.0)
        yield
        if process.poll() is not None:
            raise RuntimeError(f"the fleet ended by itself: {log.read_text(errors='replace')[-1000:]}")
    finally:
        process.kill()
        process.wait()
