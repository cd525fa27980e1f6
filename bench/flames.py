"""Flame graphs: where each service spends its processor time under load, and where a tick does.

Each worker is looked at from outside by py-spy, 200 times a second for a quarter of a minute, one after the other,
while riders ask 1,000 times a second and 50,000 pings a second come in: the load of `bench.quotes`. Only instants that
hold the interpreter count, compiled code by its caller's name; waits and system calls do not. The tick is `bench.tick`.
"""

import asyncio
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.asked import asking, riders
from bench.entrants import PEER_PYTHON
from bench.quotes import DRIVERS, INSTANCES, PINGS_PER_S
from bench.servers import servers
from bench.workers import Seed, fleet, working

PY_SPY = PEER_PYTHON.with_name("py-spy")
RATE, SECONDS, SETTLE_S = 200, 15, 20.0
REQUESTS_PER_S = 1_000.0
_HEADING = re.compile(r"(?<=>)[^<]*py-spy record[^<]*(?=<)")
"""The picture's own is the whole command line, with this machine's directories in it."""


def draw(cache_dir: Path, seed: Seed, directory: Path) -> list[Path]:
    """Write a picture of each service and of the tick into `directory`.

    Raises RuntimeError saying what is missing or what py-spy may not do.
    """
    if not PY_SPY.exists():
        raise RuntimeError("py-spy is not installed: `make flames` does that")
    directory.mkdir(parents=True, exist_ok=True)
    drawn = asyncio.run(_services(cache_dir, seed, directory))
    tick = directory / "flame-tick.svg"
    _spy(tick, "a tick of the city", ["--", sys.executable, "-m", "infra.cli", "bench", "tick", "--json"])
    return [*drawn, tick]


async def _services(cache_dir: Path, seed: Seed, directory: Path) -> list[Path]:
    drawn = []
    async with (
        servers(cache_dir) as running,
        working(running, seed, INSTANCES) as workers,
        riders(running) as ask,
        fleet(running, PINGS_PER_S, DRIVERS),
        asking(ask, REQUESTS_PER_S),
    ):
        await asyncio.sleep(SETTLE_S)
        for instance in INSTANCES:
            service = instance.partition("-")[0]
            picture = directory / f"flame-{service}.svg"
            options = ["--duration", str(SECONDS), "--pid", str(workers.pid(instance))]
            await asyncio.to_thread(_spy, picture, f"{service.upper()} under load", options)
            drawn.append(picture)
    return drawn


def _spy(picture: Path, title: str, target: Sequence[str]) -> None:
    how = ["--gil", "--function", "--rate", str(RATE), "--format", "flamegraph", "--output", str(picture)]
    command = [str(PY_SPY), "record", *how, *target]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  installed by the lock file
    if done.returncode or not picture.exists():
        raise RuntimeError(f"py-spy could not look at {title}: {done.stderr.strip()[-500:]}")
    drawn = picture.read_text(encoding="utf-8")
    picture.write_text(_HEADING.sub(title, drawn, count=1), encoding="utf-8")
