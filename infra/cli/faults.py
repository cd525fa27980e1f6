"""`faretide faults`: the fault harness of the repository, started from a checkout."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.written import writable_directory

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("faretide faults --seed 1 --kills 12", "faretide faults --kills 200 --report docs/results --json")


def command(
    *,
    seed: Annotated[int, typer.Option(help="Seed of the first run's faults; each further run takes the next.")] = 1,
    kills: Annotated[int, typer.Option(min=1, help="Faults in all, in several runs.")] = 12,
    each: Annotated[int, typer.Option(min=1, help="Faults of one run at most.")] = 12,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the runs the report holds, and do the others.")
    ] = False,
    pings: Annotated[float, typer.Option(help="Pings a second; two cores carry 20,000 if nothing else runs.")] = 300.0,
    requests: Annotated[float, typer.Option(help="Quote requests a second.")] = 20.0,
    minutes: Annotated[float, typer.Option(help="Begin no further run after this many minutes.")] = 1440.0,
    report: Annotated[
        Path | None, typer.Option(help="Directory for faults.json and faults.md.", callback=writable_directory)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The report as one JSON document.")] = False,
) -> None:
    """Kill services and servers under load by a seeded plan, then recount everything. Needs a checkout.

    Servers, state and topics are its own, under a temporary directory; no running system is touched. About ten seconds
    a fault. Exit code 1 if anything was lost or counted twice; the state of such a run is kept.
    """
    if not (ROOT / "tests" / "faults" / "__main__.py").exists():
        raise CommandError(
            "the fault harness belongs to the tests, which an installed package does not have: run this in a checkout",
            ExitCode.USAGE,
        )
    if resume and not report:
        raise CommandError("--resume goes on with a report: name its directory by --report", ExitCode.USAGE)
    asked = {"seed": seed, "kills": kills, "pings": pings, "requests": requests, "minutes": minutes, "each": each}
    options = [word for name, value in asked.items() for word in (f"--{name}", str(value))]
    options += ["--report", str(report.absolute())] if report else []
    options += ["--resume"] if resume else []
    options += ["--json"] if as_json else []
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "tests.faults", *options])  # noqa: S606  our own module, so that signals reach it
