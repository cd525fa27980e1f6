"""`faretide bundle`: a stretch of traffic in one file, to be replayed anywhere."""

from pathlib import Path
from typing import Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from infra.cli.replay import replayed, report
from infra.cli.replay_range import AsJson, Asked, Cell, DryRun, From, PlanOnly, Quote, To, Yes, Zone, recorded

EXAMPLES = (
    "faretide bundle create --quote 5f3a0c9d41e27b86a0d7c3f1e9b24c58 why.faretide",
    "faretide bundle verify why.faretide",
)
CREATE_EXAMPLES = (*EXAMPLES[:1], "faretide bundle create --from -10m --zone 862a100d7ffffff stadium.faretide")


def create_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="File to write; it must not exist.")],
    start: From = "",
    to: To = "latest",
    zone: Zone = "",
    cell: Cell = "",
    quote: Quote = "",
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write a range, or what one quote rests on, to one file: records, schemas, models, policies and markets.

    It holds ids and places as they were sent. The expected outputs are the recorded ones.
    """
    if file.exists():
        raise CommandError(f"{file} exists already: choose another name", ExitCode.USAGE)
    if not file.resolve().parent.is_dir():
        raise CommandError(f"{file} cannot be written: its directory does not exist", ExitCode.USAGE)
    asked = Asked(start=start, to=to, zone=zone, cell=cell, quote=quote, dry_run=dry_run, yes=yes, as_json=as_json)
    try:
        with recorded(asked, keep=file):
            pass
    except PlanOnly:
        return
    size = file.stat().st_size
    if as_json:
        say_json({"file": str(file), "bytes": size})
    else:
        say(f"{file}: {size / 1e6:,.2f} MB; it holds ids and places as they were sent")


def verify_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")], *, as_json: AsJson = False
) -> None:
    """Replay a bundle with the installed code; exit code 1 if anything comes out otherwise than recorded."""
    with recorded(Asked(file=file, as_json=as_json)) as checked:
        ran = replayed(checked, as_json=as_json)
    report(ran, as_json=as_json)
    if ran.differing:
        raise CommandError(f"{ran.differing:,} of {ran.records:,} records came out otherwise than recorded")
