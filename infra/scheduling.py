"""How a process ranks among others where the cores are full; where they are not, nothing changes.

Linux shares its cores out between sessions first (autogroups, in the kernel's words) and inside a session between
threads, so a niceness of threads alone says nothing to processes of other sessions. Both are told. Where a container or
a unit has shares of its own, those count.
"""

import contextlib
import os
from pathlib import Path

PROCESSES = Path("/proc")
FIRST_OF_ALL, LAST_OF_ALL = -20, 19
FIRST = -5
"""Of those who go before others: three times the weight of one (Linux). PRICING took 8.8 s for a restart on two full
cores, 2.9 s with it; half of the quotes asked for beside 50,000 pings a second came after 0.9 s, and 0.09 s with it."""


def own_niceness() -> int:
    """That of this process: 0 unless somebody wanted another one."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def session_of(process: int) -> Path:
    """Where the kernel is told how a process's session ranks."""
    return PROCESSES / str(process) / "autogroup"


def rank(niceness: int, process: int | None = None) -> bool:
    """Rank all threads of a process, and the session if it leads one, by `niceness`: -20 goes first, 19 last.

    None is this process; children that a process starts later rank as it does.

    Beyond these it is the nearest of them. Returns whether to try again: without CAP_SYS_ADMIN the kernel ranks one
    session per 100 ms on the whole machine and turns others away meanwhile.

    To go before others takes a right: root, CAP_SYS_NICE, or a limit such as systemd's LimitNICE. Without it, and on a
    system that knows neither, it ranks as before.
    """
    niceness = min(max(niceness, FIRST_OF_ALL), LAST_OF_ALL)
    process = process or os.getpid()
    with contextlib.suppress(OSError):
        for thread in _threads(process):
            with contextlib.suppress(OSError):  # not allowed, or it ended meanwhile
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
    try:
        if os.getsid(process) != process:
            return False
        session_of(process).write_text(str(niceness))
    except BlockingIOError:
        return True
    except OSError:  # not allowed, it has ended, or the system knows no such rank
        return False
    return False


def _threads(process: int) -> list[int]:
    """A process's threads, or all of them as one where the system does not tell them apart."""
    threads = PROCESSES / str(process) / "task"
    return [int(thread.name) for thread in threads.iterdir()] if threads.exists() else [process]
