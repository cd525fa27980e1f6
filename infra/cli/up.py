"""`faretide up`: broker, registry, database, services and a city on this machine, from one command.

    servers ──> schemas ──> topics ──> first market, policy, model ──> services ──> city
    Ctrl-C or --seconds:   city ──> services ──> servers, in this order

Servers and services are children that end with this process, also when it is killed.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, say, say_json

if TYPE_CHECKING:
    from infra.cli.watching import Watch
    from infra.clients.connection import Connection
    from infra.settings import Settings
    from simulation.city import City

SERVICES = ("supply", "demand", "pricing", "quotes")
DATA_DIR = Path(__file__).resolve().parents[2] / "data"
PICKUPS = "nyc-uber-pickups-2014-04-to-08-B02512.csv.gz"
SAY_EVERY_S = 3.0
READY_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for on the command line."""

    seconds: float | None
    scale: float | None
    drivers: int | None
    seed: int
    with_city: bool
    as_json: bool


def command(
    seconds: Annotated[float | None, typer.Option(help="End after this many seconds of city.", min=1)] = None,
    scale: Annotated[
        float | None,
        typer.Option(help="Recorded days laid over each other; by default as many as make a busy city.", min=0.01),
    ] = None,
    drivers: Annotated[int | None, typer.Option(help="Cars; by default as many as the riders need.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Another seed plays another day of the same kind.")] = 1,
    no_city: Annotated[bool, typer.Option("--no-city", help="Start servers and services only.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print nothing but one JSON summary line at the end.")
    ] = False,
) -> None:
    """Start everything on this machine and play a day of New York.

    A few lines every three seconds tell rates, latency, freshness, the latest quotes and the hottest cells. Ctrl-C
    stops all of it in order. With FARETIDE_BOOTSTRAP and FARETIDE_REGISTRY_URL set, your own servers are used.
    """
    from infra.settings import read_settings

    options = Options(seconds=seconds, scale=scale, drivers=drivers, seed=seed, with_city=not no_city, as_json=as_json)
    settings = read_settings()
    say_step = _Steps(quiet=as_json)
    with _servers(settings, say_step) as connected:
        asyncio.run(_run(connected, options, say_step))


class _Steps:
    """Progress for a person, on standard error so that the result stays clean."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet and not sys.stderr.isatty()
        self._started_s = time.monotonic()
        self._said_s = 0.0

    def __call__(self, line: str) -> None:
        if not self._quiet:
            sys.stderr.write(f"[{time.monotonic() - self._started_s:5.1f} s] {line}\n")
            sys.stderr.flush()

    def fetched(self, done_bytes: int, total_bytes: int, name: str) -> None:
        """Tell how far the jars are, twice a second at most."""
        if done_bytes < total_bytes and time.monotonic() - self._said_s < 0.5:
            return
        self._said_s = time.monotonic()
        self(f"fetching Kafka and registry: {done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB ({name})")


@contextlib.contextmanager
def _servers(settings: "Settings", say_step: _Steps) -> Iterator["Settings"]:
    """The settings with which services reach the servers: those configured, or embedded ones started here."""
    from infra.logging import configure
    from infra.settings import LogLevel

    configure("up", settings.log_format, max(settings.log_level, LogLevel.WARNING, key=list(LogLevel).index))
    if settings.bootstrap:
        say_step(f"using the brokers at {settings.bootstrap}")
        yield settings
        return
    from infra.clients.endpoints import Endpoints, forget_endpoints, write_endpoints
    from infra.embedded.stack import EmbeddedStack

    state_dir = settings.state_dir.resolve()
    stack = EmbeddedStack(state_dir, progress=say_step.fetched)
    say_step("starting broker, registry and database")
    try:
        stack.start()
    except RuntimeError as error:  # what the embedded servers raise is a whole sentence
        raise CommandError(str(error), ExitCode.FAILED) from error
    try:
        endpoints = Endpoints(
            bootstrap=stack.bootstrap, registry_url=stack.registry_url, database_url=stack.database_url
        )
        write_endpoints(state_dir, endpoints)
        say_step(f"broker {stack.bootstrap}, registry {stack.registry_url}")
        yield settings.model_copy(
            update={"bootstrap": stack.bootstrap, "registry_url": stack.registry_url, "state_dir": state_dir}
        )
    finally:
        forget_endpoints(state_dir)
        say_step("stopping registry, broker and database")
        stack.stop()


async def _run(settings: "Settings", options: Options, say_step: _Steps) -> None:
    from infra.clients.connection import connect

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    connection = connect(settings, client_id="faretide-up")
    await _prepare(connection, settings, say_step)
    async with _watching(connection) as watch, _services(settings, say_step) as restarts:
        await _until_ready(watch, stop, say_step)
        if options.with_city and not stop.is_set():
            await _play(connection, watch, options, restarts, stop, say_step)
        else:
            say_step("ready; Ctrl-C stops")
            await _wait(stop, options.seconds)


async def _prepare(connection: "Connection", settings: "Settings", say_step: _Steps) -> None:
    """Schemas, topics, and the first market, policy and model."""
    from infra.cli.seeding import seed
    from infra.clients.admin import Admin
    from infra.clients.registry import Registry

    async with Registry(connection) as registry, Admin(connection, settings) as admin:
        ids, created = await asyncio.gather(registry.register_all(), admin.create_missing())
    say_step(f"{len(ids)} schemas registered, {len(created)} topics created")
    seeded = await seed(connection, time.time_ns() // 1_000_000)
    if seeded:
        say_step(f"first records of {', '.join(seeded)} published")


@contextlib.asynccontextmanager
async def _watching(connection: "Connection") -> AsyncIterator["Watch"]:
    from infra.cli.watching import Watch

    watch = Watch(connection)
    async with asyncio.TaskGroup() as tasks:  # a watch that fails ends the run and says why
        watching = tasks.create_task(watch.run(), name="watch")
        await watch.ready.wait()
        yield watch
        watching.cancel()


@contextlib.asynccontextmanager
async def _services(settings: "Settings", say_step: _Steps) -> AsyncIterator[Callable[[], dict[str, int]]]:
    from infra.cli.processes import ServiceProcesses

    environment = {
        "FARETIDE_BOOTSTRAP": settings.bootstrap,
        "FARETIDE_REGISTRY_URL": settings.registry_url,
        "FARETIDE_LOG_FORMAT": "json",
    }
    services = ServiceProcesses(
        logs=settings.state_dir / "logs",
        environment=environment,
        on_restart=lambda service, code: complain(
            f"{service} ended with code {code} and is started again; see {settings.state_dir}/logs/{service}.log"
        ),
    )
    say_step(f"starting {', '.join(SERVICES)}")
    try:
        services.start(SERVICES)
        yield lambda: services.restarts
    finally:
        say_step("stopping services")
        await asyncio.to_thread(services.stop)


async def _until_ready(watch: "Watch", stop: asyncio.Event, say_step: _Steps) -> None:
    """Return when all services report and the first tick is out.

    Raises CommandError if that takes too long.
    """
    deadline_s = time.monotonic() + READY_WITHIN_S
    while not stop.is_set():
        reporting = {sample.service for sample in watch.workers.values()}
        if reporting.issuperset(SERVICES) and watch.ticks:
            say_step("services are ready")
            return
        if time.monotonic() > deadline_s:
            silent = ", ".join(sorted(set(SERVICES) - reporting)) or "pricing (no tick)"
            raise CommandError(f"not ready after {READY_WITHIN_S:.0f} s: {silent}; see the logs in the state directory")
        await asyncio.sleep(0.05)


async def _play(
    connection: "Connection",
    watch: "Watch",
    options: Options,
    restarts: Callable[[], dict[str, int]],
    stop: asyncio.Event,
    say_step: _Steps,
) -> None:
    """The city, until it is over; then the summary."""
    from infra.cli.reporting import summary
    from simulation.city import City
    from simulation.history import read_history
    from simulation.over_topics import TopicsWire
    from simulation.plan import CityPlan
    from simulation.play import WallClock, play

    plan = replace(CityPlan(), seed=options.seed, scale=options.scale, drivers=options.drivers)
    history = await asyncio.to_thread(read_history, DATA_DIR / PICKUPS, box=plan.box, time_zone=plan.time_zone)
    clock = WallClock()
    start_ms = clock.now_ms()
    city = City(plan, history, start_ms=start_ms)
    say_step(f"{len(city.driver_ids)} cars are on the road; riders begin to ask")
    end_ms = None if options.seconds is None else start_ms + int(options.seconds * 1000)
    async with TopicsWire(connection, city) as wire:
        saying = asyncio.create_task(_say_lines(watch, city, quiet=options.as_json))
        try:
            seen = await play(city, wire, clock, stop=stop, end_ms=end_ms)
        finally:
            saying.cancel()
    seconds = (clock.now_ms() - start_ms) / 1000
    said = summary(watch, seen, moved=await watch.moved(), restarts=restarts(), seconds=seconds)
    if options.as_json:
        say_json(said)
    else:
        for name, value in said.items():
            say(f"{name:28} {value}")


async def _say_lines(watch: "Watch", city: "City", *, quiet: bool) -> None:
    from infra.cli.reporting import live_lines

    before, before_s = await watch.moved(), time.monotonic()
    while True:
        await asyncio.sleep(SAY_EVERY_S)
        now, now_s = await watch.moved(), time.monotonic()
        if not quiet:
            lines = live_lines(watch, city.summary(), before=before, now=now, seconds=now_s - before_s)
            say("\n".join(lines))
            sys.stdout.flush()
        before, before_s = now, now_s


async def _wait(stop: asyncio.Event, seconds: float | None) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
