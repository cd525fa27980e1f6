"""What waits to be answered: after an outage, and when more is asked than can be answered, newest requests first.

    stream ──> Waiting ──claimed in order──> Backlog  [12:00:01 …] [12:00:09 …] [12:00:31 …] ──> newest chunk, answered
                                                        oldest                      newest

A rider who just asked is answered at once, whatever an outage left behind; of those who asked before, most have waited
beyond their deadline and are told so later. Requests are claimed in the order they came, so it is always the first
record of an id that is answered, in whatever order the answers are made.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from agents.quote_requests import MOST_RECORDS, Chunk
from agents.runtime.batches import Batch
from windows.epochs import Epoch

Held = tuple[Batch, Callable[[], None]]
"""A batch and the function that acknowledges it."""
WAITING_BATCHES, DONE_AT_ONCE_MS = 64, 1 << 62
BEHIND_MS, RUN, MORE_WITHIN_S = 1_000, 64, 0.05
"""So many requests of which some came so long ago: more is to be read, and waited for. What came last is at the end.

A backlog is answered by as many at a time: whoever asks meanwhile waits for them.
"""
MOST_WAITING = 50_000
"""Requests held at once, about 1 kB each; what lies beyond stays in the topic."""


class Waiting:
    """Batches between the stream that brings them and the one who answers; a full one holds back the stream."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Held] = asyncio.Queue(WAITING_BATCHES)

    async def put(self, batch: Batch, ack: Callable[[], None]) -> None:
        """Add a batch, once there is room."""
        await self._queue.put((batch, ack))

    async def together(self, most: int = MOST_RECORDS, within_s: float | None = None) -> list[Held]:
        """Everything that waits, up to about `most` records; empty if no batch came in time."""
        try:
            async with asyncio.timeout(within_s):
                taken = [await self._queue.get()]
        except TimeoutError:
            return []
        count = taken[0][0].count
        while count < most and not self._queue.empty():
            taken.append(self._queue.get_nowait())
            count += taken[-1][0].count
        return taken


def reads_the_past(batches: Sequence[Batch], now_ms: int) -> bool:
    """Whether batches are of a log whose end is not reached yet."""
    count = sum(batch.count for batch in batches)
    return count >= RUN and now_ms - min(batch.append_ms for batch in batches) > BEHIND_MS


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Claimed:
    """A chunk whose requests are this worker's to answer in `epoch`, and the acknowledgements due after that."""

    chunk: Chunk
    epoch: Epoch | None
    acks: Sequence[Callable[[], None]]

    @property
    def appended_ms(self) -> int:
        """Append time of its newest request; one without requests is done at once."""
        return max(self.chunk.asked.appended_ms, default=DONE_AT_ONCE_MS)


@dataclass(slots=True)
class Backlog:
    """Chunks that were claimed and not answered yet."""

    most: int = MOST_WAITING
    _chunks: list[Claimed] = field(default_factory=list)
    _count: int = 0
    _oldest_next: bool = False

    def __len__(self) -> int:
        """Requests in it."""
        return self._count

    def __bool__(self) -> bool:
        """Whether a chunk is in it."""
        return bool(self._chunks)

    @property
    def full(self) -> bool:
        """Whether no further chunk should be added now."""
        return self._count >= self.most

    def add(self, claimed: Claimed) -> None:
        """Take in a chunk."""
        self._chunks.append(claimed)
        self._count += len(claimed.chunk.records)

    def take(self) -> list[Claimed]:
        """The chunks to answer next: the newest, about RUN requests; of a full backlog the oldest every other time.

        The oldest so that reading goes on. Several, since few requests a publication are slow. Empty if there is none.
        """
        self._oldest_next = self.full and not self._oldest_next
        self._chunks.sort(key=attrgetter("appended_ms"), reverse=self._oldest_next)
        taken: list[Claimed] = []
        count = 0
        while self._chunks and count < RUN:
            taken.append(self._chunks.pop())
            count += len(taken[-1].chunk.records)
        self._count -= count
        return taken
