"""`faretide dlq`: what was refused, why, and back again once it is mended."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, say, say_json, say_table, to_json, until_reader_leaves
from infra.cli.written import write_whole

if TYPE_CHECKING:
    from infra.cli.dead_letters.letters import Letter, LetterBox, Wanted
    from infra.cli.session import Session

EXAMPLES = (
    "faretide dlq ls --topic driver-pings.v1",
    "faretide dlq redrive --topic quote-requests.v1 --rule field-present",
)
LS_EXAMPLES = (
    "faretide dlq ls --class InvalidField --from -1h",
    "faretide dlq ls --limit 0 --json | jq .rule | sort | uniq -c",
)
SHOW_EXAMPLES = ("faretide dlq show driver-pings.v1.dlq@0@17",)
EXPORT_EXAMPLES = ("faretide dlq export letters.jsonl --topic quote-requests.v1 --key rider-7",)
T = TypeVar("T")

Topic = Annotated[str, typer.Option(metavar="TOPIC", help="Only letters of this topic.")]
Class = Annotated[str, typer.Option("--class", help="Only of this class, such as InvalidField.")]
Rule = Annotated[str, typer.Option(help="Only that broke this rule.")]
Key = Annotated[str, typer.Option(help="Only of this record key.")]
From = Annotated[
    str, typer.Option("--from", metavar="WHEN", help="earliest, an ISO 8601 instant with offset, or -10m.")
]
To = Annotated[str, typer.Option(metavar="WHEN", help="Up to then, given the same way; latest is now.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def ls_command(
    topic: Topic = "",
    error_class: Class = "",
    rule: Rule = "",
    key: Key = "",
    start: From = "earliest",
    to: To = "latest",
    limit: Annotated[int, typer.Option(min=0, help="The newest so many; 0 means all.")] = 50,
    *,
    as_json: AsJson = False,
) -> None:
    """List dead letters, oldest first: where they stand, what was refused and why."""
    from infra.cli.dead_letters.files import line_of

    wanted = wanted_of(topic, error_class, rule, key, start, to)  # before servers are looked for
    found = answered(lambda box, _: box.find(wanted))
    shown = found[-limit:] if limit else found
    if len(shown) < len(found):
        complain(f"{len(found) - len(shown)} older ones are left out: --limit 0 lists all")
    with until_reader_leaves():
        if as_json:
            for one in shown:
                say_json(line_of(one))
            return
        say_table(("letter", "appended", "class", "rule", "key", "attempt", "what is wrong"), map(_row, shown))


def show_command(
    letter: Annotated[str, typer.Argument(metavar="LETTER", help="Its place, as `dlq ls` lists it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show one letter whole: the record as it was, headers included, and why it was refused."""
    from infra.cli.dead_letters.files import line_of
    from infra.cli.dead_letters.letters import letter_place

    try:
        place = letter_place(letter)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    found = answered(lambda box, _: box.at([place]))
    if not found:
        raise CommandError(f"there is no letter at {letter}: it was never there, or is no longer kept")
    [one] = found.values()
    if as_json:
        say_json(line_of(one))
        return
    for name, value in line_of(one).items():
        say(f"{name:<13} {value if isinstance(value, str) else to_json(value)}")


def export_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSONL file to write; it must not exist.")],
    topic: Topic = "",
    error_class: Class = "",
    rule: Rule = "",
    key: Key = "",
    start: From = "earliest",
    to: To = "latest",
    *,
    as_json: AsJson = False,
) -> None:
    """Write letters to a file, one JSON object a line, to be edited and redriven.

    Edit `key` and `record` only: all else is read again from the topic.
    """
    from infra.cli.dead_letters.files import line_of

    if file.exists():
        raise CommandError(f"{file} exists already: choose another name, it may hold edits", ExitCode.USAGE)
    wanted = wanted_of(topic, error_class, rule, key, start, to)  # before servers are looked for
    found = answered(lambda box, _: box.find(wanted))
    if not found:
        raise CommandError("no letter is meant by these filters: nothing was written")
    write_whole(file, "".join(f"{to_json(line_of(one))}\n" for one in found))
    if as_json:
        say_json({"file": str(file), "letters": len(found)})
    else:
        say(f"{len(found)} letters written to {file}")


def answered(ask: "Callable[[LetterBox, Session], Awaitable[T]]") -> T:
    """Answer a question put to the letter box of the configured servers."""

    async def run() -> T:
        from infra.cli.dead_letters.letters import open_letters
        from infra.cli.session import open_session

        session = open_session("dlq")
        async with open_letters(session.connection) as box:
            return await ask(box, session)

    return asyncio.run(run())


def wanted_of(topic: str, error_class: str, rule: str, key: str, start: str, to: str) -> "Wanted":
    """The filters. Raises CommandError for one that makes no sense."""
    from infra.cli.dead_letters.letters import Wanted
    from topics.catalogue import topic_named

    try:
        chosen = topic_named(topic.removesuffix(".dlq")) if topic else None
        times = _instant("--from", start), _instant("--to", to)
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    return Wanted(topic=chosen, error_class=error_class, rule=rule, key=key, from_ms=times[0], to_ms=times[1])


def _instant(option: str, text: str) -> int:
    """Epoch milliseconds of a WHEN; earliest is 0, latest is now. Raises ValueError."""
    from infra.cli.tail import parse_start
    from infra.clients.consumer import Edge

    now_ms = time.time_ns() // 1_000_000
    said = parse_start(text, now_ms=now_ms, option=option)
    if isinstance(said, int):
        return said
    return 0 if said is Edge.EARLIEST else now_ms


def _row(one: "Letter") -> tuple[object, ...]:
    from infra.cli.dead_letters.letters import said_key
    from topics.wire import rfc3339

    told = one.letter
    when = rfc3339(one.appended_ms)
    return one.place, when, told.error_class, told.rule, said_key(told.key), told.attempt, told.sentence
