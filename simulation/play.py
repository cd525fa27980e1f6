"""A city played in time: riders ask when they want to, cars ping, answers are heard as they come.

Three tasks share one city on one event loop: asking, driving, hearing. Requests are an open loop: nobody waits for an
answer before the next one asks. At the end no one asks any more, and the outstanding answers are waited for until their
deadline and grace have passed.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from simulation.city import Answer, City
from simulation.fleet import Pings
from simulation.summary import CitySummary
from topics.catalogue import QUOTE_REQUESTS, RIDE_EVENTS, Topic

STEP_MS = 100
_LOOK_MS = 200  # how soon a stop is noticed while nobody asks


class Clock(Protocol):
    """Time as the city's driver sees it."""

    def now_ms(self) -> int:
        """Epoch ms UTC."""
        ...

    async def until(self, at_ms: int) -> None:
        """Return once `now_ms` has reached `at_ms`."""
        ...


class Wire(Protocol):
    """How the city reaches the system."""

    async def send(self, topic: Topic, records: Sequence[Any]) -> None:
        """Hand over records of one topic, in order, under their natural keys."""
        ...

    async def send_pings(self, pings: Pings) -> None:
        """Hand over what cars reported."""
        ...

    def answers(self) -> AsyncIterator[Sequence[Answer]]:
        """Quotes and booking decisions as they become readable, for ever."""
        ...


class WallClock:
    """The machine's time; may be set back, then `until` waits by the monotonic one."""

    def now_ms(self) -> int:
        """Epoch ms UTC."""
        return time.time_ns() // 1_000_000

    async def until(self, at_ms: int) -> None:
        """Sleep until then; at least lets others run."""
        await asyncio.sleep(max(0.0, at_ms / 1_000 - time.time()))


async def play(city: City, wire: Wire, clock: Clock, *, stop: asyncio.Event, end_ms: int | None = None) -> CitySummary:
    """Play until `stop` is set or `end_ms` is reached, then wait for outstanding answers; what the city saw.

    An error of the wire ends the play and is raised in an ExceptionGroup.
    """
    city.begin(clock.now_ms())
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(_hear(city, wire, clock), name="city-hears")
        driving = tasks.create_task(_drive(city, wire, clock), name="city-drives")
        await _ask(city, wire, clock, stop=stop, end_ms=end_ms)
        while city.outstanding:
            await clock.until(clock.now_ms() + STEP_MS)
        hearing.cancel()
        driving.cancel()
    return city.summary()


async def _ask(city: City, wire: Wire, clock: Clock, *, stop: asyncio.Event, end_ms: int | None) -> None:
    while not stop.is_set() and (end_ms is None or clock.now_ms() < end_ms):
        now_ms = clock.now_ms()
        requests = city.requests(now_ms)
        if requests:
            await wire.send(QUOTE_REQUESTS, requests)
        due = min(city.next_request_ms(), now_ms + _LOOK_MS)
        await clock.until(due if end_ms is None else min(due, end_ms))


async def _drive(city: City, wire: Wire, clock: Clock) -> None:
    while True:
        driven = city.drive(clock.now_ms())
        if driven.events:
            await wire.send(RIDE_EVENTS, driven.events)
        await wire.send_pings(driven.pings)
        await clock.until(clock.now_ms() + STEP_MS)


async def _hear(city: City, wire: Wire, clock: Clock) -> None:
    async for answers in wire.answers():
        city.hear(answers, now_ms=clock.now_ms())
