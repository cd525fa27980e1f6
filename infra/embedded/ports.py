"""Ports on the loopback address, kept over restarts so that clients find their server again."""

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody uses now; the kernel seldom repeats itself."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections may linger in TIME_WAIT
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def remembered_ports(file: Path, names: Sequence[str], *, fixed: int | None = None) -> dict[str, int]:
    """Return a port per name: as written in `file` where still free, else a new one; and write `file`.

    A file that cannot be read is as none: ports may be new, and no start may fail for what a crash left behind.
    `fixed` is the caller's choice for the first name.

    Raises ValueError if `fixed` is in use.
    """
    if fixed is not None and not is_free(fixed):
        raise ValueError(f"port must be free on {LOOPBACK}, got {fixed}, which another process uses")
    earlier = written_ports(file)
    if fixed is not None:
        earlier[names[0]] = fixed
    ports = {name: earlier[name] if name in earlier and is_free(earlier[name]) else free_port() for name in names}
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(ports))
    unfinished.replace(file)
    return ports


def written_ports(file: Path) -> dict[str, int]:
    """The ports in `file`; none if it does not hold such."""
    try:
        return {name: int(port) for name, port in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}
