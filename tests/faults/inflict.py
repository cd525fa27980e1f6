"""Inflicting faults on a running system, one after the other."""

import asyncio
import signal
from dataclasses import dataclass, field
from typing import Any

from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker.kafka import remove_static
from tests.broker.services import Pulse, now_ms
from tests.faults.plan import SERVERS, Fault, Kind
from tests.faults.supervised import Supervised
from topics.roles import PRICING_CHAIN

AGAIN_WITHIN_S = 120.0
JOINED_WITHIN_S = 60.0
TAKEN_OVER_S = 10.0
TELLS = PRICING_CHAIN
"""Services whose writing shows that they work."""


@dataclass(slots=True)
class Inflicted:
    """A fault that was inflicted: from when, until when, and what came of it."""

    fault: Fault
    at_ms: int
    until_ms: int = 0
    back_ms: int = 0
    """How long the server that was hit took to start again."""
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
            inflicted.until_ms = inflicted.until_ms or now_ms()
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
                await self.workers.running(instance)
                inflicted.at_ms = now_ms()
                self.workers.signal(instance, signal.SIGKILL)
            case Kind.COLD:
                self.workers.cold(instance)
            case Kind.TAKEOVER:
                await self._take_over(fault, inflicted)
            case Kind.POINT:
                return await self._at_point(instance, fault, inflicted)
            case Kind.PAUSE:
                await self.workers.running(instance)
                self.workers.signal(instance, signal.SIGSTOP)
                await asyncio.sleep(fault.lasts_s)  # the length of the pause
                self.workers.signal(instance, signal.SIGCONT)
            case Kind.ZOMBIE:
                return await self._as_zombie(instance, fault, inflicted)
            case Kind.JOIN:
                await self._join(fault)
            case _:
                inflicted.back_ms = await self._server(fault)
        return None

    async def _at_point(self, instance: str, fault: Fault, inflicted: Inflicted) -> str:
        armed = await self.workers.rearm(instance, fault.point, fault.nth, "die")
        reached = await self.workers.dies(instance, armed)
        inflicted.at_ms = self.workers.lost_ms[instance]
        return "" if reached else "not reached"

    async def _as_zombie(self, instance: str, fault: Fault, inflicted: Inflicted) -> str:
        armed = await self.workers.rearm(instance, "sending", fault.nth, "stop")
        if not await self.workers.stops(armed):
            self.workers.signal(instance, signal.SIGKILL)
            return "not reached"
        inflicted.at_ms = now_ms()
        ended = await self.workers.outlived(instance, seconds=6.0 + fault.lasts_s)
        return f"the zombie ended with {ended}" if ended is not None else "the zombie lived on"

    async def _joined(self, fault: Fault) -> str:
        """Let the second worker of the service join and wait until it has its share; its instance id."""
        second = f"{fault.hit}-1"
        await self.workers.running(second)
        self.workers.let_go(second)
        await kafka.until(lambda: self._shared(second), f"{second} has a share", JOINED_WITHIN_S)
        return second

    def _shared(self, second: str) -> bool:
        """Whether the worker's log says that it works."""
        newest = max(self.workers.logs.glob(f"{second}-*.log"))
        return "worker works" in newest.read_text(errors="replace")

    async def _left(self, fault: Fault, second: str) -> None:
        """Take the second worker away for good, and have the next one stand ready."""
        await self.workers.leave(second)
        await remove_static(self.stack.bootstrap, f"faretide-{fault.hit}", [second])
        self.workers.start(second, waits=True)

    async def _join(self, fault: Fault) -> None:
        second = await self._joined(fault)
        await asyncio.sleep(fault.lasts_s)  # how long it stays
        await self._left(fault, second)

    async def _take_over(self, fault: Fault, inflicted: Inflicted) -> None:
        """The first worker dies and does not come back before the second one has taken over its partitions."""
        first, second = f"{fault.hit}-0", await self._joined(fault)
        inflicted.at_ms = now_ms()
        self.workers.gone(first)
        await asyncio.sleep(TAKEN_OVER_S)  # a session, and time to read back
        self.workers.back(first)
        await self.workers.running(first)
        inflicted.until_ms = now_ms()
        await self.writes_again(fault.hit, inflicted.until_ms)
        await self._left(fault, second)

    async def _server(self, fault: Fault) -> int:
        server: Any = getattr(self.stack, SERVERS[fault.kind])
        await asyncio.to_thread(server.kill)
        await asyncio.sleep(fault.lasts_s)  # how long it is away
        begun_ms = now_ms()
        await asyncio.to_thread(server.start)
        return now_ms() - begun_ms
