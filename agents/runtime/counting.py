"""What SUPPLY and DEMAND share: keep one state per source partition, publish absolute counts, commit after the flush.

    batch ──> observe (state, refused, late)          any number of batches; ack those that are only replayed
    every flush ──> changes of caught-up partitions ──> send ──> acknowledged ──> ack the live batches taken before
    first flush after catching up ──> all counts, then SNAPSHOT_COMPLETE, unless the state has nothing to say yet
    every second ──> ALIVE, after the counts of the same instant

A partition that has not yet passed its committed offset publishes nothing. Counts of a flush are taken in one step of
the event loop, so they include exactly the batches taken before it; an ack therefore never precedes its
acknowledgement.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Protocol

from agents.runtime.batches import Batch
from agents.runtime.shedding import DETAIL_EVERY_MS
from agents.runtime.telemetry import Meter
from topics.catalogue import Topic
from windows.epochs import Epoch

ALIVE_EVERY_MS = 1_000
MOST_UNFLUSHED = 500_000
"""Live records taken in since a flush began that the broker keeps waiting; their bytes are held until the next one."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A record on its way out to one partition of a topic; as an object, or as the bytes of its framed value."""

    topic: Topic
    partition: int
    key: bytes
    record: Any
    headers: tuple[tuple[str, bytes], ...] = ()


FETCHED_LATELY_MS = 5_000
"""A topic of which no fetch was answered for longer, since registry or broker is away, is not read to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One assignment of one source partition.

    `stamp_ms` is the append time before which everything had been committed, None if nothing ever was. `has_read_all`
    says of a topic whether all that was in it FETCHED_LATELY_MS ago was taken.
    """

    partition: int
    epoch: Epoch
    stamp_ms: int | None
    has_read_all: Callable[[str], bool]


class SourcePartition(Protocol):
    """State of one source partition, rebuilt by rewinding."""

    def observe(self, batch: Batch) -> Iterable[Outgoing]:
        """Take in one batch; return dead letters and late events of its live records, which may be made later."""
        ...

    def changes(self, now_ms: int) -> Iterable[Outgoing]:
        """Absolute counts of everything that changed since the last call."""
        ...

    def snapshot_complete(self, now_ms: int) -> Iterable[Outgoing]:
        """Say that all this epoch knows has been written; nothing while too little is known to say so."""
        ...

    def alive(self, now_ms: int) -> Iterable[Outgoing]:
        """Say that this partition is read, be there news or not."""
        ...


@dataclass(slots=True)
class _Held:
    """One source partition in this epoch and what waits for the next flush."""

    state: SourcePartition
    acks: list[Callable[[], None]] = field(default_factory=list)
    refused: list[Iterable[Outgoing]] = field(default_factory=list)
    announced: bool = False
    alive_ms: int = 0


class CountingService:
    """The flush loop over all source partitions of one worker."""

    def __init__(
        self,
        *,
        open_partition: Callable[[Source], SourcePartition],
        caught_up: Callable[[int], bool],
        send: Callable[[Iterable[Outgoing]], Awaitable[object]],
        meter: Meter,
        flush_every_ms: int = 250,
        slowly: Callable[[], bool] = lambda: False,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Prepare; `caught_up(number)` says whether all topics of that partition number passed their commits.

        While `slowly()` holds, flushes are at least a second apart.
        """
        self._open, self._caught_up, self._send, self._meter = open_partition, caught_up, send, meter
        self._flush_every_s, self._now_ms = flush_every_ms / 1000, now_ms
        self._slowly, self._flushed_ms = slowly, 0
        self._held: dict[int, _Held] = {}
        self._unflushed = 0
        self._flushing = asyncio.Lock()

    def assigned(self, sources: Iterable[Source]) -> None:
        """Begin a new epoch: former state is dropped, unacknowledged batches will be delivered again."""
        self._held = {source.partition: _Held(self._open(source)) for source in sources}

    def revoked(self) -> None:
        """Forget everything: the partitions belong to someone else."""
        self._held = {}

    def take(self, batch: Batch, ack: Callable[[], None]) -> None:
        """Take one batch in; `ack` is called once everything that includes it is acknowledged.

        At once if it is only replayed: a long replay would hold all its records, and seem to stand still.
        """
        held = self._held[batch.partition]
        refused = held.state.observe(batch)
        if batch.live:
            held.refused.append(refused)
            held.acks.append(ack)
            self._unflushed += batch.count
        else:
            ack()

    async def room(self) -> None:
        """Return once more may be taken in: at once, unless much waits behind a flush that waits for the broker."""
        if self._unflushed >= MOST_UNFLUSHED:
            async with self._flushing:
                pass

    async def flush(self) -> None:
        """Publish what changed and acknowledge the batches it includes."""
        async with self._flushing:
            now_ms = self._flushed_ms = self._now_ms()
            self._unflushed = 0
            outgoing: list[Iterable[Outgoing]] = []
            acks: list[Callable[[], None]] = []
            for partition, held in self._held.items():
                if self._caught_up(partition):
                    outgoing += self._news(held, now_ms)
                    acks += held.acks
                    held.acks = []
            if outgoing:
                await self._send(chain.from_iterable(outgoing))
            for ack in acks:
                ack()
            self._meter.latency("flush_ms", self._now_ms() - now_ms)

    async def run(self, should_stop: Callable[[], bool]) -> None:
        """Flush at the stated pace until told to stop, and once more then."""
        while not should_stop():
            await asyncio.sleep(self._flush_every_s)
            if not self._slowly() or abs(self._now_ms() - self._flushed_ms) >= DETAIL_EVERY_MS:
                await self.flush()
        await self.flush()

    def _news(self, held: _Held, now_ms: int) -> list[Iterable[Outgoing]]:
        """What was refused, not made yet, then counts: all of them now, since state moves on while they are sent."""
        refused, held.refused = held.refused, []
        news = [*held.state.changes(now_ms)]
        if not held.announced:
            complete = [*held.state.snapshot_complete(now_ms)]
            held.announced = bool(complete)
            news += complete
        if abs(now_ms - held.alive_ms) >= ALIVE_EVERY_MS:  # a clock may be set back
            held.alive_ms = now_ms
            news += held.state.alive(now_ms)
        return [*refused, news]
