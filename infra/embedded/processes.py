"""Server processes that live exactly as long as they should.

A server ends when it is stopped, and when this process ends in any way (see `launch`). The kernel ties its life to the
*thread* that started it, not to the process, so all servers are started by one thread that lives as long as the
process; callers may start a server from any thread and end that thread. Servers have a session of their own: Ctrl-C in
a terminal reaches only this process, which then stops them in order.
"""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from infra.embedded.ownership import Ownership
from infra.scheduling import own_niceness, rank

LAUNCH = Path(__file__).with_name("launch.py")
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ")
POLL_S = 0.02
LOG_TAIL_BYTES = 2_000


class ServerError(RuntimeError):
    """An embedded server could not be started; the message holds the end of its log."""


def plain_environment(additions: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a server: the few names every program needs, then `additions`.

    All else stays here: secrets of this process are none of the server's business, and its settings come from us alone.
    """
    return {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ} | dict(additions or {})


class _Starter:
    """The thread that starts all servers of this process."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]]
        self._requests = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="server-starter", daemon=True).start()

    def start(self, request: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        outcome: Future[subprocess.Popen[bytes]] = Future()
        self._requests.put((request, outcome))
        return outcome.result()

    def _serve(self) -> None:
        while True:
            request, outcome = self._requests.get()
            try:
                outcome.set_result(request())
            except Exception as error:  # noqa: BLE001  handed to the caller, in whose thread it is raised
                outcome.set_exception(error)


_starters: dict[int, _Starter] = {}  # by process id: a forked child has the dict but not the thread
_starters_lock = threading.Lock()


def _starter() -> _Starter:
    with _starters_lock:
        if os.getpid() not in _starters:
            _starters[os.getpid()] = _Starter()
        return _starters[os.getpid()]


def start_bound(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path,
    environment: Mapping[str, str],
    death_signal: signal.Signals = signal.SIGTERM,
    user: str = "",
    inherited_fds: Sequence[int] = (),
    niceness: int = 0,
) -> subprocess.Popen[bytes]:
    """Start `command`, an absolute path and its arguments, so that it gets `death_signal` when this process ends.

    Its output goes to `log`, which nobody else may read, with the one of the run before kept beside it. `user` is taken
    on if given (root only). It ranks by `niceness` beside this process, where that is allowed.
    """
    if log.exists():
        log.replace(log.with_suffix(log.suffix + ".1"))
    line = [sys.executable, "-I", "-S", str(LAUNCH), str(os.getpid()), str(int(death_signal)), user]
    line += [str(part) for part in command]

    def request() -> subprocess.Popen[bytes]:
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as output:
            process = subprocess.Popen(  # noqa: S603  fixed programs with arguments from this package, no shell
                line,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env=dict(environment),
                start_new_session=True,
                pass_fds=tuple(inherited_fds),
            )
        if niceness:
            rank(own_niceness() + niceness, process.pid)
        return process

    return _starter().start(request)


class ServerProcess:
    """One server on one data directory, from claim to release. Not reusable: a restart is a new value."""

    def __init__(
        self, name: str, data_dir: Path, *, stop_signal: signal.Signals = signal.SIGTERM, niceness: int = 0
    ) -> None:
        """Claim `data_dir`, made if missing. Raises DataDirInUseError (see `ownership`)."""
        data_dir.mkdir(parents=True, exist_ok=True)
        self.name, self._data_dir, self._stop_signal, self._niceness = name, data_dir, stop_signal, niceness
        self._ownership = Ownership(data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Process id, None before the start and after the end."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def prepare(
        self,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        cwd: Path | None = None,
        user: str = "",
    ) -> None:
        """Run a step before the start to its end, such as formatting a disk.

        Raises ServerError if it fails, is stopped by another thread, or needs longer than `timeout_s`.
        """
        log = self._data_dir / "prepare.log"
        process = self._launch(command, log=log, environment=environment, cwd=cwd, user=user)
        try:
            return_code = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerError(f"preparing {self.name} took longer than {timeout_s:g} s{_tail(log)}") from None
        if return_code != 0:
            self.kill()
            raise ServerError(f"preparing {self.name} failed with code {return_code}{_tail(log)}")

    def start(
        self,
        command: Sequence[str | Path],
        *,
        is_ready: Callable[[int], bool],
        environment: Mapping[str, str],
        timeout_s: float,
        cwd: Path | None = None,
        user: str = "",
    ) -> None:
        """Start the server and return once `is_ready(pid)` says that it serves.

        Raises ServerError if it ends, is stopped by another thread, or needs longer than `timeout_s`; it is gone then.
        """
        deadline_s = time.monotonic() + timeout_s
        log = self._data_dir / f"{self.name}.log"
        process = self._launch(command, log=log, environment=environment, cwd=cwd, user=user)
        try:
            while not is_ready(process.pid):
                self._check_starting(process, log, timeout_s, deadline_s)
                time.sleep(POLL_S)
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout_s: float = 20.0) -> None:
        """Ask the server to end, insist after `timeout_s`, and give the data directory back. Idempotent."""
        self._end(self._stop_signal, timeout_s)

    def kill(self) -> None:
        """End the server as a crash would (kill -9) and give the data directory back. Idempotent."""
        self._end(signal.SIGKILL, None)

    def _launch(
        self, command: Sequence[str | Path], *, log: Path, environment: Mapping[str, str], cwd: Path | None, user: str
    ) -> subprocess.Popen[bytes]:
        with self._lock:  # against a stop from another thread between the look and the start
            if self._ended:
                raise ServerError(f"{self.name} was stopped during its start")
            self._process = start_bound(
                command,
                log=log,
                cwd=cwd or self._data_dir,
                environment=environment,
                death_signal=self._stop_signal,
                user=user,
                inherited_fds=(self._ownership.fd,),
                niceness=self._niceness,
            )
            self._ownership.record_server(self._process.pid)
            return self._process

    def _check_starting(self, process: subprocess.Popen[bytes], log: Path, timeout_s: float, deadline_s: float) -> None:
        if process.poll() is not None:
            how = "was stopped" if self._ended else f"ended with code {process.returncode}"
            raise ServerError(f"{self.name} {how} before it was ready{_tail(log)}")
        if time.monotonic() > deadline_s:
            raise ServerError(f"{self.name} was not ready after {timeout_s:g} s{_tail(log)}")

    def _end(self, number: signal.Signals, timeout_s: float | None) -> None:
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.send_signal(number)
                try:
                    self._process.wait(timeout_s)
                except subprocess.TimeoutExpired:
                    self._process.kill()
                    self._process.wait()
            self._ownership.release()


def _tail(log: Path) -> str:
    text = log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()
    return f"; the end of {log}:\n{text}" if text else f"; {log} is empty"
