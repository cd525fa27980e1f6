"""`faretide dlq redrive` and `history`: refused records back into their topics, and what became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.dlq import AsJson, Class, From, Key, Rule, To, Topic, answered, wanted_of
from infra.cli.exits import CommandError, ExitCode
from infra.cli.given import refuse_beside
from infra.cli.output import complain, say, say_json, say_table

if TYPE_CHECKING:
    from infra.cli.dead_letters.audit import Audit, Put
    from infra.cli.dead_letters.checking import Candidate, Checked
    from infra.cli.dead_letters.letters import LetterBox, Wanted
    from infra.cli.preparing import Refused
    from infra.cli.session import Session

REDRIVE_EXAMPLES = (
    "faretide dlq redrive --file letters.jsonl",
    'faretide dlq redrive --file letters.jsonl --yes --reason "app 4.1 sent cents as text"',
)
READ_WITH_FILE = ("limit", "attempts", "author", "reason", "yes", "again", "as_json")
HISTORY_EXAMPLES = ("faretide dlq history", "faretide dlq history --redrive 20261124T031500Z-1f00aa --json")


def redrive_command(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Letters of `dlq export`, edited or not: all of it.")
    ] = None,
    topic: Topic = "",
    error_class: Class = "",
    rule: Rule = "",
    key: Key = "",
    start: From = "earliest",
    to: To = "latest",
    limit: Annotated[int, typer.Option(min=1, help="Refuse to redrive more than so many.")] = 1_000,
    attempts: Annotated[int, typer.Option(min=1, help="Refuse records that were refused so often.")] = 3,
    author: Annotated[str, typer.Option(help="Who does this; by default your login name.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the audit.")] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, all is checked and nothing published.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also letters that were redriven before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Put refused records back into their topics, checked against the current schema and the workers' rules.

    A dry run unless --yes is given. Key, headers and event time stay; headers faretide_attempt and faretide_redrive_id
    are added. Each record has an audit row before it is published. Exit code 3: some were refused.
    """
    from infra.cli.control_files import login_name
    from infra.cli.dead_letters.redriving import checked, redrive

    if file:
        refuse_beside(context, "--file", *READ_WITH_FILE)
    wanted = None if file else wanted_of(topic, error_class, rule, key, start, to)
    if file and not file.is_file():
        raise CommandError(f"{file} cannot be read: it must be a file of `faretide dlq export`", ExitCode.USAGE)
    who = author or login_name()

    async def run(box: "LetterBox", session: "Session") -> "tuple[list[Checked], list[Refused], str, list[Put]]":
        candidates, lost = await _candidates(box, file, wanted, most=limit)
        async with _audited(session) as audit:
            ids, ready, refused = await checked(
                session.connection, audit, candidates, most_attempts=attempts, again=again
            )
            if not yes or not ready:
                return ready, sorted([*lost, *refused]), "", []
            redrive_id, put = await redrive(session.connection, audit, ready, ids, author=who, reason=reason)
            return ready, sorted([*lost, *refused]), redrive_id, put

    _report(*answered(run), dry=not yes, as_json=as_json)


def history_command(
    redrive_id: Annotated[str, typer.Option("--redrive", help="Only this redrive.")] = "",
    topic: Topic = "",
    key: Key = "",
    *,
    as_json: AsJson = False,
) -> None:
    """What was redriven, by whom, and what happened to each record afterwards, as the topics tell."""

    async def run(box: "LetterBox", session: "Session") -> list[dict[str, Any]]:
        from infra.cli.dead_letters.fates import fates_of

        async with _audited(session) as audit:
            rows = await audit.history(redrive_id=redrive_id, topic=topic, key=key)
        fates = await fates_of(box.reader, rows)
        return [row | {"fate": one.word, "what": one.sentence} for row, one in zip(rows, fates, strict=True)]

    rows = answered(run)
    if as_json:
        for row in rows:
            say_json(row)
        return
    say_table(("redrive", "by", "letter", "published", "fate", "what"), map(_history_row, rows))
    if not rows:
        complain("nothing was redriven that these filters mean")


@asynccontextmanager
async def _audited(session: "Session") -> AsyncIterator["Audit"]:
    """The audit in the session's database, at the version this program knows."""
    from infra.cli.dead_letters.audit import Audit
    from infra.clients.database import find_database, open_database

    async with open_database(find_database(session.settings)) as connection:
        audit = Audit(connection)
        await audit.check_version()
        yield audit


async def _candidates(
    box: "LetterBox", file: Path | None, wanted: "Wanted | None", *, most: int
) -> "tuple[list[Candidate], list[Refused]]":
    """What is to be redriven: the lines of the file, or the letters the filters mean.

    Raises CommandError if those are more than `most`.
    """
    from infra.cli.dead_letters.checking import candidates_of

    if file is not None:
        found, lost = await _of_file(box, file)
    else:
        assert wanted is not None
        found, lost = candidates_of(await box.find(wanted)), []
    if len(found) > most:
        raise CommandError(f"{len(found)} letters are meant, more than --limit {most}: narrow it, or raise it")
    return found, lost


async def _of_file(box: "LetterBox", file: Path) -> "tuple[list[Candidate], list[Refused]]":
    from infra.cli.dead_letters.checking import joined
    from infra.cli.dead_letters.files import LineRefusedError, read_lines

    try:
        lines = read_lines(file)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}", ExitCode.USAGE) from None
    except LineRefusedError as error:
        raise CommandError(f"{file}: {error}: nothing was tried", ExitCode.USAGE) from None
    places = [line.place for line in lines]
    if len({(topic.name, *rest) for topic, *rest in places}) < len(places):
        raise CommandError(f"{file} names a letter twice: nothing was tried", ExitCode.USAGE)
    return joined(lines, await box.at(places))


def _report(
    ready: "list[Checked]", refused: "list[Refused]", redrive_id: str, put: "list[Put]", *, dry: bool, as_json: bool
) -> None:
    """Say what was or would be done; end with code 3 if something was refused."""
    failed = [one for one in put if one.trouble]
    if as_json:
        said = {"redrive_id": redrive_id, "dry_run": dry, "ready": len(ready), "published": len(put) - len(failed)}
        troubles = [asdict(one) | {"trouble": one.trouble} for one in failed]
        say_json(said | {"edited": sum(one.edited for one in ready), "refused": refused, "failed": troubles})
    else:
        for one in refused:
            complain(f"letter {one.line}{f', field {one.field}' if one.field else ''}, rule {one.rule}: {one.sentence}")
        for lost in failed:
            complain(f"{lost.letter[0]}@{lost.letter[1]}@{lost.letter[2]} {lost.trouble}")
        edited = sum(one.edited for one in ready)
        if dry:
            say(f"would redrive {len(ready)} records, {edited} of them edited; {len(refused)} refused; --yes does it")
        elif redrive_id:
            say(f"redriven {len(put) - len(failed)} records, {edited} of them edited, as {redrive_id}")
        else:
            say("nothing was redriven")
    if refused or failed:
        raise typer.Exit(ExitCode.PARTIAL if ready and not failed else ExitCode.FAILED)


def _history_row(row: dict[str, Any]) -> tuple[object, ...]:
    letter = f"{row['dlq_topic']}@{row['dlq_partition']}@{row['dlq_offset']}"
    where = "" if row["published_offset"] is None else f"{row['published_partition']}@{row['published_offset']}"
    return row["redrive_id"], row["author"], letter, where, row["fate"], row["what"]
