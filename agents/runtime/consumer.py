"""Faust's consumer, delivering one message per run of records instead of one per record.

Faust keeps flow control, back-pressure, commits and rebalancing. Overridden of Faust's aiokafka `Consumer` (pinned by
`pins`), each for one reason:

getmany                       one message per run; records of a former assignment are dropped
_wait_next_records            blocked partitions are left out, and a full agent is looked at again soon (stock: 1 s)
perform_seek                  start an epoch: seek by rewind policy, tell the agents
ack                           let go of batches at once
_new_offset, _should_commit   commit the end of the acknowledged prefix
_filter_tps_with_pending_acks commits look at batched partitions
_add_gap                      a batch spans offsets: there are no gaps to book
on_partitions_assigned        for the timeline of the start
on_partitions_revoked         the epoch ends; what is done is committed before the partitions go
on_task_error                 an agent raised: commit nothing more
on_stop, on_init              parked records and lookups end with the consumer
_new_consumer_thread          the half that speaks to the group is ours, and no thread
Changelogs pass as runs (`tables`), topics without a BatchSchema as one message per record.
"""

# ruff: noqa: ANN401  # messages and sets of topics are untyped in Faust

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aiokafka import ConsumerRecord
from faust.transport.drivers import aiokafka
from faust.types import TP

from agents.runtime.batches import Batch, BatchSchema, Reading
from agents.runtime.deliveries import Deliveries
from agents.runtime.group_consumer import Fetched, GroupConsumer
from agents.runtime.parking import Parking
from agents.runtime.rewind import Rewind
from agents.runtime.schema_ids import first_unknown
from agents.runtime.tables import LogRun
from windows.epochs import Epoch

if TYPE_CHECKING:
    from agents.runtime.app import WorkerApp

SOON_S = 0.01
"""Pause before looking again at a partition that is full, held or parked."""
DRAIN_S = 2.0
"""How long a revocation or a stop waits for the batches that agents hold."""


class Consumer(aiokafka.Consumer):
    """Consumer of one worker: deliveries, epoch and blocks of its batched partitions."""

    app: "WorkerApp"
    _thread: GroupConsumer

    def on_init(self) -> None:
        """Start without an assignment."""
        self.epoch: Epoch | None = None
        self._told: Epoch | None = None
        self.deliveries: dict[TP, Deliveries] = {}
        self.ends: Mapping[TP, int] = {}
        self.parking = Parking()
        self.acknowledged = 0  # batches; the watchdog looks whether it moves
        self._working: dict[Batch, float] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def reading(self, topic: str) -> Reading | None:
        """Return how this topic is read, None if it is not batched."""
        conductor: Any = self.app.topics
        channels = conductor._topic_name_index.get(topic, ())
        return next((c.schema.reading for c in channels if isinstance(c.schema, BatchSchema)), None)

    # ---- delivering

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ASYNC109  # Faust's signature
        """Yield the next messages, at most `timeout` seconds after the call if there are none."""
        fetched, _ = await self._wait_next_records(timeout)
        generation = self.app.consumer_generation_id  # after the wait, which may span a rebalance
        for tp, records in self.parking.due(self._current(fetched)):
            for message in self._messages(tp, records):
                if not self.flow_active or generation != self.app.consumer_generation_id:
                    return  # rebalance: what is left will be fetched again
                yield tp, message
            if not self.flow_active or generation != self.app.consumer_generation_id:
                return
        if fetched.epoch == self.epoch:
            self._read_to(fetched)

    def _messages(self, tp: TP, records: Sequence[ConsumerRecord]) -> Iterable[Any]:
        if reading := self.reading(tp.topic):
            return self._runs(tp, records, reading)
        if tp.topic in self.app.tables.changelog_topics:
            return (LogRun.of(tp, records),)
        return (self._to_message(tp, record) for record in records)

    def _current(self, fetched: Fetched) -> dict[TP, list[Sequence[ConsumerRecord]]]:
        """Return what was fetched without batched records of a former assignment."""
        if not self.flow_active:
            return {}
        for tp in fetched:
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        return {tp: r for tp, r in fetched.items() if fetched.epoch == self.epoch or not self.reading(tp.topic)}

    def _runs(self, tp: TP, records: Sequence[ConsumerRecord], reading: Reading) -> Iterator[Batch]:
        """Yield `records` as batches; park what is left when the partition becomes blocked on the way."""
        for start in range(0, len(records), reading.max_records):
            if tp in self.parking.blocked:
                self.parking.park(tp, records[start:])
                return
            run = records[start : start + reading.max_records]
            unknown = first_unknown(run, reading.schema_ids) if reading.schema_ids else None
            if unknown is None:
                yield self._deliver(tp, run)
                continue
            known, schema_ids = unknown
            assert reading.schema_ids is not None
            self.parking.park(tp, records[start + known :])
            self.add_future(self.parking.look_up(tp, schema_ids, reading.schema_ids))
            if known:
                yield self._deliver(tp, run[:known])
            return

    def _deliver(self, tp: TP, run: Sequence[ConsumerRecord]) -> Batch:
        assert self.epoch is not None
        delivered = self.deliveries[tp]
        batch = Batch.of(tp, run, epoch=self.epoch, resume=delivered.span.resume)
        delivered.deliver(batch)
        self.app.timeline.reach("first batch")
        return batch

    def _read_to(self, fetched: Fetched) -> None:
        for tp, position in fetched.positions.items():
            if tp in self.deliveries and not self.parking.parked(tp):
                self.deliveries[tp].read_to(position)

    async def _wait_next_records(self, timeout: float) -> tuple[Fetched, None]:  # noqa: ASYNC109  # the same
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        wanted = {tp for tp in self._get_active_partitions() - self.parking.blocked if self._may_fetch(tp)}
        if not wanted:
            await asyncio.sleep(SOON_S)
            return Fetched(), None
        if self._buffered_partitions or self.parking.waiting:
            timeout = SOON_S
        fetched = await self._getmany(wanted, timeout)
        return fetched if isinstance(fetched, Fetched) else Fetched(), None  # {} while the flow is stopped

    def _may_fetch(self, tp: TP) -> bool:
        """Whether a fetch may move this partition's position: between epochs nobody would take the records in."""
        return self.epoch is not None or self.reading(tp.topic) is None

    # ---- acknowledging

    def begin(self, batch: Batch) -> None:
        """Note that an agent works on this batch."""
        self._working[batch] = time.monotonic()
        self._idle.clear()

    def end(self, batch: Batch) -> None:
        """Note that the agent has acknowledged it."""
        if (begun_s := self._working.pop(batch, None)) is not None:
            self.app.batch_done((time.monotonic() - begun_s) * 1000)
        if not self._working:
            self._idle.set()

    def ack(self, message: Any) -> bool:
        """Mark a message as done."""
        if not isinstance(message, Batch):
            return bool(super().ack(message))
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        self.acknowledged += 1
        if message.epoch == self.epoch and (delivered := self.deliveries.get(message.tp)):
            delivered.settle()
        return True

    def _new_offset(self, tp: TP) -> int | None:
        delivered = self.deliveries.get(tp)
        return delivered.take_commit() if delivered else super()._new_offset(tp)

    def _should_commit(self, tp: TP, offset: int) -> bool:
        return tp in self.deliveries or bool(super()._should_commit(tp, offset))

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        chosen = (tp for tp in self.deliveries if topics is None or tp in topics or tp.topic in topics)
        yield from (*chosen, *(t for t in super()._filter_tps_with_pending_acks(topics) if t not in self.deliveries))

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp not in self.deliveries:
            await super()._add_gap(tp, offset_from, offset_to)

    async def finish_working(self) -> None:
        """Have agents publish and acknowledge what they hold, for a bounded time, then commit what is done."""
        try:
            async with asyncio.timeout(DRAIN_S):
                await self.app.drain()
                await self._idle.wait()
        except TimeoutError:
            self.log.warning("agents did not finish in %s s: their batches will be read again", DRAIN_S)
        await self.commit()

    # ---- epochs

    async def perform_seek(self) -> None:
        """Begin an epoch: read every assigned partition from where its topic's policy says."""
        policies = {topic: reading.rewind for topic in self._topics() if (reading := self.reading(topic))}
        self.app.timeline.reach("restored")
        # After the whole of it Faust gives up recovering, now and at every later assignment, and says nothing.
        async with asyncio.timeout(self.app.conf.broker_request_timeout * 0.9):
            await self._begin_epoch(policies)

    async def _begin_epoch(self, policies: Mapping[str, Rewind | None]) -> None:
        seeked = await self._thread.begin_epoch(policies)
        self.parking.forget()
        self.epoch = seeked.epoch
        self.deliveries = {tp: Deliveries(span) for tp, span in seeked.spans.items() if tp.topic in policies}
        self.ends = seeked.ends
        self._read_offset.update({tp: span.start for tp, span in seeked.spans.items()})
        self._committed_offset.update({tp: s.resume for tp, s in seeked.spans.items() if tp.topic not in policies})
        self.parking.begin(self.deliveries)
        self.app.timeline.reach("seeked")
        await self.app.began(seeked.epoch, {tp: d.span for tp, d in self.deliveries.items()})
        self._told = seeked.epoch

    def rebalanced(self) -> None:
        """Deliver from now on: the agents know of the epoch, and Faust has emptied their queues for the last time."""
        if self._told == self.epoch:  # else another assignment came meanwhile and begins itself
            self.parking.begun()

    def _topics(self) -> Iterable[str]:
        return {tp.topic for tp in self.assignment()}

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Note the time."""
        self.app.timeline.reach("joined")
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """End the epoch; Faust stops the flow in `super`, and the app then lets agents finish (`finish_working`)."""
        await super().on_partitions_revoked(revoked)
        lost = {tp for tp in revoked if tp in self.deliveries}
        self._end_epoch()
        await self.app.lost(lost)  # at once: what agents hold is of no assigned partition any more
        await self.app.publisher.settled()  # whoever has the partitions next finds in the logs what was said of them

    def _end_epoch(self) -> None:
        self.epoch = None
        self.deliveries, self.ends = {}, {}
        self.parking.forget()
        self._working.clear()
        self._idle.set()

    async def on_task_error(self, _exc: BaseException) -> None:
        """Do nothing: the supervisor ends the process."""

    async def on_stop(self) -> None:
        """Commit what is done and end lookups."""
        await super().on_stop()
        self.parking.forget()

    # ---- the other half

    def note_of(self, tp: TP, offset: int) -> str:
        """Return the commit metadata for `offset`."""
        delivered = self.deliveries.get(tp)
        return delivered.note_of(offset) if delivered else ""

    def fetched_ms(self, tp: TP) -> int:
        """When the broker last answered a fetch of an assigned partition, epoch ms of this machine; 0 if never."""
        return self._thread.fetched_ms(tp)

    def _new_consumer_thread(self) -> GroupConsumer:
        return GroupConsumer(self)

    @property
    def has_begun(self) -> bool:
        """Whether the agents know of the current epoch and records are delivered."""
        return self.epoch is not None and self._told == self.epoch and not self.parking.beginning

    @property
    def heartbeat_age_s(self) -> float | None:
        """Seconds since the last heartbeat that the group accepted, None before the first."""
        sent = self._thread.last_heartbeat_s
        return None if sent is None else time.monotonic() - sent
