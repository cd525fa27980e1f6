"""An outside client driven phase by phase over its input and output; the search for the rate it can be answered at."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from bench.open_loop import Said
from bench.servers import Servers
from infra.scheduling import FIRST, own_niceness, rank
from topics.catalogue import QUOTE_REQUESTS

ROOT = Path(__file__).resolve().parents[1]
Ask = Callable[[float, float], Awaitable[Said]]
"""Ask at so many a second for so many seconds."""


@asynccontextmanager
async def client(module: str, said: dict[str, Any]) -> AsyncIterator[Ask]:
    """A client process; every phase has new request ids. It ends with its input, so also when this process does.

    It goes before others, since riders have machines of their own.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, json.dumps(said)),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    rank(own_niceness() + FIRST, process.pid)
    assert process.stdin is not None
    assert process.stdout is not None
    writing, reading = process.stdin, process.stdout
    first_run = int(time.time()) & 0xFFFF

    async def ask(per_s: float, seconds: float) -> Said:
        nonlocal first_run
        first_run += 1
        wanted = {"per_s": per_s, "seconds": seconds, "run": first_run}
        writing.write(json.dumps(wanted).encode() + b"\n")
        line = await reading.readline()
        if not line:
            raise RuntimeError(f"the client {module} ended by itself with code {await process.wait()}")
        answered: Said = json.loads(line)
        return answered

    try:
        yield ask
    finally:
        writing.close()
        await process.wait()


def riders(running: Servers) -> AbstractAsyncContextManager[Ask]:
    """Riders of `bench.quote_client` who ask on these servers' topics."""
    said = {
        "bootstrap": running.bootstrap,
        "schema_id": running.schema_ids[QUOTE_REQUESTS.name],
        "partitions": running.settings.rider_partitions,
    }
    return client("bench.quote_client", said)


@asynccontextmanager
async def asking(ask: Ask, per_s: float) -> AsyncIterator[None]:
    """Ask at so many a second while the block lasts."""

    async def for_ever() -> None:
        while True:
            await ask(per_s, 10.0)

    task = asyncio.create_task(for_ever())
    try:
        yield
    finally:
        task.cancel()


async def highest(ask: Ask, steps: Sequence[float], seconds: float) -> tuple[float, list[Said]]:
    """The highest of the ascending rates at which no queue grows, 0 if none, and what was seen on the way.

    A rate that fails is asked once more: one stall of a busy machine is no limit.
    """
    reached, seen = 0.0, []
    for per_s in steps:
        settled = False
        for _ in range(2):
            said = await ask(per_s, seconds)
            seen.append(said)
            if settled := said["settled"]:
                break
        if not settled:
            break
        reached = per_s
    return reached, seen
