"""`faretide bench`: the services measured beside what one would use in their place, started from a checkout."""

from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from infra.cli.written import writable_directory

if TYPE_CHECKING:
    from bench.measured import JobResult

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("faretide bench tick --quick", "faretide bench supply --json | tail -1 | jq .ratios")


class Job(StrEnum):
    """What can be measured."""

    TICK = "tick"
    SUPPLY = "supply"
    QUOTES = "quotes"
    FRESHNESS = "freshness"
    RECOVERY = "recovery"
    INFERENCE = "inference"
    SCALE = "scale"


def command(
    *,
    jobs: Annotated[list[Job] | None, typer.Argument(help="What to measure; without one, everything.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds and records: minutes for everything.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Directory for the pages, e.g. docs/results.", callback=writable_directory)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document a line for each job.")] = False,
) -> None:
    """Measure the services beside their peers in one run on this machine. Needs a checkout.

    Servers are its own, under a temporary directory; no running system is touched. Only ratios between contestants of
    one run hold elsewhere. A peer that is not installed is reported as not run; `make bench` installs them.
    """
    if not (ROOT / "bench" / "requirements.lock").exists():
        raise CommandError(
            "the benches need files that an installed package does not have: run this in a checkout", ExitCode.USAGE
        )
    from bench.machine import machine
    from bench.report import content, page, write

    for job in jobs or list(Job):
        where = machine()
        said = content(_measure(job, quick=quick), where, quick=quick)
        if report:
            write(said, report)
        if as_json:
            say_json(said)
        else:
            say(page(said))


def _measure(job: Job, *, quick: bool) -> "JobResult":
    """Run one job."""
    from infra.cli.seeding import seed, shipped_model

    def tick() -> "JobResult":
        from bench import tick

        return tick.measure(shipped_model(0), quick=quick)

    if job is Job.TICK:
        return tick()
    if job is Job.INFERENCE:
        from bench import inference

        return inference.measure(quick=quick)
    from infra.settings import read_settings

    cache_dir = read_settings().state_dir.resolve() / "cache"
    measured = import_module(f"bench.{job}")
    seeding = () if job in (Job.SUPPLY, Job.SCALE) else (seed,)
    result: JobResult = measured.measure(cache_dir, *seeding, quick=quick)
    return result
