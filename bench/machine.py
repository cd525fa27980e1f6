"""Where something was measured: processor, memory, load and versions. Never a name of the machine."""

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from infra.embedded.lockfile import KAFKA_LOCK, read_lock

PACKAGES = ("faretide", "faust-streaming", "aiokafka", "numpy", "numba", "fastavro", "uvloop")


def machine(packages: Sequence[str] = PACKAGES) -> dict[str, str | float]:
    """What a reader needs to know of this machine, and how busy it was with other things."""
    busy, _, _ = os.getloadavg()
    return {
        "processor": _processor(),
        "cores": len(psutil.Process().cpu_affinity())
        if hasattr(psutil.Process, "cpu_affinity")
        else os.cpu_count() or 0,
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "load_before": round(busy, 2),
        "commit": commit(),
        "python": platform.python_version(),
        "kafka": next((each.v for each in read_lock(KAFKA_LOCK) if each.a == "kafka-clients"), "unknown"),
        **{name: _version(name) for name in packages},
    }


def commit() -> str:
    """Short name of the commit that is measured, `-dirty` if files differ from it; "unknown" outside a checkout."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        said = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)  # noqa: S603  no input of anybody's
    except FileNotFoundError:
        return "unknown"
    return said.stdout.strip() or "unknown"


def _processor() -> str:
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
