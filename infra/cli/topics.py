"""`faretide topics`: list, create and check the catalogue's topics on the brokers."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import ExitCode
from infra.cli.output import complain, say, say_json, say_table

if TYPE_CHECKING:
    from infra.clients.admin import TopicState
    from topics.catalogue import Topic

AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]


def list_command(*, as_json: AsJson = False) -> None:
    """List every topic with its key, partitions, records, retention, writer and readers."""
    states = asyncio.run(_states())
    if as_json:
        say_json([_as_object(state) for state in states])
        return
    rows = [
        (
            state.topic.name,
            state.topic.key,
            state.partitions or "missing",
            f"{state.records:,}",
            _kept(state.topic),
            state.topic.writer,
            ", ".join(state.topic.readers),
        )
        for state in states
    ]
    say_table(("topic", "key", "partitions", "records", "kept", "written by", "read by"), rows)


def create_command(*, as_json: AsJson = False) -> None:
    """Create the topics that do not exist. Existing ones are never changed, only reported where they differ."""
    created, states = asyncio.run(_create())
    if as_json:
        say_json({"created": [topic.name for topic in created], "faults": _faults(states)})
    else:
        say(f"created {len(created)} topics, {len(states) - len(created)} existed")
    _end(states, as_json=as_json)


def check_command(*, as_json: AsJson = False) -> None:
    """Compare the brokers' topics with the catalogue and the settings; exit code 1 if they differ."""
    states = asyncio.run(_states())
    faults = _faults(states)
    if as_json:
        say_json({"checked": len(states), "faults": faults})
    elif not faults:
        say(f"{len(states)} topics are as they must be")
    _end(states, as_json=as_json)


async def _states() -> "list[TopicState]":
    from infra.cli.session import open_session
    from infra.clients.admin import Admin

    settings, connection = open_session("topics")
    async with Admin(connection, settings) as admin:
        return await admin.states()


async def _create() -> "tuple[list[Topic], list[TopicState]]":
    from infra.cli.session import open_session
    from infra.clients.admin import Admin

    settings, connection = open_session("topics")
    async with Admin(connection, settings) as admin:
        return await admin.create_missing(), await admin.states()


def _faults(states: "list[TopicState]") -> list[str]:
    return [fault for state in states for fault in state.faults]


def _end(states: "list[TopicState]", *, as_json: bool) -> None:
    """Name each difference and end with the code that says so."""
    faults = _faults(states)
    if not as_json:
        for fault in faults:
            complain(fault)
    if faults:
        raise typer.Exit(ExitCode.FAILED)


def _as_object(state: "TopicState") -> dict[str, object]:
    topic = state.topic
    return {
        "topic": topic.name,
        "key": topic.key,
        "group": topic.group,
        "partitions": state.partitions,
        "records": state.records,
        "retention_ms": topic.retention_ms,
        "writer": topic.writer,
        "readers": topic.readers,
        "about": topic.about,
        "faults": state.faults,
    }


def _kept(topic: "Topic") -> str:
    """How long records are kept, for people."""
    hours, days = topic.retention_ms // 3_600_000, topic.retention_ms // 86_400_000
    if topic.retention_ms < 0:
        return "for ever"
    return f"{days} d" if days else f"{hours} h"
