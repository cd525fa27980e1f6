"""`faretide up`: broker, registry, database, services and a city on this machine, from one command.

    servers ──> schemas ──> topics ──> first market, policy, model ──> tables ──> services ──> city
    Ctrl-C or --seconds:   city ──> services ──> servers, in this order

Servers and services are children that end with this process, also when it is killed.
"""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.incident_names import Incident
from infra.cli.machine import Running, Steps, machine
from infra.cli.output import say, say_json
from infra.cli.showing import end_showing, show
from simulation.live_scenarios import LiveScenario
from topics.roles import PRICING_CHAIN

if TYPE_CHECKING:
    from infra.cli.watching import Watch
    from infra.clients.connection import Connection
    from infra.settings import Settings

DATA_DIR = Path(__file__).resolve().parents[2] / "data"
PICKUPS = "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    seconds: float | None
    scale: float | None
    drivers: int | None
    seed: int
    with_city: bool
    with_dashboard: bool
    as_json: bool
    plain: bool
    incident: Incident
    scenario: LiveScenario


def command(
    seconds: Annotated[float | None, typer.Option(help="End after this many seconds of city.", min=1)] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Recorded days laid over each other; by default as many as make a busy city.", min=0.01),
    ] = None,
    drivers: Annotated[int | None, typer.Option(help="Cars; by default as many as the riders need.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Another seed plays another day of the same kind.")] = 1,
    no_city: Annotated[bool, typer.Option("--no-city", help="Start servers and services only.")] = False,
    no_dashboard: Annotated[bool, typer.Option("--no-dashboard", help="Leave the web page out.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print nothing but one JSON summary line at the end.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="A few lines every three seconds, also in a terminal.")
    ] = False,
    incident: Annotated[
        Incident, typer.Option(help="Let something go wrong after a minute, to practise finding it on the dashboard.")
    ] = Incident.NONE,
    scenario: Annotated[
        LiveScenario,
        typer.Option(help="A concert that ends every six minutes, rain nobody expected, or a calm day."),
    ] = LiveScenario.CONCERT,
) -> None:
    """Start everything on this machine and play a day of New York.

    In a terminal the live view of `faretide top`, else a few lines every three seconds: rates, latency, freshness, the
    latest quotes and the hottest cells. `q` or Ctrl-C stops all of it in order; the summary comes last. With
    FARETIDE_BOOTSTRAP and FARETIDE_REGISTRY_URL set, your own servers are used.
    """
    from infra.settings import read_settings

    say_step = Steps(quiet=as_json)
    options = Options(
        seconds=seconds,
        scale=scale,
        drivers=drivers,
        seed=seed,
        with_city=not no_city,
        with_dashboard=not no_dashboard,
        as_json=as_json,
        plain=plain,
        incident=incident,
        scenario=scenario,
    )
    settings = read_settings()
    with machine(settings, say_step) as running:
        try:
            asyncio.run(_run(running, options, say_step))
        except asyncio.CancelledError:
            raise typer.Exit(ExitCode.INTERRUPTED) from None


async def _run(running: Running, options: Options, say_step: Steps) -> None:
    from infra.cli.watching import Watch, watched
    from infra.clients.connection import connect

    stop, prepared = asyncio.Event(), asyncio.Event()
    _hear_signals(stop, prepared)
    connection = connect(running.settings, client_id="faretide-up")
    async with asyncio.TaskGroup() as preparing:
        preparing.create_task(_prepare(connection, running.settings, say_step))
        preparing.create_task(_migrate(running, say_step))
    say_step.ended("schemas")
    async with watched(Watch(connection)) as watch:
        prepared.set()
        running.open()
        say_step(f"metrics and health: {', '.join(running.services.metrics.values())}")
        watch.expected = tuple(running.services.pids)
        await _until_ready(watch, stop, say_step)
        async with _shown_and_disturbed(running, options, connection, say_step):
            if options.with_city and not stop.is_set():
                await _play(connection, watch, options, running, stop, say_step)
            else:
                await _wait(watch, options, running, stop, say_step)


def _hear_signals(stop: asyncio.Event, prepared: asyncio.Event) -> None:
    """Have Ctrl-C and SIGTERM set `stop`, and cancel this task where nobody looks at that.

    Before all is `prepared` nobody does, and the second signal is of someone to whom the end in order takes too long.
    """
    loop, running = asyncio.get_running_loop(), asyncio.current_task()
    assert running is not None

    def on_signal() -> None:
        if stop.is_set() or not prepared.is_set():
            running.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)


@contextlib.asynccontextmanager
async def _shown_and_disturbed(
    running: Running, options: Options, connection: "Connection", say_step: Steps
) -> AsyncIterator[None]:
    """The dashboard beside what runs, and the incident asked for."""
    from infra.cli.incidents import happening

    with _dashboard(running.settings, say_step) if options.with_dashboard else contextlib.nullcontext():
        async with happening(options.incident, connection, lambda: running.services.pids):
            yield


@contextlib.contextmanager
def _dashboard(settings: "Settings", say_step: Steps) -> Iterator[None]:
    """The web page while the block runs, its address said."""
    from infra.cli.dashboard import beside

    with beside(settings, logs=settings.state_dir.resolve() / "logs") as address:
        say_step(f"dashboard: {address}")
        yield


async def _prepare(connection: "Connection", settings: "Settings", say_step: Steps) -> None:
    """Schemas, topics, and the first market, policy and model.

    Raises CommandError if a topic is not as the settings say: every worker would end with that sentence.
    """
    from infra.cli.seeding import seed
    from infra.clients.admin import Admin
    from infra.clients.registry import Registry

    async with Registry(connection) as registry, Admin(connection, settings) as admin:
        ids, created = await asyncio.gather(registry.register_all(), admin.create_missing())
        for fault in (fault for state in await admin.states() for fault in state.faults):
            raise CommandError(fault)
    say_step(f"{len(ids)} schemas registered, {len(created)} topics created")
    seeded = await seed(connection, time.time_ns() // 1_000_000)
    if seeded:
        say_step(f"first records of {', '.join(seeded)} published")


async def _migrate(running: Running, say_step: Steps) -> None:
    """Tables for the recorder, if there is a database for it."""
    from infra.clients.database import open_database
    from infra.migrations.versions import migrate

    if running.database is None:
        say_step("nothing will be recorded: FARETIDE_DATABASE_URL is not set")
        return
    async with open_database(running.database, answer_within_s=None) as database:
        applied = await migrate(database)
    if applied:
        say_step(f"database migrated: {', '.join(migration.name for migration in applied)}")


async def _until_ready(watch: "Watch", stop: asyncio.Event, say_step: Steps) -> None:
    """Return when all services report and the first tick is out.

    Raises CommandError if that takes too long.
    """
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not stop.is_set():
        reporting = watch.seen.services
        if reporting.issuperset(PRICING_CHAIN) and watch.seen.ticks:
            say_step.ready()
            say_step("services are ready")
            return
        if time.monotonic() > deadline_s:
            silent = ", ".join(sorted(set(PRICING_CHAIN) - reporting)) or "pricing (no tick)"
            raise CommandError(f"not ready after {READY_WITHIN_S:.0f} s: {silent}; see the logs in the state directory")
        await asyncio.sleep(0.05)


async def _play(
    connection: "Connection",
    watch: "Watch",
    options: Options,
    running: Running,
    stop: asyncio.Event,
    say_step: Steps,
) -> None:
    """The city, until it is over; then the summary."""
    from infra.cli.reporting import summary
    from simulation.city import City
    from simulation.history import read_history
    from simulation.live_scenarios import plan_of
    from simulation.over_topics import TopicsWire
    from simulation.plan import CityPlan
    from simulation.play import WallClock, play

    usual = replace(CityPlan(), seed=options.seed, scale=options.scale, drivers=options.drivers)
    plan = plan_of(options.scenario, usual)
    history = await asyncio.to_thread(read_history, DATA_DIR / PICKUPS, box=plan.box, time_zone=plan.time_zone)
    clock = WallClock()
    start_ms = clock.now_ms()
    city = City(plan, history, start_ms=start_ms)
    say_step(f"{len(city.driver_ids)} cars are on the road; riders begin to ask")
    end_ms = None if options.seconds is None else start_ms + int(options.seconds * 1000)
    async with TopicsWire(connection, city) as wire:
        showing = asyncio.create_task(show(watch, running, stop, city, plain=options.plain, quiet=options.as_json))
        try:
            seen = await play(city, wire, clock, stop=stop, end_ms=end_ms)
        finally:
            await end_showing(showing)
    seconds = (clock.now_ms() - start_ms) / 1000
    restarts = running.services.restarts
    said = summary(watch, seen, moved=await watch.moved(), restarts=restarts, seconds=seconds, steps=say_step)
    if options.as_json:
        say_json(said)
    else:
        for name, value in said.items():
            say(f"{name:28} {value}")


async def _wait(watch: "Watch", options: Options, running: Running, stop: asyncio.Event, say_step: Steps) -> None:
    """Without a city: until stopped, or as long as was asked for."""
    say_step("ready; Ctrl-C stops")
    showing = asyncio.create_task(show(watch, running, stop, None, plain=options.plain, quiet=options.as_json))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), options.seconds)
    await end_showing(showing)
    if options.as_json:
        say_json({"ready_s": say_step.ready_s, "stages": say_step.stages})
