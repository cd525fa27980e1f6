"""Which part of the topics a replay is about, and how it comes into a recording."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, is_terminal, say, say_json, say_table

if TYPE_CHECKING:
    from replay.capture import Plan, Wanted

From = Annotated[
    str, typer.Option("--from", metavar="WHEN", help="First instant, ISO 8601 with its offset, or an age such as -10m.")
]
To = Annotated[str, typer.Option("--to", metavar="WHEN", help="Up to then, given the same way; latest is now.")]
Zone = Annotated[str, typer.Option(help="Only this zone, its H3 index in hexadecimal.")]
Cell = Annotated[str, typer.Option(help="Only the zone of this cell, its H3 index in hexadecimal.")]
Quote = Annotated[str, typer.Option(metavar="ID", help="Only what this quote rests on.")]
File = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="A recording in place of the topics.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan and read nothing more.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON object.")]

# A quote is made within its deadline, 30 s, and what came before is in the warm-up.
AROUND_QUOTE_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for: a range of the topics, or a recording that exists."""

    start: str = ""
    to: str = "latest"
    zone: str = ""
    cell: str = ""
    quote: str = ""
    file: Path | None = None
    dry_run: bool = False
    yes: bool = False
    as_json: bool = False


class PlanOnly(Exception):  # noqa: N818  not an error: the plan was all that was asked for
    """Nothing more is to be done."""


@contextmanager
def recorded(asked: Asked, keep: Path | None = None) -> Iterator[Path]:
    """The recording asked for, checked; captured first, into `keep` or for the time of this context, if it is none yet.

    Raises CommandError, ClientError; PlanOnly after a dry run.
    """
    from replay.recording import Recording, RecordingError

    if asked.file is not None:
        if asked.start or asked.zone or asked.cell or asked.quote:
            raise CommandError("--file brings its own range: leave out --from, --zone, --cell, --quote", ExitCode.USAGE)
        try:
            Recording(asked.file).check()
        except FileNotFoundError:
            raise CommandError(f"{asked.file} does not exist", ExitCode.USAGE) from None
        except RecordingError as error:
            raise CommandError(str(error)) from None
        yield asked.file
        return
    with tempfile.TemporaryDirectory(prefix="faretide-replay-") as directory:
        file = keep or Path(directory) / "recording.zip"
        asyncio.run(_capture(asked, file))
        yield file


async def _capture(asked: Asked, file: Path) -> None:
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from replay.capture import about_of, open_capture

    connection = open_session("replay").connection
    wanted = await _wanted(asked)
    async with Registry(connection) as registry, open_capture(connection, registry, wanted) as capture:
        plan = await capture.plan()
        _show(plan, as_json=asked.as_json and asked.dry_run)
        if asked.dry_run:
            raise PlanOnly
        if not plan.outputs:
            raise CommandError(
                f"no tick, quote or decision was appended from {_instant(wanted.from_ms)} to {_instant(wanted.to_ms)}: "
                "`faretide topics list` shows what is kept"
            )
        if not (asked.yes or asked.as_json or _agreed()):
            raise PlanOnly
        about = about_of(capture, code=version("faretide"))
        writer = await capture.write(file, about, registry, _told)
    if is_terminal() and not asked.as_json:
        complain(f"{sum(writer.counts.values()):,} records, {writer.size / 1e6:,.1f} MB read")


async def _wanted(asked: Asked) -> "Wanted":
    from replay.capture import Wanted

    if asked.quote:
        return await _around(asked.quote)
    if not asked.start:
        raise CommandError("say which range with --from, --quote or --file", ExitCode.USAGE)
    try:
        from_ms, to_ms = instant_of(asked.start), instant_of(asked.to)
        zones = frozenset(_zones(asked))
    except ValueError as error:
        raise CommandError(str(error), ExitCode.USAGE) from None
    if from_ms >= to_ms:
        raise CommandError(f"--from must be before --to, got {asked.start} and {asked.to}", ExitCode.USAGE)
    return Wanted(from_ms=from_ms, to_ms=to_ms, zones=zones)


async def _around(quote_id: str) -> "Wanted":
    """The zone and the instants of a quote: from its tick to its answer."""
    from infra.cli.session import open_session
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from lineage.evidence import Gathering
    from lineage.reader import open_reader
    from replay.capture import Wanted

    connection = open_session("replay").connection
    async with Registry(connection) as registry, open_reader(connection, SchemaIds(registry)) as reader:
        found = (await Gathering(reader).of_id(quote_id)).evidence
    begun_ms = found.tick_appended_ms or found.quote_appended_ms
    return Wanted(
        from_ms=begun_ms - AROUND_QUOTE_MS,
        to_ms=found.quote_appended_ms + AROUND_QUOTE_MS,
        zones=frozenset({found.quote.zone} if found.quote.zone else ()),
    )


def instant_of(text: str) -> int:
    """Epoch milliseconds of a WHEN. Raises ValueError."""
    from infra.cli.tail import parse_start

    said = parse_start(text.replace("latest", "-0s"), now_ms=time.time_ns() // 1_000_000)
    return said if isinstance(said, int) else 0


def _zones(asked: Asked) -> Iterator[int]:
    from windows.hexagons import zone_of

    for name, text in (("zone", asked.zone), ("cell", asked.cell)):
        if text:
            try:
                index = int(text, 16)
            except ValueError:
                raise ValueError(f"--{name} must be an H3 index in hexadecimal, got {text!r}") from None
            yield zone_of(index) if name == "cell" else index


def _show(plan: "Plan", *, as_json: bool) -> None:
    if as_json:
        say_json(
            {"from_ms": plan.wanted.from_ms, "to_ms": plan.wanted.to_ms, "outputs": plan.outputs, "topics": plan.topics}
        )
        return
    if not is_terminal():
        return
    rows = [
        (
            one.topic,
            one.partitions,
            f"{one.records:,}",
            f"{one.about_bytes / 1e6:,.1f}",
            "everything kept" if not one.from_ms else _instant(one.from_ms),
            " ".join(map(str, one.schemas)),
        )
        for one in plan.topics
    ]
    span = f"{_instant(plan.wanted.from_ms)} to {_instant(plan.wanted.to_ms)}"
    say_table(("topic", "partitions", "records", "about MB", "read from", "schemas"), rows, title=span)
    say(f"{plan.outputs:,} ticks, quotes and decisions in the range; nothing is written to the brokers.")


def _agreed() -> bool:
    """Whether a person says yes; where nobody can be asked, they meant it."""
    return not is_terminal() or typer.confirm("Go on?", default=True)


def _told(topic: str, records: int) -> None:
    if is_terminal():
        complain(f"read {topic}: {records:,} records")


def _instant(at_ms: int) -> str:
    from topics.wire import rfc3339

    return rfc3339(at_ms)
