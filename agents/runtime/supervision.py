"""Ending a worker that no longer does its work, so that whoever supervises the process starts it anew.

Faust's default leaves a worker running, and looking healthy, after one of its agents raised. Nothing is saved here on
the way out, as with kill -9: what was not committed is read again.
"""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import structlog
from aiokafka.errors import InvalidSessionTimeoutError
from mode import CrashingSupervisor

from infra.clients.kafka_errors import RIGHT_MISSING, lacking
from infra.clients.sessions import refused

FAILED = 70
"""Exit status of a worker of which an agent, a task or the consumer raised."""
FENCED = 75
"""Exit status of a static member that lost its place in the group."""
HUNG = 76
"""Exit status of a worker that stopped reading although there was something to read."""
DENIED = 77
"""Exit status of a worker that was refused a right it needs."""

_log = structlog.get_logger(__name__)


def end_process(status: int, reason: str, error: BaseException | None = None) -> NoReturn:
    """Say why, with the traceback of `error`, and end at once, without commits, flushes or cleanup.

    A right that was taken away needs no traceback but its name, and has an exit status of its own.
    """
    if isinstance(error, RIGHT_MISSING):
        reason = f"the brokers refuse a right, see `faretide topics acls`: {lacking(error)}"
        status, error = DENIED, None
    _log.critical("worker ends", reason=reason, exit_status=status, exc_info=error)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def end_crashed(error: BaseException, *, session_s: float) -> NoReturn:
    """End over what raised outside an agent; a session that the group refuses needs no traceback but its remedy."""
    if isinstance(error, InvalidSessionTimeoutError):
        end_process(FAILED, refused(session_s))
    end_process(FAILED, "worker crashed", error)


class ExitSupervisor(CrashingSupervisor):
    """Supervisor of agents: one that raised ends the process."""

    def wakeup(self) -> None:
        """Look at the agents."""
        crashed = next((s for s in self._services if s.crashed), None)
        if crashed is not None:
            end_process(FAILED, "agent raised", crashed.crash_reason)
        super().wakeup()


class Progress(Protocol):
    """What the watchdog looks at."""

    def acknowledged(self) -> int:
        """Number of batches acknowledged so far, or whatever else moves while there is progress."""
        ...

    def behind(self) -> bool:
        """Whether there is something to do: an unacknowledged batch, or records not read yet, held ones aside."""
        ...

    def connected(self) -> bool:
        """Whether the broker answers; an outage is no reason to end."""
        ...


@dataclass(slots=True)
class Stall:
    """For how long nothing was acknowledged although there was something to do."""

    limit_s: float
    seen: int = -1
    since_s: float = 0.0

    def observe(self, progress: Progress, now_s: float) -> bool:
        """Take one look at `now_s` (any monotonic clock) and return whether the limit is reached."""
        acknowledged = progress.acknowledged()
        if acknowledged != self.seen or not progress.behind() or not progress.connected():
            self.seen, self.since_s = acknowledged, now_s
        return now_s - self.since_s >= self.limit_s


class Watchdog:
    """A thread that ends the process when reading stalls; it also sees an event loop that is blocked."""

    def __init__(self, progress: Progress, *, limit_s: float, end: Callable[[int, str], Any] = end_process) -> None:
        self._progress = progress
        self._stall = Stall(limit_s)
        self._end = end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End looking."""
        self._stop.set()

    def _run(self) -> None:
        limit_s = self._stall.limit_s
        while not self._stop.wait(limit_s / 10):
            if self._stall.observe(self._progress, time.monotonic()):
                _log.critical("no batch acknowledged", seconds=limit_s, threads=_stacks())
                self._end(HUNG, f"no batch acknowledged for {limit_s} s although there was something to read")
                return


def _stacks() -> str:
    """Return where every thread is."""
    return "\n".join("".join(traceback.format_stack(frame)) for frame in sys._current_frames().values())
