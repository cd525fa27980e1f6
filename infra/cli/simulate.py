"""`faretide simulate`: a city that answers prices, under one or several policies."""

import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.given import refuse_before, refuse_beside
from infra.cli.output import say, say_json, say_over, say_table
from infra.cli.simulated_world import world_of, world_of_people
from infra.cli.written import writable_directory

if TYPE_CHECKING:
    from simulation.lockstep.outcome import Outcome
    from simulation.lockstep.trials import Difference, World

EXAMPLES = (
    "faretide simulate --scenario stadium --policy faretide",
    "faretide simulate --scenario rain --policy all --seeds 20 --json",
    "faretide simulate --scenario all --policy all --seeds 20 --runs runs --report docs/results",
    "faretide simulate --scenario rain --seeds 5 --model models/supply-2.faretide",
)
MISFITS_EXAMPLES = ("faretide simulate misfits --seeds 8 --runs runs --report docs/results",)
FACTS_EXAMPLES = ("faretide simulate facts --seeds 6 --runs runs --report docs/results",)
ALL = "all"
SHOWN = (
    "mean_wait_s",
    "p90_wait_s",
    "unfulfilled_pct",
    "completed",
    "mean_multiplier",
    "driver_earnings_per_h",
    "welfare",
)


class Progress:
    """Says on standard error, if that is a terminal, which run begins and about how long the rest takes."""

    def __init__(self, *, runs: int) -> None:
        self._runs, self._begun, self._since_s = runs, 0, time.monotonic()

    def told_of(self, scenario: str) -> Callable[[str, int], None]:
        """What to call before each run of a scenario, with its policy and seed."""

        def told(policy: str, seed: int) -> None:
            spent_s = time.monotonic() - self._since_s
            left = f", about {spent_s / self._begun * (self._runs - self._begun):.0f} s left" if self._begun else ""
            self._begun += 1
            line = f"{scenario} {policy} seed {seed}: run {self._begun} of {self._runs}{left}"
            say_over(line, last=self._begun >= self._runs)

        return told


Seeds = Annotated[int, typer.Option(min=1, help="How many seeds, each the same people under every policy.")]
FirstSeed = Annotated[int, typer.Option(min=0, max=2**62, help="The first seed.")]
Drivers = Annotated[int, typer.Option(min=50, help="Cars on the road at usual earnings.")]
AsJson = Annotated[bool, typer.Option("--json", help="The results as one JSON document.")]
Runs = Annotated[
    Path | None,
    typer.Option(
        "--runs",
        metavar="DIR",
        help="Keep each run here and play none that is kept: to go on after a stop, or to share seeds between "
        "processes. Empty it when the code changes.",
        callback=writable_directory,
    ),
]
Report = Annotated[Path | None, typer.Option(help="Directory for the report.", callback=writable_directory)]
Pictures = Annotated[
    Path | None,
    typer.Option(
        help="Directory for simulation.html, and JSON and pictures of each scenario.", callback=writable_directory
    ),
]


def command(
    context: typer.Context,
    *,
    scenario: Annotated[
        str, typer.Option(help="steady, stadium, rain, outage, misforecast, new-year, or all.")
    ] = "steady",
    policy: Annotated[str, typer.Option(help="none, static, ratio, ratio-oracle, faretide, or all.")] = "faretide",
    seeds: Seeds = 1,
    first_seed: FirstSeed = 1,
    drivers: Drivers = 1_000,
    people: Annotated[
        str,
        typer.Option(
            help="usual, or what no policy knows: elasticity-half, elasticity-half-more, slower, faster, exponential."
        ),
    ] = "usual",
    model: Annotated[
        list[Path] | None,
        typer.Option(help="A further model that faretide prices by, a file of `faretide train`; repeatable."),
    ] = None,
    report: Pictures = None,
    runs: Runs = None,
    tune: Annotated[
        bool, typer.Option("--tune", help="Tune the static and the ratio policies instead, on seeds apart; minutes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play two hours of a city in lockstep with a pricing policy and say how riders and drivers fared.

    Runs in this process, without brokers; the policy faretide is the service's own pricing. The same seeds give the
    same bytes. With several policies and seeds, differences come with 95 % intervals over paired seeds.
    """
    if context.invoked_subcommand is not None:
        refuse_before(context)
        return
    if tune:
        refuse_beside(context, "--tune", "drivers", "people", "as_json")
    from simulation.lockstep.scenarios import SCENARIOS
    from simulation.lockstep.trials import POLICIES

    world = world_of_people(people, drivers, model or ())
    if tune:
        _tune(world)
        return
    policies = _chosen(policy, POLICIES, "policy")
    names = _chosen(scenario, tuple(SCENARIOS), "scenario")
    played = range(first_seed, first_seed + seeds)
    document: dict[str, Any] = {
        "drivers": drivers,
        "people": people,
        "seeds": [first_seed, first_seed + seeds - 1],
        "scenarios": _played(world, names, policies, played, kept=runs, quiet=as_json),
    }
    if model:
        document["models"] = [file.name for file in model]
    if report is not None:
        from simulation.lockstep.report import write_report

        write_report(report, document, world)
    if as_json:
        say_json(document)


def _played(
    world: "World", names: tuple[str, ...], policies: tuple[str, ...], seeds: range, *, kept: Path | None, quiet: bool
) -> dict[str, Any]:
    """Each scenario under each policy, for the document; shown as soon as it is over, unless `quiet`."""
    from simulation.lockstep.scenarios import SCENARIOS
    from simulation.lockstep.trials import differences, trials

    progress = Progress(runs=len(names) * len(policies) * len(seeds))
    document: dict[str, Any] = {}
    for name in names:
        found = trials(world, SCENARIOS[name], policies, seeds, progress.told_of(name), kept=kept)
        differing = differences(found, policies[-1])
        document[name] = _document(found, differing)
        if not quiet:
            _show(name, found, differing)
    return document


def misfits_command(
    *,
    seeds: Annotated[int, typer.Option(min=2, help="How many seeds; one has no differences.")] = 8,
    first_seed: FirstSeed = 1,
    drivers: Drivers = 1_000,
    runs: Runs = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Play cities that no policy was made for: other elasticities, other speeds, another way to choose.

    Two scenarios under every policy, none of them tuned anew; differences with 95 % intervals over paired seeds.
    """
    from simulation.lockstep.misfits import FILE, PLAYED, misfits
    from simulation.lockstep.people import OTHERS
    from simulation.lockstep.trials import POLICIES

    progress = Progress(runs=len(OTHERS) * len(PLAYED) * len(POLICIES) * seeds)
    played = range(first_seed, first_seed + seeds)
    document: dict[str, Any] = {
        "drivers": drivers,
        "seeds": [first_seed, first_seed + seeds - 1],
        "people": misfits(world_of(drivers), played, progress.told_of("misfits"), kept=runs),
    }
    _keep(report, FILE, document)
    if as_json:
        say_json(document)
        return
    for people, scenarios in document["people"].items():
        for scenario, found in scenarios.items():
            for each in found["differences"]:
                say(f"{people}, {scenario}: {_told(each)}")


def facts_command(
    *,
    seeds: Seeds = 6,
    first_seed: FirstSeed = 1,
    drivers: Drivers = 1_000,
    runs: Runs = None,
    report: Report = None,
    as_json: AsJson = False,
) -> None:
    """Compare the city with published facts: those it was set by, and those nothing was fitted to."""
    from simulation.lockstep.facts import FILE, facts

    played = range(first_seed, first_seed + seeds)
    document: dict[str, Any] = {
        "drivers": drivers,
        "seeds": [first_seed, first_seed + seeds - 1],
        "facts": facts(world_of(drivers), played, kept=runs),
    }
    _keep(report, FILE, document)
    if as_json:
        say_json(document)
        return
    rows = [(each["use"], each["fact"], each["published"], each["here"], each["agrees"]) for each in document["facts"]]
    say_table(("use", "fact", "published", "here", "agrees"), rows)


def _keep(report: Path | None, name: str, document: dict[str, Any]) -> None:
    if report is not None:
        import orjson

        report.mkdir(parents=True, exist_ok=True)
        (report / name).write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def _tune(world: "World") -> None:
    from simulation.lockstep.tuning import tuned

    say_json(asdict(tuned(world, lambda line: print(line, file=sys.stderr, flush=True))))


def _chosen(name: str, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    if name == ALL:
        return known
    if name not in known:
        raise CommandError(f"--{option} must be one of {', '.join(known)}, or all, got {name!r}", ExitCode.USAGE)
    return (name,)


def _document(found: "dict[str, list[Outcome]]", differing: "list[Difference]") -> dict[str, Any]:
    from simulation.lockstep.trials import means

    return {
        "policies": {
            policy: {"mean": means(outcomes), "runs": [asdict(each) for each in outcomes]}
            for policy, outcomes in found.items()
        },
        "differences": [asdict(each) for each in differing],
    }


def _show(name: str, found: "dict[str, list[Outcome]]", differing: "list[Difference]") -> None:
    from simulation.lockstep.trials import means

    rows = [(policy, *(f"{means(outcomes)[key]:,.4g}" for key in SHOWN)) for policy, outcomes in found.items()]
    say_table(("policy", *SHOWN), rows, title=name)
    for each in differing:
        if each.measure in {"welfare", "p90_wait_s", "completed"}:
            say(f"{name}: {_told(asdict(each))}")


def _told(differing: dict[str, Any]) -> str:
    interval = "{mean:,.4g} ({low:,.4g} to {high:,.4g})".format_map(differing)
    return f"{differing['policy']} - {differing['other']}, {differing['measure']}: {interval}"
