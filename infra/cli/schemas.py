"""`faretide schemas`: list, register and check the topics' schemas in the registry."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import ExitCode
from infra.cli.output import complain, say, say_json, say_table

if TYPE_CHECKING:
    from infra.clients.registry import SubjectState

AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]


def list_command(*, as_json: AsJson = False) -> None:
    """List every subject with the id of this version's schema, how many versions it has and what it allows."""
    states = asyncio.run(_states())
    if as_json:
        say_json([_as_object(state) for state in states])
        return
    rows = [
        (
            state.topic.subject,
            state.schema_id if state.schema_id is not None else "not registered",
            state.versions,
            state.compatibility or "default",
            state.topic.record.__name__,
        )
        for state in states
    ]
    say_table(("subject", "id", "versions", "compatibility", "record"), rows)


def register_command(*, as_json: AsJson = False) -> None:
    """Register this version's schemas and have every subject refuse breaking changes. Again changes nothing."""
    ids = asyncio.run(_register())
    if as_json:
        say_json(ids)
    else:
        say(f"{len(ids)} subjects have this version's schemas")


def check_command(*, as_json: AsJson = False) -> None:
    """Compare the registry with this version's schemas; exit code 1 if they differ."""
    states = asyncio.run(_states())
    faults = [fault for state in states for fault in state.faults]
    if as_json:
        say_json({"checked": len(states), "faults": faults})
    elif not faults:
        say(f"{len(states)} subjects are as they must be")
    else:
        for fault in faults:
            complain(fault)
    if faults:
        raise typer.Exit(ExitCode.FAILED)


async def _states() -> "list[SubjectState]":
    from infra.cli.session import open_session
    from infra.clients.registry import Registry

    async with Registry(open_session("schemas").connection) as registry:
        return await registry.states()


async def _register() -> dict[str, int]:
    from infra.cli.session import open_session
    from infra.clients.registry import Registry

    async with Registry(open_session("schemas").connection) as registry:
        return await registry.register_all()


def _as_object(state: "SubjectState") -> dict[str, object]:
    return {
        "subject": state.topic.subject,
        "topic": state.topic.name,
        "schema_id": state.schema_id,
        "versions": state.versions,
        "compatibility": state.compatibility,
        "faults": state.faults,
    }
