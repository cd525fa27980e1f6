"""Records that were fetched but may not be delivered yet, and why.

A partition is blocked while an epoch begins (Faust resumes partitions before that is done), while an agent holds it or
while the schema id of its next record is being looked up. What was fetched of it meanwhile is parked here in order;
other partitions go on. A new assignment forgets everything: the records are fetched again from the new start.
"""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.runtime.schema_ids import SchemaIds, look_up


class Parking:
    """Blocked partitions of one consumer and their parked records."""

    def __init__(self) -> None:
        self._beginning: set[TP] = set()
        self._held: set[TP] = set()
        self._lookups: dict[TP, asyncio.Task[None]] = {}
        self._parked: dict[TP, list[Sequence[ConsumerRecord]]] = {}

    @property
    def blocked(self) -> set[TP]:
        """Partitions of which nothing may be delivered now."""
        return self._beginning | self._held | self._lookups.keys()

    @property
    def waiting(self) -> bool:
        """Whether anything is blocked or parked, so that the next look should come soon."""
        return bool(self._beginning or self._held or self._lookups or self._parked)

    @property
    def beginning(self) -> bool:
        """Whether an epoch begins."""
        return bool(self._beginning)

    def begin(self, partitions: Iterable[TP]) -> None:
        """Deliver nothing of these partitions until `begun`: the agents are still being told of them."""
        self._beginning = set(partitions)

    def begun(self) -> None:
        """The agents know of their partitions."""
        self._beginning = set()

    def hold(self, tp: TP) -> None:
        """Deliver nothing more of this partition until `release`."""
        self._held.add(tp)

    def release(self, tp: TP) -> None:
        """End a hold; without one nothing happens."""
        self._held.discard(tp)

    def forget(self) -> None:
        """Drop holds, lookups and parked records: the assignment they belong to is over."""
        for task in self._lookups.values():
            task.cancel()
        self._beginning = set()
        self._held.clear()
        self._lookups.clear()
        self._parked.clear()

    def parked(self, tp: TP) -> bool:
        """Whether records of this partition are parked."""
        return tp in self._parked

    def park(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        """Keep records behind those already parked."""
        if records:
            self._parked.setdefault(tp, []).append(records)

    def due(
        self, fetched: Mapping[TP, Iterable[Sequence[ConsumerRecord]]]
    ) -> Iterator[tuple[TP, Sequence[ConsumerRecord]]]:
        """Yield the runs of records that may be delivered now, parked before fetched, and park the rest.

        Blocks are looked at as the iteration proceeds: the receiver may park what it got again.
        """
        for tp in [*self._parked]:
            if tp not in self.blocked:
                yield from self._open(tp, self._parked.pop(tp))
        for tp, runs in fetched.items():
            yield from self._open(tp, runs)

    def _open(self, tp: TP, runs: Iterable[Sequence[ConsumerRecord]]) -> Iterator[tuple[TP, Sequence[ConsumerRecord]]]:
        for records in runs:
            if tp in self.blocked or tp in self._parked:
                self.park(tp, records)
            else:
                yield tp, records

    def look_up(self, tp: TP, unknown: Sequence[int], schema_ids: SchemaIds) -> asyncio.Task[None]:
        """Block the partition until the registry has answered for the first of these ids; the task ends then."""
        asking = look_up(unknown, schema_ids, topic=tp.topic, partition=tp.partition)
        task = asyncio.create_task(asking, name=f"schema id {unknown[0]}")
        self._lookups[tp] = task
        task.add_done_callback(lambda done: self._unblock(tp, done))
        return task

    def _unblock(self, tp: TP, task: asyncio.Task[None]) -> None:
        if self._lookups.get(tp) is task:
            del self._lookups[tp]
