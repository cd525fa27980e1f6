"""`faretide worker SERVICE`: one service against the configured brokers."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from infra.clients.connection import Connection
    from infra.settings import Settings

LOOK_EVERY_S = 0.05


def command(
    service: Annotated[str, typer.Argument(help="supply, demand, pricing, quotes or recorder.", metavar="SERVICE")],
    wait: Annotated[float, typer.Option(help="Wait up to this many seconds for a `faretide up` to be ready.")] = 0.0,
) -> None:
    """Run one worker of a service until SIGTERM or Ctrl-C.

    Several workers of a service share its partitions; give each its own FARETIDE_INSTANCE_ID, kept over restarts, so
    that a restart moves nothing. Exit code 70: an agent failed; 75: another process took its place; 76: it stopped
    reading.
    """
    from agents.services import SERVICES, load, run, surroundings
    from infra.logging import configure
    from infra.settings import read_settings

    if service not in SERVICES:
        raise typer.BadParameter(f"must be one of {', '.join(SERVICES)}, got {service!r}", param_hint="SERVICE")
    settings = read_settings()
    configure(service, settings.log_format, settings.log_level, pseudonym_key=settings.log_key.get_secret_value())
    load(service)
    connection = connection_within(settings, service, wait)
    worker = asyncio.run(surroundings(service, settings, connection))
    run(service, settings, worker)


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
