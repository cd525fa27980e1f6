"""Become a server that ends when the process that asked for it ends, even by kill -9 of that one.

Run as a script between the parent and the server: `launch.py PARENT_PID DEATH_SIGNAL USER COMMAND…`, USER "" to stay
who we are. It is a process of its own and not a hook between fork and exec, because running Python between the two can
hang in a program with threads. All it needs is loaded before it changes user, who may be unable to
reach the interpreter.

    parent            this script                                     kernel
    fork+exec ──────> change user    (clears the death signal)
                      ask for the death signal
                      parent still there? no: end                     covers a parent that died before we asked
                      exec the server (keeps the request) ─────────>  sends the signal when the parent's thread ends

Only Linux has death signals. Elsewhere a server whose parent was killed lives on until the next start on its data
directory ends it (see `ownership`).
"""

import ctypes
import os
import pwd
import signal
import sys

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


def become_user(name: str) -> None:
    """Take on the user `name` with its groups, for good."""
    account = pwd.getpwnam(name)
    os.initgroups(name, account.pw_gid)
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


def ask_for_death_signal(number: int) -> None:
    """Have the kernel send signal `number` to this process when the thread that started it ends."""
    if not sys.platform.startswith("linux"):
        return
    if LIBC.prctl(PR_SET_PDEATHSIG, number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def forget_inherited_signals() -> None:
    """Undo ignored and blocked signals of the parent, which would survive exec and make the server deaf to a stop."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def main(parent_pid: int, death_signal: int, user: str, command: list[str]) -> None:
    """Replace this process by `command` as described above."""
    if user:
        become_user(user)
    ask_for_death_signal(death_signal)
    if os.getppid() != parent_pid:
        sys.exit("the parent ended before the server started")
    forget_inherited_signals()
    os.execv(command[0], command)  # noqa: S606  the command comes from this package, no shell is involved


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])
