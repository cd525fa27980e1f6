"""`faretide worker SERVICE`: one service against the configured brokers."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import ExitCode, cause_of, exit_code_of, sentence_of
from infra.cli.keeper import PAUSE_S, Keeper
from infra.cli.output import complain

if TYPE_CHECKING:
    from agents.runtime.worker import Worker
    from infra.clients.connection import Connection
    from infra.settings import Settings

LOOK_EVERY_S = 0.05


def command(
    service: Annotated[str, typer.Argument(help="supply, demand, pricing, quotes or recorder.", metavar="SERVICE")],
    wait: Annotated[float, typer.Option(help="Wait up to this many seconds for a `faretide up` to be ready.")] = 0.0,
    keep: Annotated[
        bool,
        typer.Option("--keep", help="Start a worker that ends again, at once: from a process that has all loaded."),
    ] = False,
    tell: Annotated[int, typer.Option(hidden=True, help="File descriptor that hears of each start and end.")] = -1,
) -> None:
    """Run one worker of a service until SIGTERM or Ctrl-C.

    Several workers of a service share its partitions; give each its own FARETIDE_INSTANCE_ID, kept over restarts, so
    that a restart moves nothing. Exit code 70: an agent failed; 75: another process took its place; 76: it stopped
    reading.
    """
    signal.signal(signal.SIGTERM, _end_early)
    from agents.services import load, run, surroundings
    from infra.logging import configure
    from infra.settings import read_settings
    from topics.roles import SERVICES

    if service not in SERVICES:
        raise typer.BadParameter(f"must be one of {', '.join(SERVICES)}, got {service!r}", param_hint="SERVICE")
    settings = read_settings()
    configure(service, settings.log_format, settings.log_level, pseudonym_key=settings.log_key.get_secret_value())
    load(service)
    connection = connection_within(settings, service, wait)
    worker = asyncio.run(surroundings(service, settings, connection))
    if keep:
        sys.exit(kept(service, settings, worker, tell=tell))
    run(service, settings, worker)


def _end_early(_number: int, _frame: object) -> None:
    """End at once while code is loaded: nothing is begun yet. The keeper and the worker's loop listen otherwise later.

    The first process of a container hears only the signals that it asks for.
    """
    os._exit(ExitCode.OK)


def kept(
    service: str,
    settings: "Settings",
    worker: "Worker",
    *,
    tell: int = -1,
    first: Callable[[], None] = lambda: None,
    pauses_s: Sequence[float] = PAUSE_S,
) -> int:
    """Keep a worker running until it ends for good, and return its exit code; `first` is called in each new one."""
    from agents.runtime.membership import is_member
    from agents.runtime.settings import WorkerSettings
    from agents.services import rehearse, run

    def work() -> None:
        try:
            first()
            run(service, settings, worker.anew())
        except Exception as failure:  # noqa: BLE001  the last place of this process where an error can become a sentence
            error = cause_of(failure)
            complain(sentence_of(error))
            sys.exit(_exit_code(error))

    def told(line: str) -> None:
        if tell >= 0:
            with contextlib.suppress(BrokenPipeError):  # nobody listens any more
                os.write(tell, f"{line}\n".encode())

    def replaced() -> bool:
        group = WorkerSettings(bootstrap=worker.bootstrap).group_prefix + service
        return asyncio.run(is_member(worker.bootstrap, group, worker.name, security=worker.security))

    rehearse(service, settings, worker)
    return Keeper(work, told, pauses_s, replaced).keep()


def _exit_code(error: Exception) -> int:
    """As for any command; and no broker that answers is no failure of the worker."""
    from aiokafka.errors import KafkaConnectionError

    return ExitCode.UNREACHABLE if isinstance(error, KafkaConnectionError) else exit_code_of(error)


def connection_within(settings: "Settings", service: str, wait_s: float) -> "Connection":
    """The servers, once there are any. Raises NothingRunsError if there are none in time."""
    from infra.clients.connection import connect
    from infra.clients.errors import NothingRunsError

    deadline_s = time.monotonic() + wait_s
    while True:
        try:
            return connect(settings, client_id=settings.instance_id or service)
        except NothingRunsError:
            if time.monotonic() >= deadline_s:
                raise
            time.sleep(LOOK_EVERY_S)
