"""`faretide explain`: why a quote cost what it cost."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from infra.cli.written import writable_file, write_whole

if TYPE_CHECKING:
    from lineage.evidence import Found, Gathering

EXAMPLES = (
    "faretide explain 5f3a0c9d41e27b86a0d7c3f1e9b24c58",
    "faretide explain 2@1187",
    "faretide explain 5f3a0c9d41e27b86a0d7c3f1e9b24c58 --html why.html",
    "faretide explain 5f3a0c9d41e27b86a0d7c3f1e9b24c58 --json | jq .forecast",
)


def command(
    quote_id: Annotated[
        str, typer.Argument(metavar="QUOTE_ID", help="Id of a quote, or its place in quotes.v1 as PARTITION@OFFSET.")
    ],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page that needs nothing else.", callback=writable_file)
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as one JSON object.")] = False,
) -> None:
    """Say why a quote cost what it cost: rules, forecast, features, counts, sources, and where the time went.

    Read from the topics by the offsets that quote and tick name; the tick is computed again and compared with what was
    published. What the topics forgot comes from the recorder's database, and what is gone is said.
    """
    if html is not None and as_json:
        raise CommandError("--html and --json exclude each other: choose one", ExitCode.USAGE)
    story = asyncio.run(_story(quote_id))
    if as_json:
        say_json(story)
    elif html is not None:
        from infra.cli.explained_page import page_of

        write_whole(html, page_of(story))
        say(f"written to {html}")
    else:
        from infra.cli.explained_text import tell

        tell(story)


async def _story(asked: str) -> dict[str, Any]:
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from lineage.evidence import Gathering
    from lineage.explain import story_of
    from lineage.kept import kept_of
    from lineage.reader import open_reader

    session = open_session("explain")
    connection = session.connection
    async with Registry(connection) as registry, open_reader(connection, SchemaIds(registry)) as reader:
        return story_of(await _found(Gathering(reader, kept_of(session.settings)), asked))


async def _found(gathering: "Gathering", asked: str) -> "Found":
    from lineage.shown import place_of

    if "@" not in asked:
        return await gathering.of_id(asked)
    try:
        place = place_of(asked)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    return await gathering.at(*place)
