"""`faretide top`: the live view of a system that runs already, here or anywhere."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli.output import is_terminal, say, say_json, until_reader_leaves

if TYPE_CHECKING:
    from infra.cli.watching import Watch
    from infra.clients.connection import Connection

EXAMPLES = ("faretide top", "faretide top --once", "faretide top --json | jq .freshness_ms")
LOOK_BACK_MS = 60_000
LOOKS_FOR_A_RATE = 3
MEASURED_WITHIN_S = 15.0


def command(
    once: Annotated[bool, typer.Option("--once", help="One snapshot as plain text, then end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, each a whole look.")] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks that are printed.", min=1, max=3600)] = 3.0,
) -> None:
    """Watch a running system: rates, lag, freshness, quotes, hottest cells, services.

    In a terminal a view that `?` explains; else a snapshot in plain text every few seconds. Only reads: no service is
    disturbed, and of a busy topic only a part is decoded. Without settings it watches the `faretide up` of this
    machine.
    """
    from infra.cli.session import open_session

    session = open_session("top")
    asyncio.run(_top(session.connection, once=once, as_json=as_json, interval_s=interval))


async def _top(connection: "Connection", *, once: bool, as_json: bool, interval_s: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _watching(connection) as watch:
        if can_draw() and not (once or as_json):
            from infra.cli.live.notices import Notices
            from infra.cli.live.session import drawn

            await drawn(watch.sight, stop, place=connection.endpoints.bootstrap, notices=Notices())
            return
        with until_reader_leaves():
            await _print(watch, stop, once=once, as_json=as_json, interval_s=interval_s)


async def _print(watch: "Watch", stop: asyncio.Event, *, once: bool, as_json: bool, interval_s: float) -> None:
    """Looks as text or JSON until `stop`, or one; the first once rates can be told."""
    from infra.cli.live.plain import snapshot

    deadline_s = time.monotonic() + MEASURED_WITHIN_S
    while watch.ends.looks < LOOKS_FOR_A_RATE and time.monotonic() < deadline_s and not stop.is_set():
        await _stopped(stop, 0.1)
    while not stop.is_set():
        if as_json:
            say_json(watch.sight())
        else:
            say("\n".join([*snapshot(watch.sight()), ""]))
        if once or await _stopped(stop, interval_s):
            return


def can_draw() -> bool:
    """Whether a person sits at a terminal that can be drawn on; Textual draws on standard error."""
    return is_terminal() and sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


@contextlib.asynccontextmanager
async def _watching(connection: "Connection") -> AsyncIterator["Watch"]:
    from infra.cli.watching import Watch, watched
    from topics.roles import PRICING_CHAIN

    async with watched(Watch(connection, expected=PRICING_CHAIN, look_back_ms=LOOK_BACK_MS)) as watch:
        yield watch


async def _stopped(stop: asyncio.Event, within_s: float) -> bool:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), within_s)
    return stop.is_set()
