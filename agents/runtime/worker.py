"""What every worker has around its service, and how its agents and its telemetry are connected."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import faust
from faust.types import TP

from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch, Reading, held_batches
from agents.runtime.contracts import Contracts
from agents.runtime.counting import Outgoing
from agents.runtime.metrics_process import measure_process, measured_pauses
from agents.runtime.publisher import OvertakenError, Record, always, at_once
from agents.runtime.rewind import Rewind, Span
from agents.runtime.schema_ids import SchemaIds
from agents.runtime.shedding import TELEMETRY_EVERY_MS, Shed, behind_ms, shed_at
from agents.runtime.telemetry import Meter
from agents.runtime.timeline import LAST
from infra.clients.database import Database
from topics.catalogue import TELEMETRY, Topic
from topics.ledger import TelemetrySampled
from windows.epochs import Epoch

TELEMETRY_EVERY_S = 1.0
RAW_RECORDS = 8192
"""Largest batch of a raw topic: its agent holds the event loop for 2 ms, and what Faust costs a batch is shared."""

CODED_AT_ONCE = 128
"""Records made and encoded in one step of the event loop: late events and dead letters take up to 0.1 ms each."""


def now_ms() -> int:
    """The worker's clock, epoch milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Surroundings of one service: topics with their partition counts, schemas, measurements.

    `database` is None for all but the recorder, who alone has to do with it; `flush_every_ms` is for counting services.
    """

    service: str
    name: str
    partitions: Mapping[str, int]
    contracts: Contracts
    schema_ids: SchemaIds
    meter: Meter
    bootstrap: str
    security: Mapping[str, Any]
    database: Database | None = None
    flush_every_ms: int = 250

    def anew(self) -> "Worker":
        """The same surroundings for a process that begins now: its measurements are its own."""
        meter = Meter(service=self.service, worker=self.name, versions=self.meter.versions)
        return replace(self, meter=meter)

    def reading(self, rewind: Rewind | None = None, *, raw: bool = False) -> Reading:
        """How a topic in Confluent format is read; as arrays where that pays, in larger batches."""
        if raw:
            return Reading(rewind=rewind, schema_ids=self.schema_ids, raw=True, max_records=RAW_RECORDS)
        return Reading(rewind=rewind, schema_ids=self.schema_ids)

    async def coded(self, outgoing: Iterable[Outgoing]) -> list[Record]:
        """Records to publish, their values encoded; other tasks run between a few of them and the next."""
        rest, records = iter(outgoing), list[Record]()
        while few := [
            self.contracts.record(o.topic, o.partition, o.key, o.record, o.headers) for o in islice(rest, CODED_AT_ONCE)
        ]:
            records += few
            if len(few) == CODED_AT_ONCE:
                await asyncio.sleep(0)
        return records

    async def publish(self, app: WorkerApp, outgoing: Sequence[Outgoing]) -> list[int]:
        """Encode and publish; the offsets, once acknowledged."""
        return await self.publish_coded(app, await self.coded(outgoing))

    async def publish_coded(
        self, app: WorkerApp, records: Sequence[Record], *, still: Callable[[], bool] = always
    ) -> list[int]:
        """Publish records whose values are coded already, and return their offsets once acknowledged."""
        offsets = await app.publisher.send(records, still=still)
        self._count(records, offsets)
        if any(record.topic != TELEMETRY.name for record in records):
            app.timeline.reach(LAST)
        return offsets

    async def publish_within(self, app: WorkerApp, records: Sequence[Record], epoch: Epoch | None) -> None:
        """Publish what was decided in `epoch`, unless it is over: whoever has the partitions now decides again."""
        if not records:
            return
        with contextlib.suppress(OvertakenError):
            await self.publish_coded(app, records, still=lambda: app.epoch == epoch)

    def _count(self, records: Sequence[Record], offsets: Sequence[int]) -> None:
        sums: dict[tuple[str, int], list[int]] = {}
        for record, offset in zip(records, offsets, strict=True):
            counted = sums.setdefault((record.topic, record.partition), [0, 0, 0])
            counted[0] += 1
            counted[1] += len(record.value or b"")
            counted[2] = offset
        for (topic, partition), (count, size, offset) in sums.items():
            self.meter.wrote(topic, partition, records=count, size=size, offset=offset)


def report_telemetry(app: WorkerApp, worker: Worker) -> None:
    """Publish a sample of the worker's meter once a second."""

    async def began(_epoch: Epoch, _spans: Mapping[TP, Span]) -> None:
        worker.meter.count("assignments")

    app.on_began(began)
    app.batch_done = lambda batch_ms: worker.meter.latency("batch_ms", batch_ms)

    @app.task
    async def telemetry() -> None:
        worker.meter.gauge("started_ms", now_ms())
        told_ms = 0
        with measured_pauses(worker.meter):
            while not app.should_stop:
                shed = shed_now(app)
                worker.meter.gauge("shed_level", shed)
                if not shed or now_ms() - told_ms >= TELEMETRY_EVERY_MS:
                    told_ms = now_ms()
                    sample = _sample(app, worker.meter)
                    record = worker.contracts.record(TELEMETRY, 0, worker.name.encode(), sample)
                    await app.publisher.send([record])
                await asyncio.sleep(TELEMETRY_EVERY_S)


def shed_now(app: WorkerApp) -> Shed:
    """What the worker leaves out now, since it is behind."""
    return shed_at(behind_ms(app.standing().values(), now_ms()))


def _sample(app: WorkerApp, meter: Meter) -> TelemetrySampled:
    standing = app.standing()
    meter.stands(standing)
    meter.gauge("lag", sum(known.lag for known in standing.values()))
    measure_process(meter)
    return meter.sample(now_ms())


def on_batches(
    app: WorkerApp,
    worker: Worker,
    topic: Topic,
    take: Callable[[Batch, Callable[[], None]], None],
    rewind: Rewind | None,
    *,
    raw: bool = False,
    room: Callable[[], Awaitable[None]] = at_once,
) -> None:
    """Have `take(batch, ack)` called with each batch of `topic`; after each, `room` is awaited before the next."""

    async def read(stream: faust.StreamT[Any]) -> None:
        async for batch, ack in held_batches(stream):
            take(batch, ack)
            await room()

    name = f"{worker.service}.{topic.name}"
    app.agent(app.batched_topic(topic.name, worker.reading(rewind, raw=raw)), name=name)(read)
