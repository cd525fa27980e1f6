"""Worker processes under a supervisor: one that ends is started again, and why it ended is remembered.

Each worker is forked by a keeper of its own (see `infra.cli.keeper`), as under `faretide up`. What is killed is the
worker, or now and then both. Second workers stand ready with their code loaded until they are to join.
"""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from agents.runtime.supervision import FAILED, FENCED
from infra.embedded.processes import start_bound
from tests.broker import kafka
from tests.broker.services import KILLED, Workers, now_ms

LOOK_EVERY_S = 0.02
REACHED_WITHIN_S = 20.0
FENCED_WITHIN_S = 20.0
STARTED_WITHIN_S = 60.0


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
    pids: dict[str, int] = field(default_factory=dict)
    """The worker of each instance that runs; its keeper is in `processes`."""
    lost_ms: dict[str, int] = field(default_factory=dict)
    """When a worker with this instance id last ended."""
    absent: set[str] = field(default_factory=set)
    """Instances that are not to be started again for now."""
    _ears: dict[str, int] = field(default_factory=dict)

    @property
    def orders(self) -> Path:
        """Where keepers look what the next worker is to do."""
        return self.logs

    def start(self, instance: str, *, waits: bool = False) -> None:
        """Start a keeper and its worker; with `waits` the worker does nothing before `let_go`."""
        service = instance.partition("-")[0]
        log = self.logs / f"{instance}-{now_ms()}.log"
        self.started_ms[instance] = now_ms()
        waiting = self.orders / f"{instance}.wait"
        waiting.touch() if waits else waiting.unlink(missing_ok=True)
        ear, mouth = os.pipe()
        os.set_blocking(ear, False)
        module = ["tests.faults.kept_worker", service, instance, str(self.orders), str(mouth)]
        self.processes[instance] = start_bound(
            [sys.executable, "-m", *module],
            log=log,
            cwd=self.tree,
            environment={**self.environment, "FARETIDE_INSTANCE_ID": instance, "PYTHONPATH": str(self.tree)},
            inherited_fds=(mouth,),
        )
        os.close(mouth)
        self._deaf(instance)
        self._ears[instance] = ear

    def let_go(self, instance: str) -> None:
        """Have a worker that stands ready begin."""
        self.started_ms[instance] = now_ms()
        (self.orders / f"{instance}.wait").unlink(missing_ok=True)

    async def supervise(self) -> None:
        """Hear the keepers, and start again those that ended, until cancelled."""
        while True:
            for instance, keeper in list(self.processes.items()):
                self._hear(instance)
                if keeper.poll() is not None:
                    self._hear(instance)
                    if instance in self.pids:  # it ended without a word, and its worker with it
                        self._ended(instance, keeper.returncode)
                    if instance not in self.absent:
                        self.start(instance)
            await asyncio.sleep(LOOK_EVERY_S)

    def _hear(self, instance: str) -> None:
        try:
            told = os.read(self._ears[instance], 4096).decode()
        except BlockingIOError:
            return
        for line in told.splitlines():
            word, _, number = line.partition(" ")
            if word == "started":
                self.pids[instance] = int(number)
            else:
                self._ended(instance, int(number))

    def _ended(self, instance: str, code: int) -> None:
        self.pids.pop(instance, None)
        self.lost_ms[instance] = now_ms()
        expected = code == KILLED
        self.ends.append(End(instance, now_ms(), code, expected, "" if expected else self._tail(instance)))

    def _deaf(self, instance: str) -> None:
        self.pids.pop(instance, None)
        ear = self._ears.pop(instance, None)
        if ear is not None:
            os.close(ear)

    def _tail(self, instance: str) -> str:
        """The end of its log, which goes into a report: files are named from the root of the repository."""
        newest = max(self.logs.glob(f"{instance}-*.log"))
        return newest.read_text(errors="replace").replace(f"{kafka.ROOT}/", "")[-3000:]

    def kill_all(self) -> None:
        """Leave none behind, and start none again."""
        processes, self.processes = self.processes, {}
        for pid in self.pids.values():
            _signal(pid, signal.SIGCONT)
        for process in processes.values():
            process.kill()  # a worker dies with its keeper
            process.wait()

    async def leave(self, instance: str) -> None:
        """Ask a worker to end for good; one that has not come up yet knows no better end than the signal's own."""
        process = self.processes.pop(instance)
        self._deaf(instance)
        process.terminate()
        await kafka.until(lambda: process.poll() is not None, f"{instance} ends")
        assert process.returncode in {0, -signal.SIGTERM, FAILED}, self._said(instance)  # FAILED: no broker to flush to

    # ---- what faults do

    def signal(self, instance: str, number: signal.Signals) -> None:
        """Send a running worker a signal."""
        if instance in self.pids:
            _signal(self.pids[instance], number)

    async def running(self, instance: str) -> int:
        """The process id of the worker, once there is one."""
        await kafka.until(lambda: instance in self.pids, f"{instance} runs", STARTED_WITHIN_S)
        return self.pids[instance]

    async def rearm(self, instance: str, point: str, nth: int, how: str) -> int:
        """Replace the worker by one that is armed; returns its process id."""
        old = await self.running(instance)
        armed = self.orders / f"{instance}.arm"
        armed.write_text(f"{point} {nth} {how}")
        _signal(old, signal.SIGKILL)
        await kafka.until(lambda: self.pids.get(instance, old) != old, f"{instance} is armed", STARTED_WITHIN_S)
        return self.pids[instance]

    async def dies(self, instance: str, pid: int) -> bool:
        """Whether the armed worker reached its point; if not, it is killed where it stands."""
        try:
            await kafka.until(lambda: self.pids.get(instance) != pid, "the point is reached", REACHED_WITHIN_S)
        except AssertionError:
            _signal(pid, signal.SIGKILL)
            await kafka.until(lambda: self.pids.get(instance) != pid, "it is dead", REACHED_WITHIN_S)
            return False
        return True

    async def stops(self, pid: int) -> bool:
        """Whether the armed worker stopped itself in time."""
        stat = Path(f"/proc/{pid}/stat")
        try:
            await kafka.until(
                lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "it stops", REACHED_WITHIN_S
            )
        except (AssertionError, OSError):
            return False
        return True

    def gone(self, instance: str) -> None:
        """Kill worker and keeper, and let none come again before `back`."""
        self.absent.add(instance)
        self.cold(instance)

    def back(self, instance: str) -> None:
        """Let it come again."""
        self.absent.discard(instance)

    def cold(self, instance: str) -> None:
        """Kill the keeper and with it the worker: the next one starts from nothing, as on a new machine."""
        self.processes[instance].kill()
        self.signal(instance, signal.SIGKILL)  # it would die with its keeper, some milliseconds later

    async def outlived(self, instance: str, *, seconds: float) -> int | None:
        """Leave the stopped worker alone while another takes its id, wake it then; how it ended, None if it did not."""
        keeper, pid = self.processes.pop(instance), self.pids[instance]
        self.start(instance)
        started_ms = self.started_ms[instance]
        await self.running(instance)
        await asyncio.sleep(max(0.0, seconds - (now_ms() - started_ms) / 1000))  # the length of the pause
        _signal(pid, signal.SIGCONT)
        try:
            await kafka.until(lambda: keeper.poll() is not None, "the zombie ends", FENCED_WITHIN_S)
        except AssertionError:
            keeper.kill()
            keeper.wait()
            return None
        self.ends.append(End(instance, now_ms(), keeper.returncode, expected=keeper.returncode == FENCED))
        return keeper.returncode


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
