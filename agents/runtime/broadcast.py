"""Reading partitions outside the consumer group: what every worker needs whole.

Each partition is read from a start point up to its end as of then, at which it is ready, and followed from there on
for as long as the reader runs. Partitions can be exchanged while it runs. Batches of one partition arrive in order,
each record once per start; the receiver is awaited before the next batch. Broker restarts are survived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.runtime.schema_ids import backoff_s
from infra.clients.connection import kafka_consumer

_log = structlog.get_logger(__name__)
_POLL_MS = 100
"""How soon a change of partitions or a stop is noticed when nothing arrives."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Start with the first record the log holds."""


@dataclass(frozen=True, slots=True)
class LastMs:
    """Start `ms` before the append time of the last record, or with what was appended from `since_ms` on if later."""

    ms: int
    since_ms: int = 0

    def __post_init__(self) -> None:
        if self.ms < 0:
            raise ValueError(f"ms must not be negative, got {self.ms}")


@dataclass(frozen=True, slots=True)
class AtOffset:
    """Start with this offset, or with the first record the log still holds."""

    offset: int


Bounds = dict[TopicPartition, tuple[int, int]]
"""First offset of each log and the one after its last."""
Start = Beginning | LastMs | AtOffset
Receiver = Callable[[TP, Sequence[ConsumerRecord]], Awaitable[None]]


class BroadcastReader:
    """Follows partitions on behalf of one worker.

    `run` does the reading and ends only when it is cancelled or when the receiver raises; an app runs it as a task, so
    that an error ends the worker.
    """

    def __init__(
        self,
        bootstrap: str,
        receive: Receiver,
        *,
        client_id: str = "faretide",
        fetch_wait_ms: int = 50,
        fetch_bytes: int = 1,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        """Prepare to read nothing; `follow` says what.

        The broker answers a fetch once it has `fetch_bytes`, or after `fetch_wait_ms` with what there is.
        """
        self._receive = receive
        self._client: dict[str, Any] = {"bootstrap_servers": bootstrap, "client_id": client_id, **(security or {})}
        self._options: dict[str, Any] = {
            **self._client,
            "group_id": None,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",  # where retention overtook us
            "fetch_max_wait_ms": fetch_wait_ms,
            "fetch_min_bytes": fetch_bytes,
            "max_poll_records": 1000,
        }
        self._wanted: dict[TopicPartition, Start] = {}
        self._next: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self._ready.set()

    @property
    def ready(self) -> bool:
        """Whether every followed partition has been read up to its end as of when it was begun."""
        return self._ready.is_set()

    async def wait_ready(self) -> None:
        """Return once `ready`."""
        await self._ready.wait()

    def position(self, tp: TP) -> int | None:
        """Return the next offset to be received, None if the partition is not followed or not begun yet."""
        return self._next.get(TopicPartition(*tp))

    def follow(self, partitions: Mapping[TP, Start]) -> None:
        """Follow exactly these partitions from now on; those followed already go on where they are."""
        self._wanted = {TopicPartition(*tp): start for tp, start in partitions.items()}
        self._ready.clear()
        self._changed.set()

    def follow_topics(self, topics: Mapping[str, int], start: Start) -> None:
        """Follow all partitions of these existing topics; `topics` says how many each has."""
        self.follow({TP(topic, number): start for topic, count in topics.items() for number in range(count)})

    async def run(self) -> None:
        """Read until cancelled. Raises what the receiver raised."""
        consumer = await self._connected()
        try:
            while True:
                if self._changed.is_set() and not await self._has_begun(consumer):
                    continue
                if not self._next:
                    await self._changed.wait()
                    continue
                await self._hand_over(await self._poll(consumer))
                self._look_whether_ready(consumer)
        finally:
            await consumer.stop()

    async def _connected(self) -> AIOKafkaConsumer:
        for pause_s in backoff_s():
            consumer = kafka_consumer(self._options)
            try:
                await consumer.start()
            except KafkaError as error:
                await consumer.stop()
                _log.warning("no broker answered", error=repr(error), retry_in_s=pause_s)
                await asyncio.sleep(pause_s)
            else:
                return consumer
        raise AssertionError("unreachable: backoff_s does not end")

    async def _poll(self, consumer: AIOKafkaConsumer) -> dict[TopicPartition, list[ConsumerRecord]]:
        try:
            fetched: dict[TopicPartition, list[ConsumerRecord]] = await consumer.getmany(timeout_ms=_POLL_MS)
        except KafkaError as error:
            _log.warning("broadcast read failed, trying again", error=repr(error))
            await asyncio.sleep(_POLL_MS / 1000)
            return {}
        return fetched

    async def _hand_over(self, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        for tp, records in fetched.items():
            if tp in self._next and tp in self._wanted:
                await self._receive(TP(*tp), records)
                self._next[tp] = records[-1].offset + 1

    async def _has_begun(self, consumer: AIOKafkaConsumer) -> bool:
        """Begin what is wanted; False if no broker said where, to be tried again."""
        try:
            await self._begin(consumer)
        except KafkaError as error:
            _log.warning("broadcast read could not begin, trying again", error=repr(error))
            self._changed.set()
            await asyncio.sleep(_POLL_MS / 1000)
            return False
        return True

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Assign what is wanted: new partitions at their start, the others where they are."""
        wanted = dict(self._wanted)
        self._changed.clear()
        new = {tp: start for tp, start in wanted.items() if tp not in self._next}
        if wanted:
            consumer.assign([*wanted])
        bounds = await _bounds(consumer, [*new])
        begun = await _first_offsets(consumer, new, bounds)
        self._next = {tp: self._next.get(tp, begun.get(tp, 0)) for tp in wanted}
        self._ends = {tp: bounds[tp][1] if tp in bounds else self._ends[tp] for tp in wanted}
        for tp, offset in self._next.items():
            consumer.seek(tp, offset)
        self._look_whether_ready(consumer)

    def _look_whether_ready(self, consumer: AIOKafkaConsumer) -> None:
        """Compare fetch positions, which also pass transaction markers, with the ends."""
        if self._changed.is_set() or self._ready.is_set():
            return
        subscription: Any = consumer._subscription.subscription
        if all(_reached(subscription.assignment.state_value(tp), end) for tp, end in self._ends.items()):
            self._ready.set()


def _reached(state: Any, offset: int) -> bool:  # noqa: ANN401  # aiokafka ships no types
    return bool(state.has_valid_position and state.position >= offset)


async def _bounds(consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> Bounds:
    if not tps:
        return {}
    first, end = await asyncio.gather(consumer.beginning_offsets(tps), consumer.end_offsets(tps))
    return {tp: (first[tp], end[tp]) for tp in tps}


async def _first_offsets(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, Start], bounds: Bounds
) -> dict[TopicPartition, int]:
    """Return the offset to begin each partition with, in `[first, end]`; a few requests for all of them together."""
    back = {tp: start for tp, start in starts.items() if isinstance(start, LastMs)}
    last_ms = await _last_append_ms(consumer, {tp: bounds[tp] for tp in back})
    since_ms = {tp: max(0, start.since_ms, last_ms[tp] - start.ms) for tp, start in back.items() if tp in last_ms}
    found = await consumer.offsets_for_times(since_ms) if since_ms else {}
    begun = {tp: bounds[tp][0] for tp in starts}
    for tp, start in starts.items():
        if isinstance(start, AtOffset):
            begun[tp] = max(begun[tp], start.offset)
        elif tp in since_ms:
            begun[tp] = bounds[tp][1] if found.get(tp) is None else int(found[tp].offset)
    return begun


async def _last_append_ms(consumer: AIOKafkaConsumer, bounds: Bounds) -> dict[TopicPartition, int]:
    """Return the append time of the last record of each partition, of those that have one in their bounds.

    The last offsets may be transaction markers or compacted away, so the look goes back by steps of growing length.
    """
    last_ms: dict[TopicPartition, int] = {}
    back, left = 1, {tp: bound for tp, bound in bounds.items() if bound[1] > bound[0]}
    while left:
        for tp, (first, end) in left.items():
            consumer.seek(tp, max(first, end - back))
        while behind := [tp for tp, (_, end) in left.items() if await consumer.position(tp) < end]:
            for tp, records in (await consumer.getmany(*behind, timeout_ms=_POLL_MS)).items():
                last_ms[tp] = records[-1].timestamp
        left = {tp: (first, end) for tp, (first, end) in left.items() if tp not in last_ms and end - back > first}
        back *= 8
    return last_ms
