"""Worker processes under a supervisor: one that ends is started again, and why it ended is remembered."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from agents.runtime.supervision import FENCED
from infra.embedded.processes import start_bound
from tests.broker import kafka
from tests.broker.services import KILLED, Workers, now_ms

LOOK_EVERY_S = 0.05
REACHED_WITHIN_S = 20.0
FENCED_WITHIN_S = 20.0


@dataclass(frozen=True, slots=True)
class End:
    """A worker process that ended: when, with which exit code, and whether that was ours."""

    instance: str
    at_ms: int
    code: int
    expected: bool
    said: str = ""


@dataclass(slots=True)
class Supervised(Workers):
    """Workers from the source tree at `tree`, which may differ from ours; `ends` in order."""

    tree: Path = kafka.ROOT
    ends: list[End] = field(default_factory=list)
    lost_ms: dict[str, int] = field(default_factory=dict)
    """When a worker with this instance id last ended without having been asked to."""

    def start(self, instance: str, *armed: str) -> None:
        """Start a worker; `armed` is point, times and manner of `armed_worker`."""
        service = instance.partition("-")[0]
        module = ["tests.faults.armed_worker", *armed] if armed else ["infra.cli", "worker"]
        log = self.logs / f"{instance}-{now_ms()}.log"
        self.started_ms[instance] = now_ms()
        self.processes[instance] = start_bound(
            [sys.executable, "-m", *module, service],
            log=log,
            cwd=self.tree,
            environment={**self.environment, "FARETIDE_INSTANCE_ID": instance, "PYTHONPATH": str(self.tree)},
        )

    async def supervise(self) -> None:
        """Start again what ended, until cancelled."""
        while True:
            for instance, process in list(self.processes.items()):
                if process.poll() is not None:
                    self._ended(instance, process.returncode, expected=process.returncode == KILLED)
                    self.start(instance)
            await asyncio.sleep(LOOK_EVERY_S)

    def _ended(self, instance: str, code: int, *, expected: bool) -> None:
        self.lost_ms[instance] = now_ms()
        said = "" if expected else self._tail(instance)
        self.ends.append(End(instance, now_ms(), code, expected, said))

    def _tail(self, instance: str) -> str:
        newest = max(self.logs.glob(f"{instance}-*.log"))
        return newest.read_text(errors="replace")[-3000:]

    def kill_all(self) -> None:
        """Leave none behind, and start none again."""
        processes, self.processes = self.processes, {}
        for process in processes.values():
            process.kill()
            process.wait()

    async def leave(self, instance: str) -> None:
        """Ask a worker to end for good; one that has not come up yet knows no better end than the signal's own."""
        process = self.processes.pop(instance)
        process.terminate()
        await kafka.until(lambda: process.poll() is not None, f"{instance} ends")
        assert process.returncode in {0, -signal.SIGTERM}, self._said(instance)

    # ---- what faults do

    def signal(self, instance: str, number: signal.Signals) -> None:
        """Send a running worker a signal."""
        process = self.processes[instance]
        if process.poll() is None:
            os.kill(process.pid, number)

    def rearm(self, instance: str, *armed: str) -> None:
        """Replace the worker by one that is armed."""
        process = self.processes[instance]
        process.kill()
        process.wait()
        self.start(instance, *armed)

    async def dies(self, instance: str) -> bool:
        """Whether the armed worker reached its point; if not, it is killed where it stands."""
        armed = self.processes[instance]
        try:
            await kafka.until(lambda: self.processes[instance] is not armed, "the point is reached", REACHED_WITHIN_S)
        except AssertionError:
            self.signal(instance, signal.SIGKILL)
            await kafka.until(lambda: self.processes[instance] is not armed, "it is dead", REACHED_WITHIN_S)
            return False
        return True

    async def stops(self, instance: str) -> bool:
        """Whether the armed worker stopped itself in time."""
        stat = Path(f"/proc/{self.processes[instance].pid}/stat")
        try:
            await kafka.until(
                lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it stops", REACHED_WITHIN_S
            )
        except (AssertionError, OSError):
            return False
        return True

    async def outlived(self, instance: str, *, seconds: float) -> int | None:
        """Leave the stopped worker alone while another takes its id, wake it then; how it ended, None if it did not."""
        old = self.processes.pop(instance)
        self.start(instance)
        await asyncio.sleep(seconds)  # the length of the pause
        os.kill(old.pid, signal.SIGCONT)
        try:
            await kafka.until(lambda: old.poll() is not None, "the zombie ends", FENCED_WITHIN_S)
        except AssertionError:
            old.kill()
            old.wait()
            return None
        self.ends.append(End(instance, now_ms(), old.returncode, expected=old.returncode == FENCED))
        return old.returncode
