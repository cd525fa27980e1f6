"""A process is known by pid and start time, so that a pid used again by a stranger is never taken for one of ours.

Start times count from the boot: setting the clock moves neither.
"""

import psutil

# Boot time is read twice, in whole seconds that may change in between.
_TOLERANCE_S = 1.5


def own_identity() -> dict[str, float]:
    """Pid and start time of the calling process."""
    return _identity(psutil.Process())


def identity_of(pid: int) -> dict[str, float] | None:
    """Pid and start time of a running process, None if it has ended (a zombie has)."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else _identity(process)
    except psutil.NoSuchProcess:
        return None


def is_alive(pid: int, since_boot_s: float) -> bool:
    """Whether the process `pid` that was started so long after the boot still runs."""
    now = identity_of(pid)
    return now is not None and abs(now["since_boot_s"] - since_boot_s) < _TOLERANCE_S


def _identity(process: psutil.Process) -> dict[str, float]:
    return {"pid": process.pid, "since_boot_s": float(process.create_time() - psutil.boot_time())}
