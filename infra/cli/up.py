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
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.exits import CommandError
from infra.cli.machine import SERVICES, Running, Steps, machine
from infra.cli.output import say, say_json

if TYPE_CHECKING:
    from infra.cli.watching import Watch
    from infra.clients.connection import Connection
    from infra.settings import Settings
    from simulation.city import City

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
    say_step = Steps(quiet=as_json)
    with machine(settings, say_step) as running:
        asyncio.run(_run(running, options, say_step))


async def _run(running: Running, options: Options, say_step: Steps) -> None:
    from infra.clients.connection import connect

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    connection = connect(running.settings, client_id="faretide-up")
    await _prepare(connection, running.settings, say_step)
    async with _watching(connection) as watch:
        running.open()
        await _until_ready(watch, stop, say_step)
        if options.with_city and not stop.is_set():
            await _play(connection, watch, options, running, stop, say_step)
        else:
            say_step("ready; Ctrl-C stops")
            await _wait(stop, options.seconds)


async def _prepare(connection: "Connection", settings: "Settings", say_step: Steps) -> None:
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


async def _until_ready(watch: "Watch", stop: asyncio.Event, say_step: Steps) -> None:
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
    running: Running,
    stop: asyncio.Event,
    say_step: Steps,
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
    said = summary(watch, seen, moved=await watch.moved(), restarts=running.services.restarts, seconds=seconds)
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
