"""The half of the consumer that speaks to the group and fetches: what Faust keeps in a thread of its own.

Here it is served by the worker's own event loop (ADR 18): a fetch that has to change threads twice, each time waiting
for the interpreter's lock, kept requests waiting for up to 0.3 s on a busy machine.

Overridden of `AIOKafkaConsumerThread` (pinned by `pins`), each for one reason:

call_thread              there is no thread to call
_gather_remaining_tasks  what is left in the loop when this half ends is the worker's
_create_worker_consumer  short fetch waits, commit notes, and no assignor but Faust's co-partitioning one
on_start                 a held partition may not hold back the others' fetches; the fence of `fencing`; what is said of
                         the whole group (`group_answers`)
_fetch_records           each fetch is marked with the epoch it was made under; one that a seek or the end of the flow
                         overtook is undone; records of raw topics come as runs
_complain                aiokafka keeps fatal errors of the group (refused session timeout, no permission) to itself
                         until asked, and Faust never asks: the worker would look healthy and read nothing
"""

# ruff: noqa: ANN401  # aiokafka ships no types

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata
from faust.exceptions import ImproperlyConfigured
from faust.transport.drivers import aiokafka
from faust.types import TP
from mode import Service
from mode.utils.futures import maybe_async

from agents.runtime import fencing, group_answers, raw_fetch
from agents.runtime.raw_fetch import RawTopics
from agents.runtime.record_run import RecordRun
from agents.runtime.rewind import CommitNote, Log, Rewind, Span, epoch_start, span, stamp_of
from windows.epochs import Epoch

if TYPE_CHECKING:
    from agents.runtime.consumer import Consumer

PREFETCH_BACKOFF_S = 0.005
"""How long a partition that is not drained holds back the next fetch from its broker (aiokafka: 0.1 s)."""

COMPLAIN_EVERY_S = 0.5
"""How often the group is asked for fatal errors."""


class Fetched(dict[TP, list[Sequence[Any]]]):
    """Runs of records by partition, the epoch they were fetched under, and the fetch positions after them."""

    epoch: Epoch | None = None
    positions: Mapping[TP, int] = {}


@dataclass(frozen=True, slots=True)
class Seeked:
    """A new epoch, from where each partition is read in it, and where the logs ended at its start."""

    epoch: Epoch
    spans: Mapping[TP, Span]
    ends: Mapping[TP, int]


class _Serving:
    """What mode takes for the thread of a service: a task in the loop that starts it."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Serve."""
        self._task = asyncio.get_running_loop().create_task(self._service._serve())

    def stop(self) -> None:
        """Do nothing: the service itself waits until it has been shut down."""


class GroupConsumer(aiokafka.AIOKafkaConsumerThread):
    """Fetching, seeking, committing and heartbeats."""

    consumer: "Consumer"
    epoch: Epoch | None = None
    last_heartbeat_s: float | None = None
    """Monotonic time at which the last heartbeat accepted by the group was sent; at first, of joining it."""

    def __init__(self, consumer: "Consumer") -> None:
        super().__init__(
            consumer, loop=consumer.loop, thread_loop=consumer.loop, Worker=_Serving, beacon=consumer.beacon
        )

    async def call_thread(self, fun: Any, *args: Any, **kwargs: Any) -> Any:
        """Call it here; whoever stops waiting does not stop the work, which may be halfway through a request."""
        return await asyncio.shield(asyncio.ensure_future(maybe_async(fun(*args, **kwargs))))

    async def _gather_remaining_tasks(self) -> None:
        """Leave the loop's other tasks alone."""

    async def on_start(self) -> None:
        """Start the aiokafka consumer."""
        await super().on_start()
        client = self._ensure_consumer()
        client._fetcher._prefetch_backoff = PREFETCH_BACKOFF_S
        fencing.watch(client._coordinator, self)
        group_answers.heed(client._coordinator)

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        if self._assignor is not self.app.assignor:
            raise ImproperlyConfigured(
                "table_standby_replicas must be at least 1: with 0 and no tables Faust assigns round robin, which "
                "gives one partition number of two topics to two workers"
            )
        wait = self.consumer.app.settings.fetch_wait
        consumer._fetch_min_bytes, consumer._fetch_max_wait_ms = wait.bytes, wait.ms
        raw_fetch.install()
        consumer._value_deserializer = RawTopics(self._is_raw)
        commit = consumer.commit

        async def commit_with_notes(offsets: Mapping[TopicPartition, OffsetAndMetadata]) -> None:
            await commit(
                {tp: OffsetAndMetadata(o.offset, self.consumer.note_of(TP(*tp), o.offset)) for tp, o in offsets.items()}
            )

        consumer.commit = commit_with_notes
        return consumer

    def fetched_ms(self, tp: TP) -> int:
        """When the broker last answered a fetch of an assigned partition, with records or without; 0 if never."""
        answered_ms: int | None = self._ensure_consumer().last_poll_timestamp(TopicPartition(*tp))
        return answered_ms or 0

    def _is_raw(self, topic: str) -> bool:
        reading = self.consumer.reading(topic)
        return reading is not None and reading.raw

    @Service.task
    async def _complain(self) -> None:
        while not self.should_stop:
            self._ensure_consumer()._coordinator.check_errors()
            await asyncio.sleep(COMPLAIN_EVERY_S)

    async def _fetch_records(self, consumer: Any, *args: Any, **kwargs: Any) -> Fetched:
        under = self.epoch
        records = await super()._fetch_records(consumer, *args, **kwargs)
        assignment = consumer._subscription.subscription.assignment
        current = assignment is not None and assignment.active
        if self.epoch != under or not self.consumer.flow_active:
            _undo(consumer, {tp: early for tp, early in records.items() if current and tp in assignment.tps})
            records = {}
        fetched = Fetched({TP(*tp): r if isinstance(r[0], RecordRun) else [r] for tp, r in records.items()})
        fetched.epoch = self.epoch  # nothing was awaited since, so the mark cannot be of another one
        if current:
            states = {tp: assignment.state_value(tp) for tp in assignment.tps}
            fetched.positions = {TP(*tp): s.position for tp, s in states.items() if s.has_valid_position}
        return fetched

    async def begin_epoch(self, policies: Mapping[str, Rewind | None]) -> Seeked:
        """Seek all assigned partitions but changelogs; topics in `policies` by their policy.

        Raises CommittedBeyondEndError, and IllegalStateError if another rebalance came in between.
        """
        seeked: Seeked = await self.call_thread(self._begin_epoch, policies)
        return seeked

    async def _begin_epoch(self, policies: Mapping[str, Rewind | None]) -> Seeked:
        consumer = self._ensure_consumer()
        generation = self.app.consumer_generation_id
        if self.last_heartbeat_s is None:
            self.last_heartbeat_s = time.monotonic()  # that the group let us join is as good as a heartbeat
        changelogs = self.app.tables.changelog_topics
        logs, stamps = await _logs(consumer, [t for t in consumer.assignment() if t.topic not in changelogs], policies)
        spans = {
            TP(*tp): span(
                f"{tp.topic}[{tp.partition}]",
                log,
                rewinds=policies.get(tp.topic) is not None,
                stamp_ms=stamps.get(tp.partition),
            )
            for tp, log in logs.items()
        }
        for tp, spanned in spans.items():
            consumer.seek(TopicPartition(*tp), spanned.start)
        earlier = [log.note.epoch_ms for log in logs.values() if log.note]
        if self.epoch is not None:
            earlier.append(self.epoch.started_ms)
        self.epoch = Epoch(generation, epoch_start(time.time_ns() // 1_000_000, *earlier))
        return Seeked(self.epoch, spans, {TP(*tp): log.end for tp, log in logs.items()})


def _undo(consumer: Any, records: Mapping[TopicPartition, Sequence[Any]]) -> None:
    """Have records read again that nobody will take in: they were asked for before a seek or a rebalance.

    A table's log is where it matters: tables seek it before the flow goes on, a fetch that waited all the while gets
    its records then, and recovery would wait for them for ever.
    """
    for tp, early in records.items():
        first = early[0]
        consumer.seek(tp, first[0].offset if isinstance(first, RecordRun) else first.offset)


async def _logs(
    consumer: Any, tps: list[TopicPartition], policies: Mapping[str, Rewind | None]
) -> tuple[dict[TopicPartition, Log], dict[int, int | None]]:
    """Ask the broker for bounds, commits and rewind points; topics that rewind do so together, by partition number.

    Where none does, the stamps are of all topics in `policies`.
    """
    if not tps:
        return {}, {}
    # the public committed() returns no metadata
    found = await consumer._coordinator.fetch_committed_offsets(tps)
    first, end = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    commits = {tp: c for tp, c in found.items() if c.offset >= 0}
    logs = {
        tp: Log(first[tp], end[tp], commits[tp].offset, CommitNote.parse(commits[tp].metadata))
        if tp in commits
        else Log(first[tp], end[tp], None, None)
        for tp in tps
    }
    rewinding = [tp for tp in tps if policies.get(tp.topic)]
    stamped = rewinding or [tp for tp in tps if tp.topic in policies]
    stamps = {
        number: stamp_of(logs[tp] for tp in stamped if tp.partition == number)
        for number in {tp.partition for tp in stamped}
    }
    points = {}
    for tp in rewinding:
        policy, stamp_ms = policies[tp.topic], stamps[tp.partition]
        if policy is not None and stamp_ms is not None:
            points[tp] = max(0, policy(stamp_ms))
    times = await consumer.offsets_for_times(points) if points else {}
    rewound = {tp: found.offset for tp, found in times.items() if found is not None}
    return {tp: replace(log, rewound=rewound.get(tp)) for tp, log in logs.items()}, stamps
