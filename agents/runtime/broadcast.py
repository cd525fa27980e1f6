"""Reading partitions outside the consumer group: what every worker needs whole.

Each partition is read from a start point up to its end as of then, at which it is ready, and followed from there on
for as long as the reader runs. Partitions can be exchanged while it runs. Batches of one partition arrive in order,
each record once per start; the receiver is awaited before the next batch. Broker restarts are survived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.runtime.schema_ids import backoff_s
from infra.clients.connection import kafka_admin, kafka_consumer

_log = structlog.get_logger(__name__)
_POLL_MS = 100
"""How soon a change of partitions or a stop is noticed when nothing arrives."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """Start with the first record the log holds."""


@dataclass(frozen=True, slots=True)
class LastMs:
    """Start `ms` before the append time of the last record."""

    ms: int

    def __post_init__(self) -> None:
        if self.ms < 0:
            raise ValueError(f"ms must not be negative, got {self.ms}")


@dataclass(frozen=True, slots=True)
class AtOffset:
    """Start with this offset, or with the first record the log still holds."""

    offset: int


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
        fetch_wait_ms: int = 10,
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
        self._changed = False
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
        self._changed = True
        self._ready.clear()

    async def follow_topics(self, topics: Iterable[str], start: Start) -> None:
        """Follow all partitions of existing topics.

        Raises KafkaError if no broker answers, LookupError naming a topic that does not exist.
        """
        admin = kafka_admin(self._client)
        await admin.start()
        try:
            described = await admin.describe_topics([*topics])
        finally:
            await admin.close()
        missing = [topic["topic"] for topic in described if topic["error_code"] or not topic["partitions"]]
        if missing:
            raise LookupError(f"topics that do not exist: {', '.join(missing)}")
        self.follow({TP(t["topic"], p["partition"]): start for t in described for p in t["partitions"]})

    async def run(self) -> None:
        """Read until cancelled. Raises what the receiver raised."""
        consumer = await self._connected()
        try:
            while True:
                if self._changed:
                    await self._begin(consumer)
                if not self._next:
                    await asyncio.sleep(_POLL_MS / 1000)
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

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        """Assign what is wanted: new partitions at their start, the others where they are."""
        wanted, self._changed = dict(self._wanted), False
        new = {tp: start for tp, start in wanted.items() if tp not in self._next}
        if wanted:
            consumer.assign([*wanted])
        bounds = await _bounds(consumer, [*new])
        begun = {tp: await _first_offset(consumer, tp, start, *bounds[tp]) for tp, start in new.items()}
        self._next = {tp: self._next.get(tp, begun.get(tp, 0)) for tp in wanted}
        self._ends = {tp: bounds[tp][1] if tp in bounds else self._ends[tp] for tp in wanted}
        for tp, offset in self._next.items():
            consumer.seek(tp, offset)
        self._look_whether_ready(consumer)

    def _look_whether_ready(self, consumer: AIOKafkaConsumer) -> None:
        """Compare fetch positions, which also pass transaction markers, with the ends."""
        if self._changed or self._ready.is_set():
            return
        subscription: Any = consumer._subscription.subscription
        if all(_reached(subscription.assignment.state_value(tp), end) for tp, end in self._ends.items()):
            self._ready.set()


def _reached(state: Any, offset: int) -> bool:  # noqa: ANN401  # aiokafka ships no types
    return bool(state.has_valid_position and state.position >= offset)


async def _bounds(consumer: AIOKafkaConsumer, tps: list[TopicPartition]) -> dict[TopicPartition, tuple[int, int]]:
    if not tps:
        return {}
    first, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    return {tp: (first[tp], end[tp]) for tp in tps}


async def _first_offset(consumer: AIOKafkaConsumer, tp: TopicPartition, start: Start, first: int, end: int) -> int:
    """Return the offset to begin with, in `[first, end]`."""
    match start:
        case AtOffset(offset):
            return max(first, offset)
        case LastMs(ms):
            last_ms = await _last_append_ms(consumer, tp, first, end)
            if last_ms is None:
                return first
            found = (await consumer.offsets_for_times({tp: max(0, last_ms - ms)}))[tp]
            return end if found is None else int(found.offset)
        case Beginning():
            return first


async def _last_append_ms(consumer: AIOKafkaConsumer, tp: TopicPartition, first: int, end: int) -> int | None:
    """Return the append time of the last record in `[first, end)`, None if there is none.

    The last offsets may be transaction markers or compacted away, so the look goes back by doubling steps.
    """
    back = 1
    while end > first:
        begin = max(first, end - back)
        consumer.seek(tp, begin)
        last_ms: int | None = None
        while await consumer.position(tp) < end:
            for records in (await consumer.getmany(tp, timeout_ms=_POLL_MS)).values():
                last_ms = records[-1].timestamp
        if last_ms is not None or begin == first:
            return last_ms
        back *= 8
    return None
