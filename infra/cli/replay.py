"""`faretide replay`: an hour of traffic run again through the same rules, or through others."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.given import refuse_before, refuse_beside
from infra.cli.output import say
from infra.cli.written import writable_file

EXAMPLES = (
    "faretide replay --from 2026-11-24T08:00:00Z --to 2026-11-24T08:10:00Z --dry-run",
    "faretide replay --from -20m --to -10m --zone 862a100d7ffffff --yes",
    "faretide replay verify hour.faretide",
)
VERIFY_EXAMPLES = ("faretide replay verify --from -20m --to -10m", "faretide replay verify hour.faretide --json")

DIFF_EXAMPLES = (
    "faretide replay diff hour.faretide --settings max_rise_hundredths_per_min=20",
    "faretide replay diff hour.faretide --policy nyc.json --html diff.html",
    "faretide replay diff --from -20m --to -10m --code ../faretide-main --json",
)
SHOW_EXAMPLES = (
    "faretide replay show hour.faretide --until 'multiplier > 2'",
    "faretide replay show hour.faretide --until 'wait_s >= 600' --step",
)

OWN_SPAN = "a file holds its own span: leave --from, --to, --zone, --cell and --quote out"

From = Annotated[str, typer.Option("--from", metavar="WHEN", help="First instant, or an age such as -20m.")]
To = Annotated[
    str,
    typer.Option(
        "--to", metavar="WHEN", help="The instant after the last, or an age such as -10m; a second ago by default."
    ),
]
Zone = Annotated[str, typer.Option(metavar="ZONE", help="Only this zone, hexadecimal.")]
Cell = Annotated[str, typer.Option(metavar="CELL", help="Only the zone of this cell, hexadecimal.")]
QuoteId = Annotated[str, typer.Option("--quote", metavar="ID", help="Only this quote, its tick and its zone.")]
Keep = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Keep what was copied from the brokers in this file.", callback=writable_file),
]
FromEvents = Annotated[
    bool, typer.Option("--from-events", help="Begin at pings and requests: make the counts again, too.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the plan only; fails where the replay would.")]
AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]
Speed = Annotated[
    str,
    typer.Option(
        metavar="recorded|xN|max|step",
        help="How fast outputs are shown: as they were made, N times as fast, not one by one, or at each Enter.",
    ),
]
File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="A recording made before; without it, the brokers are read.")
]


def command(
    context: typer.Context,
    start: From = "",
    end: To = "",
    zone: Zone = "",
    cell: Cell = "",
    quote: QuoteId = "",
    keep: Keep = None,
    speed: Speed = "max",
    *,
    from_events: FromEvents = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Run recorded traffic again through the rules that priced it, and compare.

    Records are copied from the brokers into a file, in which every tick and quote is made again from the exact records
    it names. No broker is written to. The plan is shown first.
    """
    if context.invoked_subcommand is not None:
        refuse_before(context)
        return
    from infra.cli.replaying.asking import Asked

    asked = Asked(start=start, end=end, zone=zone, cell=cell, quote=quote, from_events=from_events)
    recorded_and_verified(asked, keep, speed, yes=yes, dry_run=dry_run, as_json=as_json)


def verify_command(
    file: File = None,
    start: From = "",
    end: To = "",
    zone: Zone = "",
    cell: Cell = "",
    quote: QuoteId = "",
    keep: Keep = None,
    speed: Speed = "max",
    *,
    from_events: FromEvents = False,
    as_json: AsJson = False,
) -> None:
    """Make every tick, quote, decision and memory again and compare key and value, to the byte.

    Prints a hash of what was made. Exit code 1 on any difference; differing decisions and numbers are counted apart.
    Exit code 3 if nothing differs, but some outputs name inputs that the recording does not hold.
    """
    from infra.cli.replaying.asking import Asked
    from infra.cli.replaying.verdicts import verified

    asked = Asked(start=start, end=end, zone=zone, cell=cell, quote=quote, from_events=from_events)
    if file is None:
        recorded_and_verified(asked, keep, speed, yes=True, dry_run=False, as_json=as_json)
        return
    if not asked.is_empty or zone or cell:
        raise CommandError(OWN_SPAN, ExitCode.USAGE)
    if keep:
        raise CommandError("--keep is of what is recorded now: the file is there already", ExitCode.USAGE)
    verified(file, as_json=as_json, from_events=from_events, speed=speed)


def diff_command(
    file: File = None,
    start: From = "",
    end: To = "",
    zone: Zone = "",
    cell: Cell = "",
    quote: QuoteId = "",
    model: Annotated[
        str, typer.Option(metavar="NAME@VERSION|FILE", help="Another model of the recording, or one in a file.")
    ] = "",
    policy: Annotated[str, typer.Option(metavar="FILE", help="Another policy, a file of policy show --as-file.")] = "",
    settings: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=VALUE", help="Single settings of the policies; repeatable.")
    ] = None,
    code: Annotated[Path | None, typer.Option(metavar="PATH", help="The rules of another checkout.")] = None,
    tolerance: Annotated[
        list[str] | None, typer.Option(metavar="FIELD=N", help="A number may move so far; repeatable.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a page with pictures.", callback=writable_file)
    ] = None,
    dashboard: Annotated[
        str, typer.Option(metavar="URL", help="Address of the dashboard: the page links each quote to its explanation.")
    ] = "",
    *,
    from_events: FromEvents = False,
    as_json: AsJson = False,
) -> None:
    """Price the same records otherwise, and say what changes: which quotes, by how much, and what that brings.

    Exit code 1 if anything changes beyond its tolerance.
    """
    from infra.cli.replaying.asking import Asked, captured
    from infra.cli.replaying.differences import told
    from infra.cli.replaying.otherwise import Otherwise

    otherwise = Otherwise(model=model, policy=policy, settings=tuple(settings or ()), code=code)
    otherwise.refuse_unless_one()
    if dashboard and html is None:
        raise CommandError("--dashboard is of the page's links: name the page with --html", ExitCode.USAGE)
    allowed = tolerances_of(tolerance or [])
    asked = Asked(start=start, end=end, zone=zone, cell=cell, quote=quote, from_events=from_events)
    with TemporaryDirectory(prefix="faretide-replay-") as place:
        if file is None:
            file = Path(place) / "recording.faretide"
            asyncio.run(captured(asked, file, yes=True, as_json=True))
        elif not asked.is_empty or zone or cell:
            raise CommandError(OWN_SPAN, ExitCode.USAGE)
        told(file, otherwise, allowed, as_json=as_json, html=html, from_events=from_events, dashboard=dashboard)


def show_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording.")],
    until: Annotated[
        str, typer.Option(metavar="CONDITION", help="Such as 'multiplier > 2'; without it every tick.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Stop for good after so many.")] = 1,
    *,
    step: Annotated[bool, typer.Option("--step", help="Go on from stop to stop, at a terminal by Enter.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run a recording up to a record and show it: price, reasons, features and panes at that instant."""
    from infra.cli.replaying.stopping import shown

    if step:
        refuse_beside(context, "--step", "file", "until", "as_json")
    shown(file, until, limit=-1 if step else limit, as_json=as_json)


def tolerances_of(pairs: list[str]) -> dict[str, int]:
    """Tolerances from FIELD=N texts. Raises CommandError."""
    from dataclasses import fields

    from topics.prices import QuoteAnswered, SurgeTicked

    numbers = {
        one.name for record in (QuoteAnswered, SurgeTicked) for one in fields(record) if one.type in {int, list[int]}
    }
    found = {}
    for pair in pairs:
        name, _, size = pair.partition("=")
        if name not in numbers or not size.isdigit():
            raise CommandError(
                f"--tolerance must be FIELD=N with a number of a quote or tick, such as amount_minor=5, got {pair!r}",
                ExitCode.USAGE,
            )
        found[name] = int(size)
    return found


def recorded_and_verified(
    asked: object, keep: Path | None, speed: str, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Copy what was asked for, then run it. Raises CommandError."""
    from infra.cli.replaying.asking import Asked, captured
    from infra.cli.replaying.pace import pace_of
    from infra.cli.replaying.verdicts import verified

    assert isinstance(asked, Asked)
    pace_of(speed)
    if keep and keep.exists():
        raise CommandError(f"{keep} exists already: name another file, or remove it first", ExitCode.USAGE)
    with TemporaryDirectory(prefix="faretide-replay-") as place:
        file = keep or Path(place) / "recording.faretide"
        if asyncio.run(captured(asked, file, yes=yes, as_json=as_json, dry_run=dry_run)):
            verified(file, as_json=as_json, from_events=asked.from_events, speed=speed)
        elif not dry_run:
            say("nothing was done")
