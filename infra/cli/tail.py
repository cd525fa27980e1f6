"""`faretide tail`: what stands in a topic, and what comes."""

import asyncio
import time
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.ages import age_ms
from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json, to_json, until_reader_leaves

if TYPE_CHECKING:
    from infra.clients.consumer import Entry, Start
    from topics.catalogue import Topic

EXAMPLES = (
    "faretide tail surge.v1",
    "faretide tail quotes.v1 --from -10m --limit 20 --json",
    "faretide tail driver-pings.v1.dlq --from earliest --no-follow",
    "faretide tail ride-events.v1 --from 2026-11-01T18:00:00Z --partition 2",
)


def command(
    topic: Annotated[str, typer.Argument(metavar="TOPIC", help="Full name of a topic, dead letters included.")],
    start: Annotated[
        str,
        typer.Option("--from", metavar="WHEN", help="earliest, latest, an ISO 8601 instant with its offset, or -10m."),
    ] = "latest",
    limit: Annotated[int, typer.Option(min=0, help="Stop after so many records; 0 means never.")] = 0,
    partition: Annotated[int, typer.Option(min=-1, help="Only this partition; -1 means all.")] = -1,
    *,
    follow: Annotated[bool, typer.Option(help="Wait for more at the end of the topic, or stop there.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, bytes as base64.")] = False,
) -> None:
    """Print records of a topic as they come, decoded.

    Nothing is committed: reading disturbs no service. A record that cannot be decoded is shown with the reason. Times
    are append times of the broker. Records of one partition are in order; those of several are as they arrive.
    """
    from topics.catalogue import topic_named

    try:
        chosen, since = topic_named(topic), parse_start(start, now_ms=time.time_ns() // 1_000_000)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    with until_reader_leaves():
        asyncio.run(_tail(chosen, since, limit, partition, follow=follow, as_json=as_json))


async def _tail(topic: "Topic", start: "Start", limit: int, partition: int, *, follow: bool, as_json: bool) -> None:
    from agents.runtime import raw_fetch
    from infra.cli.session import open_session
    from infra.clients.consumer import tail
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds

    connection = open_session("tail").connection
    raw_fetch.install()  # anybody can write a record that aiokafka alone would meet again for ever
    async with Registry(connection) as registry:
        ids = SchemaIds(registry)
        chosen = None if partition < 0 else partition
        async with aclosing(tail(connection, topic, ids, start=start, partition=chosen, follow=follow)) as entries:
            shown = 0
            async for entry in entries:
                show(entry, as_json=as_json)
                shown += 1
                if shown == limit:
                    return


def parse_start(text: str, *, now_ms: int, option: str = "--from") -> "Start":
    """Where to start: `earliest`, `latest`, an instant, or an age such as -90s, -10m, -2h counted back from `now_ms`.

    Raises ValueError naming `option` if it is none of these, or an instant without its offset, which means another time
    elsewhere.

    >>> parse_start("-10m", now_ms=1_000_000)
    400000
    """
    from infra.clients.consumer import Edge

    if text in set(Edge):
        return Edge(text)
    ago_ms = age_ms(text[1:]) if text.startswith("-") else None
    if ago_ms is not None:
        return now_ms - ago_ms
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{option} must be earliest, latest, an instant or an age such as -10m, got {text!r}"
        ) from None
    if at.tzinfo is None:
        raise ValueError(f"{option} must say its offset, such as {at.isoformat()}Z, got {text!r}")
    return round(at.timestamp() * 1000)


def show(entry: "Entry", *, as_json: bool) -> None:
    """Print one entry."""
    if as_json:
        say_json(_as_object(entry))
        return
    from topics.wire import rfc3339

    key = "" if entry.key is None else entry.key.decode(errors="backslashreplace")
    said = f"cannot be decoded: {entry.problem}" if entry.problem else to_json(entry.record)
    say(f"{rfc3339(entry.timestamp_ms)}  {entry.partition}@{entry.offset}  {key}  {said}")


def _as_object(entry: "Entry") -> dict[str, Any]:
    """An entry as one JSON object; `record` is null where it cannot be decoded and `problem` says why."""
    return {
        "topic": entry.topic.name,
        "partition": entry.partition,
        "offset": entry.offset,
        "timestamp_ms": entry.timestamp_ms,
        "key": None if entry.key is None else entry.key.decode(errors="backslashreplace"),
        "headers": [
            {"name": name, "value": None if value is None else value.decode(errors="backslashreplace")}
            for name, value in entry.headers
        ],
        "schema_id": entry.schema_id,
        "record": entry.record,
        "problem": entry.problem,
    }
