"""`faretide worker SERVICE`: one service against the configured brokers."""

import asyncio
from typing import Annotated

import typer


def command(
    service: Annotated[str, typer.Argument(help="supply, demand, pricing or quotes.", metavar="SERVICE")],
) -> None:
    """Run one worker of a service until SIGTERM or Ctrl-C.

    Several workers of a service share its partitions; give each its own FARETIDE_INSTANCE_ID, kept over restarts, so
    that a restart moves nothing. Exit code 70: an agent failed; 75: another process took its place; 76: it stopped
    reading.
    """
    from agents.services import SERVICES, run, surroundings
    from infra.clients.connection import connect
    from infra.logging import configure
    from infra.settings import read_settings

    if service not in SERVICES:
        raise typer.BadParameter(f"must be one of {', '.join(SERVICES)}, got {service!r}", param_hint="SERVICE")
    settings = read_settings()
    configure(service, settings.log_format, settings.log_level)
    connection = connect(settings, client_id=settings.instance_id or service)
    worker = asyncio.run(surroundings(service, settings, connection))
    run(service, settings, worker)
