"""The services as child processes of `faretide up`: started, watched, started again, stopped in order.

Each is a keeper (see `keeper`), which forks its worker anew when that ends and tells us so through a pipe. A keeper
that ends is started again here, but not one whose worker was replaced: the process in its place would be replaced in
turn, and so for ever.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.cli.exits import ExitCode
from infra.embedded.ports import LOOPBACK, free_port, is_free, remembered_ports
from infra.embedded.processes import start_bound

RESTART_PAUSE_S = (0.0, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 60.0
STOP_TIMEOUT_S = 10.0
LOOK_EVERY_S = 0.1
WAIT_FOR_SERVERS_S = 600  # the first start fetches the jars
PORTS_NAME = "ports.json"
KEPT_ENVIRONMENT = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "FARETIDE_", "NUMBA_"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "PGSSLROOTCERT"),
    *("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy"),
)
"""How names begin that a service needs, too: without certificates and proxies it would not reach what we do."""
ROOT = Path(__file__).resolve().parents[2]
OWN_CODE = {"PYTHONPATH": str(ROOT)}
"""With it a child of `own_command` imports what this process does, also from a checkout that is not installed."""


def own_command(*arguments: str) -> list[str]:
    """The command line of a child that imports nothing from the directory one stands in: it may hold a `topics.py`."""
    return [sys.executable, "-P", "-m", "infra.cli", *arguments]


@dataclass(slots=True)
class ServiceProcess:
    """One service: its keeper, the worker that this one runs, and how often that had to be started again."""

    service: str
    instance: str
    command: Sequence[str]
    log: Path
    metrics_port: int
    process: subprocess.Popen[bytes] | None = None
    ear: int = -1
    worker_pid: int | None = None
    ended: int | None = None
    replaced: bool = False
    started_s: float = 0.0
    restarts: int = 0
    quick_failures: int = 0
    waits_for: str = ""

    @property
    def how_it_ended(self) -> str:
        """The beginning of a sentence about the end that was heard of last."""
        return f"{self.service} ended with code {self.ended}"


class ServiceProcesses:
    """All services of one machine. `tell` hears a sentence of each unexpected end, once it is known what follows."""

    def __init__(
        self, *, logs: Path, environment: Mapping[str, str], tell: Callable[[str], None] = lambda _sentence: None
    ) -> None:
        self._logs, self._environment, self._tell = logs, dict(environment), tell
        self._services: list[ServiceProcess] = []
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="service-watcher", daemon=True)

    def start(self, services: Sequence[str]) -> None:
        """Start one process for each service and watch them."""
        self._logs.mkdir(parents=True, exist_ok=True)
        ports = remembered_ports(self._logs / PORTS_NAME, services)
        for service in services:
            instance = f"{service}-0"
            command = own_command("worker", service, "--keep", "--wait", str(WAIT_FOR_SERVERS_S))
            entry = ServiceProcess(service, instance, command, self._logs / f"{service}.log", ports[service])
            self._launch(entry)
            self._services.append(entry)
        self._watcher.start()

    @property
    def restarts(self) -> dict[str, int]:
        """Unexpected ends per service."""
        return {entry.service: entry.restarts for entry in self._services}

    @property
    def metrics(self) -> dict[str, str]:
        """Where each worker shows its metrics and health, by instance id."""
        return {entry.instance: f"http://{LOOPBACK}:{entry.metrics_port}" for entry in self._services}

    @property
    def pids(self) -> dict[str, int]:
        """Process id of the worker of each service that has begun; of its keeper before. Not of one given up."""
        return {
            entry.service: entry.worker_pid or entry.process.pid
            for entry in self._services
            if entry.process is not None and not entry.replaced
        }

    def stop(self) -> None:
        """Ask each service to end, writers of inputs first; insist after ten seconds. Idempotent."""
        self._stopping.set()
        if self._watcher.is_alive():
            self._watcher.join()
        for entry in self._services:
            if entry.process is not None and entry.process.poll() is None:
                entry.process.terminate()
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for entry in self._services:
            _wait_or_kill(entry.process, deadline_s - time.monotonic())

    def _launch(self, entry: ServiceProcess) -> None:
        if not is_free(entry.metrics_port):
            entry.metrics_port = free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if name.startswith(KEPT_ENVIRONMENT)},
            **OWN_CODE,
            **self._environment,
            "FARETIDE_INSTANCE_ID": entry.instance,
            "FARETIDE_METRICS_HOST": LOOPBACK,
            "FARETIDE_METRICS_PORT": str(entry.metrics_port),
        }
        ear, mouth = os.pipe()
        try:
            os.set_blocking(ear, False)
            process = start_bound(
                [*entry.command, "--tell", str(mouth)],
                log=entry.log,
                cwd=Path.cwd(),
                environment=environment,
                inherited_fds=(mouth,),
            )
        except BaseException:
            os.close(ear)
            raise
        finally:
            os.close(mouth)
        if entry.ear >= 0:
            os.close(entry.ear)
        entry.ear, entry.process = ear, process
        entry.started_s = time.monotonic()

    def _watch(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            for entry in self._services:
                self._hear(entry)
                if entry.process is not None and entry.process.poll() is not None and not entry.replaced:
                    self._hear(entry)
                    self._follow(entry, entry.process.returncode)

    def _hear(self, entry: ServiceProcess) -> None:
        """Take in what the keeper told of its worker: a few words a line, each line written at once."""
        try:
            told = os.read(entry.ear, 4096).decode()
        except BlockingIOError:
            return
        for line in told.splitlines():
            word, _, number = line.partition(" ")
            if word == "started":
                entry.worker_pid = int(number)
                self._again(entry)
            else:
                self._note_end(entry, int(number))

    def _note_end(self, entry: ServiceProcess, code: int) -> None:
        entry.worker_pid, entry.ended = None, code
        entry.restarts += 1

    def _follow(self, entry: ServiceProcess, code: int) -> None:
        """Start the keeper again, which ended with `code`. One that cannot be started is tried again at the next look.

        The keeper comes first and the sentence second: a terminal that is gone must not keep a service from running.
        """
        if entry.ended is None:
            self._note_end(entry, code)
        if code == ExitCode.REPLACED:
            entry.replaced = True
            self._say(f"{entry.how_it_ended}: another process took its place; it is not started again here")
            return
        steady = time.monotonic() - entry.started_s > STEADY_S
        entry.quick_failures = 0 if steady else entry.quick_failures + 1
        pause_s = RESTART_PAUSE_S[min(max(entry.quick_failures - 1, 0), len(RESTART_PAUSE_S) - 1)]
        if self._stopping.wait(pause_s):
            return
        try:
            self._launch(entry)
        except OSError as error:
            if entry.waits_for != str(error):
                entry.waits_for = str(error)
                self._say(f"{entry.how_it_ended} and cannot be started again ({error}): this is tried until it works")
        else:
            self._again(entry)

    def _again(self, entry: ServiceProcess) -> None:
        """A worker or its keeper was started, after an end or for the first time."""
        if entry.ended is not None:
            self._say(f"{entry.how_it_ended} and is started again; see {entry.log}")
        entry.ended, entry.waits_for = None, ""

    def _say(self, sentence: str) -> None:
        with contextlib.suppress(OSError):  # nobody listens any more
            self._tell(sentence)


def _wait_or_kill(process: subprocess.Popen[bytes] | None, timeout_s: float) -> None:
    if process is None:
        return
    try:
        process.wait(max(timeout_s, 0.1))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
