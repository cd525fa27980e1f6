"""How a process ranks among others where the cores are full; where they are not, nothing changes.

Linux shares its cores out between sessions first (autogroups, in the kernel's words) and inside a session between
threads, so a niceness of threads alone says nothing to processes of other sessions. Both are told. Where a container or
a unit has shares of its own, those count.
"""

import contextlib
import os
from pathlib import Path

SESSION = Path("/proc/self/autogroup")
THREADS = Path("/proc/self/task")
FIRST_OF_ALL, LAST_OF_ALL = -20, 19


def own_niceness() -> int:
    """That of this process: 0 unless somebody wanted another one."""
    return os.getpriority(os.PRIO_PROCESS, 0)


def rank(niceness: int) -> bool:
    """Rank all threads of this process, and the session if it leads one, by `niceness`: -20 goes first, 19 last.

    Beyond these it is the nearest of them. Returns whether to try again: without CAP_SYS_ADMIN the kernel ranks one
    session per 100 ms on the whole machine and turns others away meanwhile.

    To go before others takes a right: root, CAP_SYS_NICE, or a limit such as systemd's LimitNICE. Without it, and on a
    system that knows neither, it ranks as before.
    """
    niceness = min(max(niceness, FIRST_OF_ALL), LAST_OF_ALL)
    with contextlib.suppress(OSError):
        for thread in _threads():
            with contextlib.suppress(OSError):  # not allowed, or it ended meanwhile
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
    if os.getsid(0) != os.getpid():
        return False
    try:
        SESSION.write_text(str(niceness))
    except BlockingIOError:
        return True
    except OSError:  # not allowed, or the system knows no such rank
        return False
    return False


def _threads() -> list[int]:
    """This process's threads, or all of them as one where the system does not tell them apart."""
    return [int(thread.name) for thread in THREADS.iterdir()] if THREADS.exists() else [0]
