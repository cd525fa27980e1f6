"""Looking at one worker from outside its event loop, so that a stuck one is seen.

The event loop is asked for a turn four times a second, and once in a while the broker for the ends of the assigned
partitions: what a fetch last said of them stands still when fetching does. Everything else is read where it lies.
"""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from agents.runtime.app import WorkerApp
from agents.runtime.consumer import Consumer
from agents.runtime.health import Health, Limits, Verdict, View
from agents.runtime.telemetry import Meter

BEAT_EVERY_S = 0.25
ASK_ENDS_EVERY_S = 5.0


class HealthWatch:
    """Sees one worker. `live` and `ready` may be asked from any thread."""

    def __init__(self, app: WorkerApp, meter: Meter, limits: Limits) -> None:
        """Watch `app` from the moment it starts."""
        self._app, self._meter, self._limits = app, meter, limits
        self._health = Health(limits)
        self._beat_s: float | None = None
        self._ends: dict[TP, int] = {}
        app.alongside(self._beat)
        app.alongside(self._ask_ends)

    def look(self) -> None:
        """Take note of whether the reading goes on; to be called about once a second."""
        self._health.observe(self.view(), time.monotonic())

    def live(self) -> Verdict:
        """Whether the worker should go on."""
        return self._health.live(self.view())

    def ready(self) -> Verdict:
        """Whether the worker does all its work."""
        return self._health.ready(self.view())

    def view(self) -> View:
        """One look."""
        app, beat_s = self._app, self._beat_s
        if beat_s is None:
            return View(stopping=bool(app.should_stop), limits=self._limits)
        reader: Consumer = app._reader
        deliveries = dict(reader.deliveries)
        return View(
            started=True,
            stopping=bool(app.should_stop),
            dead_agents=tuple(sorted(dead_agents(app.agents.values()))),
            loop_silent_s=time.monotonic() - beat_s,
            broker_silent_s=reader.heartbeat_age_s,
            assigned=len(deliveries),
            restoring_tables=bool(app.in_recovery),
            epoch_begun=reader.has_begun,
            replaying=sum(not delivered.caught_up for delivered in deliveries.values()),
            unread=sum(self._unread(reader, tp) for tp in deliveries.keys() - reader.parking.blocked),
            batches=reader.acknowledged,
            limits=self._limits,
        )

    def _unread(self, reader: Consumer, tp: TP) -> int:
        delivered = reader.deliveries.get(tp)
        if delivered is None:  # it went in this very moment
            return 0
        return max(0, max(reader.highwater(tp) or 0, self._ends.get(tp, 0)) - delivered.position)

    async def _beat(self) -> None:
        while not self._app.should_stop:
            asked_s = time.monotonic()
            self._beat_s = asked_s
            await asyncio.sleep(BEAT_EVERY_S)
            self._meter.latency("loop_delay_ms", max(0.0, (time.monotonic() - asked_s - BEAT_EVERY_S) * 1000))

    async def _ask_ends(self) -> None:
        while not self._app.should_stop:
            await asyncio.sleep(ASK_ENDS_EVERY_S)
            try:
                async with asyncio.timeout(ASK_ENDS_EVERY_S):
                    self._ends = await self._app.broker_ends()
            except (KafkaError, TimeoutError):
                self._ends = {}  # the broker is away: what it said before may be of another assignment


def dead_agents(agents: Iterable[Any]) -> set[str]:
    """Names of agents that run no more: one that raised, and one whose stream ended."""
    return {agent.name for agent in agents for actor in [*agent._actors] if actor.crashed or _ended(actor)}


def _ended(actor: Any) -> bool:  # noqa: ANN401  Faust ships no types
    return actor.actor_task is not None and bool(actor.actor_task.done())
