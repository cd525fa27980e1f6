"""Processor time and memory of a process with everything it started: user and system, all threads."""

import contextlib
import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Used:
    """At one instant: seconds of processor time so far, resident bytes, and the monotonic clock."""

    cpu_s: float
    resident: int
    at_s: float


def used(pid: int) -> Used:
    """What the process and its descendants have used; ended children count by what their parent collected of them.

    Raises psutil.NoSuchProcess if it is not there any more.
    """
    root = psutil.Process(pid)
    cpu_s, resident = 0.0, 0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # a child that ended meanwhile is in its parent's times
            times = process.cpu_times()
            cpu_s += times.user + times.system + times.children_user + times.children_system
            resident += process.memory_info().rss
    return Used(cpu_s, resident, time.monotonic())
