"""`faretide retire SERVICE INSTANCE…`: workers that will not come back give their partitions away at once."""

import asyncio
from typing import Annotated

import typer

from infra.cli.output import say, say_json

EXAMPLES = ("faretide retire supply supply-2", "faretide retire quotes quotes-2 quotes-3 --json")


def command(
    service: Annotated[str, typer.Argument(help="supply, demand, pricing, quotes or recorder.", metavar="SERVICE")],
    instances: Annotated[list[str], typer.Argument(help="Their FARETIDE_INSTANCE_ID.", metavar="INSTANCE...")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON document.")] = False,
) -> None:
    """Take workers that have ended for good out of their service's group, after scaling down.

    A worker with an instance id keeps its place when it ends, so that a restart moves nothing: without this its
    partitions wait for the five seconds of its session. One that still runs is thrown out and ends with exit code 75.
    """
    from topics.roles import SERVICES

    if service not in SERVICES:
        raise typer.BadParameter(f"must be one of {', '.join(SERVICES)}, got {service!r}", param_hint="SERVICE")
    removed = asyncio.run(_removed(service, instances))
    absent = sorted(set(instances) - removed)
    if as_json:
        say_json({"service": service, "retired": sorted(removed), "not_in_the_group": absent})
    elif removed:
        say(f"retired from {service}: {', '.join(sorted(removed))}; their partitions move now")
    if absent and not as_json:
        say(f"not in the group, so nothing to do: {', '.join(absent)}")


async def _removed(service: str, instances: list[str]) -> set[str]:
    from agents.runtime.membership import take_out
    from agents.runtime.settings import WorkerSettings
    from infra.cli.session import open_session
    from infra.clients.connection import kafka_admin
    from infra.clients.kafka_errors import kafka_errors
    from infra.clients.starting import start

    connection = open_session("retire").connection
    bootstrap = connection.endpoints.bootstrap
    group = WorkerSettings(bootstrap=bootstrap).group_prefix + service
    admin = kafka_admin(connection.kafka())
    try:
        await start(admin, connection)
        with kafka_errors(bootstrap, f"taking members out of {group}"):
            return await take_out(admin, group, instances)
    finally:
        await admin.close()
