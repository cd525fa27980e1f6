"""How far a contestant is, seen from outside: what its group committed, beside the processor time it had used by then.

    processor time  ── start, compile, join ──┬─ skip ─┬───────── counted ─────────┬── idle
    committed       0                         0        first commit after `skip`   the end

Commits are what every contestant has in common. The cost of a record is the slope between two of them, so that neither
starting up nor waiting at the end counts.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError

from bench.processor_time import Used, used
from bench.servers import Servers
from infra.clients.connection import kafka_admin

LOOK_EVERY_S = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """Records committed since the turn began, and what the contestant had used by then."""

    records: int
    used: Used


def slope(seen: Sequence[Seen], skip: int) -> tuple[Seen, Seen]:
    """The first commit beyond `skip` records and the first that reached the most.

    Raises ValueError unless there are two such commits.
    """
    steps = [here for before, here in pairwise(seen) if here.records > before.records]
    counted = [here for here in steps if here.records >= skip]
    if len(counted) < 2:
        raise ValueError(f"records must span two commits beyond {skip}, got {[here.records for here in steps]}")
    return counted[0], counted[-1]


class Watcher:
    """Looks at one group and one process; use it as an async context."""

    def __init__(self, servers: Servers, topic: str, group: str) -> None:
        """Look at what `group` commits of `topic`."""
        self._admin: Any = kafka_admin(servers.connection.kafka())
        self._topic, self._group = topic, group
        self._places = [TopicPartition(topic, number) for number in range(servers.settings.driver_partitions)]

    async def __aenter__(self) -> Self:
        await self._admin.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._admin.close()

    async def committed(self) -> int:
        """Sum of the committed offsets, 0 for a partition without one and before the broker knows of any group."""
        try:
            found = await self._admin.list_consumer_group_offsets(self._group, partitions=self._places)
        except (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError):
            return 0
        return sum(max(0, offset.offset) for offset in found.values())

    async def watch(
        self, pid: int, first: int, wanted: int, *, within_s: float, alive: Callable[[], None]
    ) -> list[Seen]:
        """Look until `wanted` records beyond offset sum `first` are committed, or the time is over."""
        until_s, seen = time.monotonic() + within_s, [Seen(0, used(pid))]
        while seen[-1].records < wanted and time.monotonic() < until_s:
            alive()
            seen.append(Seen(max(0, await self.committed() - first), used(pid)))
            await asyncio.sleep(LOOK_EVERY_S)
        return seen
