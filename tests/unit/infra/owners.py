"""Processes that start a server and say its id, for tests of what is left when they end."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parents[3]
Begin = Callable[..., tuple[subprocess.Popen[str], int]]


@contextmanager
def begun(script: str, *first: str) -> Iterator[Begin]:
    """Run `script`, which prints its server's id, by a call with what follows `first`: (process, server's id)."""
    processes, servers = [], []

    def begin(*more: str) -> tuple[subprocess.Popen[str], int]:
        process = subprocess.Popen(
            [sys.executable, "-c", script, *first, *more],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        servers.append(psutil.Process(int(process.stdout.readline())))
        return process, servers[-1].pid

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    for server in servers:
        if server.is_running():
            server.kill()
