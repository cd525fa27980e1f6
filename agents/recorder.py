"""Keep what the topics forget: quotes, ticks, decisions, ride events and dead letters, in PostgreSQL.

Reads   QUOTES, SURGE, BOOKING_DECISIONS, RIDE_EVENTS, all dead letters
Writes  tables quotes, ticks, booking_decisions, ride_events, dead_letters (docs/recorder.md)
Keeps   rows that are not written yet, up to PENDING_BYTES

A batch is acknowledged after the transaction that holds it was committed, and a row is keyed by where its record
stands, so whatever is read again changes nothing. While the database is away every partition is held: nothing more is
fetched, nothing is lost, and nobody else waits, since this is a process and a group of its own.

    batch ──> rows ──> pending ──(every 250 ms)──> transaction ──> acknowledged ──> offset committed
                          └── PENDING_BYTES reached, or no database: partitions are held until it is written
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import structlog
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.recorder_rows import RECORDED, TABLE_OF, RecordTable, Row, row_of
from agents.recorder_store import RecordStore, Store
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch
from agents.runtime.contracts import Contracts
from agents.runtime.rewind import Span
from agents.runtime.schema_ids import backoff_s
from agents.runtime.supervision import FAILED, end_process
from agents.runtime.telemetry import Meter
from agents.runtime.worker import Worker, now_ms, on_batches, report_telemetry
from infra.clients.errors import ClientError
from infra.migrations.versions import DatabaseNewerError
from topics.catalogue import Topic, topic_named
from topics.refusals import Undecodable
from windows.epochs import Epoch

SERVICE = "recorder"
WRITE_EVERY_S = 0.25
MOST_ROWS = 5_000
"""Rows of one transaction, give or take a batch."""
PENDING_BYTES = 16 * 2**20
"""Values held in memory before partitions are held, give or take what was fetched by then."""
LONGEST_PAUSE_S = 2.0

_log = structlog.get_logger(__name__)


class Flow(Protocol):
    """What the recorder asks of the transport: `hold` and `release` a partition."""

    @property
    def spans(self) -> Mapping[TP, Span]:
        """The partitions of this epoch."""

    def hold(self, tp: TP) -> None:
        """Deliver nothing more of it."""

    def release(self, tp: TP) -> None:
        """End that."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A batch as rows, and how to acknowledge it."""

    table: RecordTable
    rows: list[Row]
    size: int
    ack: Callable[[], None]
    appended_ms: int


class Recorder:
    """The service."""

    def __init__(
        self,
        *,
        flow: Flow,
        store: Store,
        contracts: Contracts,
        meter: Meter,
        clock_ms: Callable[[], int] = now_ms,
        pending_bytes: int = PENDING_BYTES,
    ) -> None:
        self._flow, self._store, self._contracts, self._meter = flow, store, contracts, meter
        self._clock_ms, self._pending_bytes = clock_ms, pending_bytes
        self._pending: deque[_Taken] = deque()
        self._size = 0
        self._held: set[TP] = set()
        self._down_since_s: float | None = None
        self._writing = asyncio.Lock()

    # ---- assignments

    async def began(self, _epoch: Epoch, spans: Mapping[TP, Span]) -> None:
        """Begin anew: what was pending is read again. Without a database, nothing is read yet."""
        self._forget()
        if self._down_since_s is not None:
            self._hold(spans)

    async def lost(self, _partitions: set[TP]) -> None:
        """Drop what is pending: whoever has the partitions now reads it again."""
        self._forget()

    def _forget(self) -> None:
        self._pending.clear()
        self._held.clear()
        self._size = 0

    # ---- records

    def take(self, batch: Batch, ack: Callable[[], None]) -> None:
        """Take in one batch; it is acknowledged once it is in the database."""
        topic = topic_named(batch.topic)
        rows = [self._row(topic, record) for record in batch.records]
        size = sum(len(record.value or b"") for record in batch.records)
        self._pending.append(_Taken(TABLE_OF[batch.topic], rows, size, ack, batch.append_ms))
        self._size += size
        self._meter.read(batch.topic, batch.partition, records=len(rows), size=size, offset=batch.last_offset)
        if self._size >= self._pending_bytes:
            self._hold([batch.tp])

    def _row(self, topic: Topic, record: ConsumerRecord) -> Row:
        try:
            row = row_of(topic, record, self._contracts.decode(topic, record.value))
        except Undecodable as error:
            row = row_of(topic, record, None, error.sentence)
        if row.unreadable:
            self._meter.count("records_unreadable")
        return row

    # ---- writing

    async def run(self, should_stop: Callable[[], bool]) -> None:
        """Write at a steady pace until told to stop; where the database does not let us, wait and try again."""
        pauses = backoff_s(most_s=LONGEST_PAUSE_S)
        while not should_stop():
            try:
                await self.write()
            except ClientError as error:
                self._database_away(error)
                await asyncio.sleep(next(pauses))
            except DatabaseNewerError as error:
                end_process(FAILED, str(error))
            else:
                pauses = backoff_s(most_s=LONGEST_PAUSE_S)
                await asyncio.sleep(WRITE_EVERY_S)

    async def drain(self) -> None:
        """Write what can be written now; the rest is read again."""
        try:
            await self.write()
        except ClientError as error:
            _log.warning("not all was recorded before the end, it will be read again", error=str(error))

    async def write(self) -> None:
        """Write all that is pending and acknowledge it.

        Raises ClientError, after which everything not acknowledged is pending still; DatabaseNewerError.
        """
        async with self._writing:
            await self._store.keep_house(self._clock_ms())
            while self._pending:
                await self._write([*self._next()])
            self._go_on()

    def _next(self) -> Iterable[_Taken]:
        """Take the oldest batches, about as many as one transaction should have."""
        rows = 0
        while self._pending and rows < MOST_ROWS:
            taken = self._pending.popleft()
            rows += len(taken.rows)
            self._size -= taken.size
            yield taken

    async def _write(self, some: list[_Taken]) -> None:
        rows: defaultdict[RecordTable, list[Row]] = defaultdict(list)
        for taken in some:
            rows[taken.table] += taken.rows
        try:
            written = await self._store.write(rows, self._clock_ms())
        except BaseException:
            self._pending.extendleft(reversed(some))
            self._size += sum(taken.size for taken in some)
            raise
        done_ms = self._clock_ms()
        for taken in some:
            taken.ack()
            self._meter.latency("record_ms", done_ms - taken.appended_ms)
        self._meter.count("records_recorded", written.new)
        self._meter.count("records_repeated", written.repeated)
        self._meter.count("records_expired", written.expired)

    # ---- the database goes and comes

    def _database_away(self, error: ClientError) -> None:
        self._hold(self._flow.spans)
        if self._down_since_s is None:
            self._down_since_s = time.monotonic()
            self._meter.gauge("database_away", 1)
            _log.warning("nothing can be recorded, topics wait", error=str(error))

    def _go_on(self) -> None:
        if self._down_since_s is not None:
            _log.info("recording again", seconds=round(time.monotonic() - self._down_since_s, 1))
        self._down_since_s = None
        self._meter.gauge("database_away", 0)
        for tp in self._held:
            self._flow.release(tp)
        self._held.clear()

    def _hold(self, partitions: Iterable[TP]) -> None:
        for tp in partitions:
            self._flow.hold(tp)
            self._held.add(tp)


def warm_up() -> None:
    """Nothing is compiled."""


def register(app: WorkerApp, worker: Worker) -> None:
    """Wire the service to its topics."""
    if worker.database is None:
        raise ClientError("the recorder needs a database: set FARETIDE_DATABASE_URL")
    recorder = Recorder(flow=app, store=RecordStore(worker.database), contracts=worker.contracts, meter=worker.meter)
    for topic in RECORDED:
        on_batches(app, worker, topic, recorder.take, None)
    app.on_began(recorder.began)
    app.on_lost(recorder.lost)
    app.on_drain(recorder.drain)
    app.task(partial(recorder.run, lambda: app.should_stop))
    report_telemetry(app, worker)
