"""A worker that ends is there again at once: forked from a process that has everything loaded.

    keeper   loads the code, asks for topics and schemas ── fork ──> worker: group, state, work
                                                            waits   ended by a signal, failed or hung
                                                            fork ──> the next worker
                                                            waits   ended otherwise
                                                            ends with the same exit code

Loading takes seconds of processor time, most of all on a busy machine; a fork takes some milliseconds and shares the
memory. The keeper has one thread, no event loop and no connection, so there is nothing in it that a fork could break.
It needs neither broker nor registry once it has begun. A worker that fails again and again may rest on what the keeper
found out long ago: the keeper ends with it then, so that whoever started it starts afresh.
"""

import contextlib
import ctypes
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from infra.cli.exits import ExitCode

AGAIN = frozenset({ExitCode.AGENT_FAILED, ExitCode.STALLED, ExitCode.UNREACHABLE})
PAUSE_S = (0.0, 0.0, 0.5, 1.0, 2.0)
"""Before the next worker, after so many quick ends in a row; after one more the keeper gives up."""
QUICK_S = 20.0
AWAY_S = 0.25
"""Before the next try while no broker answers, for as long as that takes."""
STOPS = {signal.SIGTERM, signal.SIGINT}
HEARD = STOPS | {signal.SIGCHLD}


def code_of(status: int) -> int:
    """The exit code in a wait status; minus the number of the signal that ended the process, if one did.

    >>> code_of(75 << 8), code_of(9)
    (75, -9)
    """
    return os.waitstatus_to_exitcode(status)


def comes_again(code: int) -> bool:
    """Whether a worker that ended so is started again here.

    >>> [code for code in (0, 2, 70, 75, 76, 77, -9, -11) if comes_again(code)]
    [70, 76, -9, -11]
    """
    return code < 0 or code in AGAIN


def exit_code_after(code: int, *, stopping: bool) -> int:
    """How the keeper exits after a worker that ended so.

    One that was ended by the signal to stop has stopped, however early that came. Of other signals it is said as shells
    do: 128 and the number.

    >>> [exit_code_after(code, stopping=True) for code in (0, 70, -15, -9)]
    [0, 70, 0, 137]
    """
    if code >= 0:
        return code
    return 0 if stopping and -code in STOPS else 128 - code


@dataclass(slots=True)
class Keeper:
    """Keeps one worker running; `work` is what a worker does, and is called in a process of its own.

    `tell` hears of each start and end in a line: `started PID`, `ended CODE`. `replaced` says whether another process
    has the place of a worker that lost it: if nobody has, it was only too slow, and is started again.
    """

    work: Callable[[], None]
    tell: Callable[[str], None]
    pauses_s: Sequence[float] = PAUSE_S
    replaced: Callable[[], bool] = lambda: True
    _stopping: bool = False
    _quick: list[float] = field(default_factory=list)

    def keep(self) -> int:
        """Run workers until one ends for good or this process is asked to; return the exit code after the last one."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # elsewhere than on Linux, ignored ones do not wait
        signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)  # each is waited for: none can come at a bad moment
        gc.freeze()  # what is loaded stays; collections in a worker need not touch the shared pages
        while True:
            code = self._one()
            self.tell(f"ended {code}")
            again = comes_again(code) or (code == ExitCode.REPLACED and not self._stopping and not self.replaced())
            if self._stopping or not again or not self._pause(code):
                return exit_code_after(code, stopping=self._stopping)

    def _one(self) -> int:
        """One worker, from fork to end."""
        keeper = os.getpid()
        child = os.fork()
        if child == 0:
            self._be_worker(keeper)
        self.tell(f"started {child}")
        while True:
            number = signal.sigwait(HEARD)
            if number in STOPS:
                self._stopping = True
                os.kill(child, number)
                continue
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return code_of(status)

    def _be_worker(self, keeper: int) -> NoReturn:
        code, number_of_end = 1, 0
        try:
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
            die_with(keeper)
            os.setsid()  # so that its rank (`infra.scheduling`) is its own
            self.work()
            code = 0
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
        except KeyboardInterrupt:
            number_of_end = signal.SIGINT
        finally:
            for stream in (sys.stdout, sys.stderr):
                with contextlib.suppress(OSError):
                    stream.flush()
            if number_of_end:  # as by any other signal that nothing listens for yet
                signal.signal(number_of_end, signal.SIG_DFL)
                os.kill(os.getpid(), number_of_end)
            os._exit(code)

    def _pause(self, code: int) -> bool:
        """Wait before the next one, longer after each quick end; False if there were too many, or a stop came."""
        if code == ExitCode.UNREACHABLE:
            time.sleep(AWAY_S)
            return not signal.sigpending() & STOPS
        now_s = time.monotonic()
        self._quick = [at_s for at_s in self._quick if now_s - at_s < QUICK_S] + [now_s]
        if len(self._quick) > len(self.pauses_s):
            return False
        time.sleep(self.pauses_s[len(self._quick) - 1])
        return not signal.sigpending() & STOPS


def die_with(parent: int) -> None:
    """Have this process end when its parent does, also by kill -9 (Linux only)."""
    if sys.platform.startswith("linux"):
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
