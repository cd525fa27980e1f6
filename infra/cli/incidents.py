"""Faults that `faretide up --incident` makes on purpose, so that people can practise finding them.

    healthy for a minute ──> the fault, until the end ──> everything continued, so that it can stop in order

stale-supply   the supply worker hangs: it neither counts nor reports      faulty: supply
slow-pricing   the pricing worker gets to run a ninth of the time          faulty: pricing
bad-schema     a driver app sends records of a schema nobody registered    faulty: driver-pings.v1
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

from infra.cli.incident_names import Incident
from infra.clients.connection import Connection

HEALTHY_S = 60.0
"""Long enough that what is usual is known before it breaks."""
HELD_S, RUNS_S = 3.2, 0.4
"""Held for less than the group's session, so that nothing moves: slow, not lost."""
BAD_EVERY_S = 0.1
UNREGISTERED = 999_999

Pids = Callable[[], Mapping[str, int]]


FAULTY_NODE: Mapping[Incident, str] = {
    Incident.STALE_SUPPLY: "supply",
    Incident.BAD_SCHEMA: "driver-pings.v1",
    Incident.SLOW_PRICING: "pricing",
}


@contextlib.asynccontextmanager
async def happening(incident: Incident, connection: Connection, pids: Pids) -> AsyncIterator[None]:
    """The incident while the block runs, from a minute on; `pids` gives the process of each service."""
    making = asyncio.create_task(_after_a_while(incident, connection, pids))
    try:
        yield
    finally:
        making.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await making


async def _after_a_while(incident: Incident, connection: Connection, pids: Pids) -> None:
    await asyncio.sleep(HEALTHY_S)
    made: Mapping[Incident, Callable[[], Coroutine[Any, Any, None]]] = {
        Incident.STALE_SUPPLY: lambda: _held(pids, "supply", runs_s=0.0),
        Incident.SLOW_PRICING: lambda: _held(pids, "pricing", runs_s=RUNS_S),
        Incident.BAD_SCHEMA: lambda: _bad_records(connection),
    }
    if incident in made:
        await made[incident]()


async def _held(pids: Pids, service: str, *, runs_s: float) -> None:
    """Hold the service's process, letting it run `runs_s` of every few seconds; in the end it runs."""
    try:
        while True:
            _signal(pids, service, signal.SIGSTOP)
            await asyncio.sleep(HELD_S)
            if runs_s:
                _signal(pids, service, signal.SIGCONT)
                await asyncio.sleep(runs_s)
    finally:
        _signal(pids, service, signal.SIGCONT)


def _signal(pids: Pids, service: str, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, KeyError):  # it ended by itself, and is being started again
        os.kill(pids()[service], number)


async def _bad_records(connection: Connection) -> None:
    """Pings of a schema that the registry does not know, ten a second, as an app sends them that forgot to register."""
    from infra.clients.producer import Publisher
    from topics import wire
    from topics.catalogue import DRIVER_PINGS

    headers = [("ce_id", b"beta"), ("ce_source", b"driver-app/beta"), ("ce_type", b"DriverPinged")]
    async with Publisher(connection, {}, source="driver-app/beta") as publisher:
        while True:
            await publisher.publish_again(
                DRIVER_PINGS,
                wire.frame(UNREGISTERED, b"beta"),
                key=b"driver-of-the-beta",
                headers=headers,
                partition=None,
                timestamp_ms=None,
            )
            await asyncio.sleep(BAD_EVERY_S)
