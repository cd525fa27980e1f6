"""Inflicting faults on a running system, one after the other."""

import asyncio
import signal
from dataclasses import dataclass, field
from typing import Any

from agents.runtime.membership import remove_static
from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker.services import Pulse, now_ms
from tests.faults.plan import SERVERS, Fault, Kind
from tests.faults.supervised import Supervised

AGAIN_WITHIN_S = 120.0
TELLS = {"supply", "demand", "pricing", "quotes"}
"""Services whose writing shows that they work."""


@dataclass(slots=True)
class Inflicted:
    """A fault that was inflicted: from when, until when, and what came of it."""

    fault: Fault
    at_ms: int
    until_ms: int = 0
    said: str = ""


@dataclass(slots=True)
class Surgeon:
    """Does the faults of a plan to these workers and servers."""

    stack: EmbeddedStack
    workers: Supervised
    pulse: Pulse
    done: list[Inflicted] = field(default_factory=list)

    async def inflict_all(self, faults: list[Fault]) -> None:
        """All of them, in order."""
        for fault in faults:
            await asyncio.sleep(fault.wait_s)  # a seeded instant
            inflicted = Inflicted(fault, now_ms())
            self.done.append(inflicted)
            inflicted.said = await self._inflict(fault, inflicted) or ""
            inflicted.until_ms = now_ms()
            if fault.steady and fault.hit in TELLS:
                await self.writes_again(fault.hit, inflicted.until_ms)
        for service in sorted(TELLS):
            await self.writes_again(service, self.workers.started_ms[f"{service}-0"])

    async def writes_again(self, service: str, since_ms: int) -> None:
        """Wait until the service has written after that instant."""
        limit = f"{service} writes again"
        await kafka.until(lambda: self.pulse.last_ms.get(service, 0) > since_ms, limit, AGAIN_WITHIN_S)

    async def _inflict(self, fault: Fault, inflicted: Inflicted) -> str | None:
        instance = f"{fault.hit}-0"
        match fault.kind:
            case Kind.KILL:
                self.workers.signal(instance, signal.SIGKILL)
            case Kind.POINT:
                return await self._at_point(instance, fault, inflicted)
            case Kind.PAUSE:
                self.workers.signal(instance, signal.SIGSTOP)
                await asyncio.sleep(fault.lasts_s)  # the length of the pause
                self.workers.signal(instance, signal.SIGCONT)
            case Kind.ZOMBIE:
                return await self._as_zombie(instance, fault, inflicted)
            case Kind.JOIN:
                await self._join(fault)
            case _:
                await self._server(fault)
        return None

    async def _at_point(self, instance: str, fault: Fault, inflicted: Inflicted) -> str:
        self.workers.rearm(instance, fault.point, str(fault.nth), "die")
        reached = await self.workers.dies(instance)
        inflicted.at_ms = self.workers.lost_ms[instance]
        return "" if reached else "not reached"

    async def _as_zombie(self, instance: str, fault: Fault, inflicted: Inflicted) -> str:
        self.workers.rearm(instance, "sending", str(fault.nth), "stop")
        if not await self.workers.stops(instance):
            self.workers.signal(instance, signal.SIGKILL)
            return "not reached"
        inflicted.at_ms = now_ms()
        ended = await self.workers.outlived(instance, seconds=6.0 + fault.lasts_s)
        return f"the zombie ended with {ended}" if ended is not None else "the zombie lived on"

    async def _join(self, fault: Fault) -> None:
        second = f"{fault.hit}-1"
        self.workers.start(second)
        await asyncio.sleep(fault.lasts_s)  # how long it stays
        await self.workers.leave(second)
        await remove_static(self.stack.bootstrap, f"faretide-{fault.hit}", [second])

    async def _server(self, fault: Fault) -> None:
        server: Any = getattr(self.stack, SERVERS[fault.kind])
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(fault.lasts_s)  # how long it is away
        await asyncio.to_thread(server.start)
