"""Answer every quote request once, and judge every acceptance.

Reads   QUOTE_REQUESTS, RIDE_EVENTS          by rider
        SURGE, PRICING_POLICY, MARKETS       whole, outside the group
        QUOTES, BOOKING_DECISIONS            its own partition numbers, tailed: what was answered, by whomever
Writes  QUOTES, BOOKING_DECISIONS            to the partition number of the input
        ride-events.v1.dlq                   (requests that cannot be read are dead-lettered by DEMAND)
Keeps   QuoteMemory                          binding quotes, in memory, read back from QUOTES

The rules are pricing.quote and pricing.bookings; nothing is decided here.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import faust
import numpy as np
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.quote_desk import QuoteDesk
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch, batches
from agents.runtime.broadcast import BroadcastReader, LastMs
from agents.runtime.control import Control, decoded
from agents.runtime.counting import Outgoing
from agents.runtime.intake import Intake, Taken
from agents.runtime.rewind import Span
from agents.runtime.worker import Worker, now_ms, report_telemetry
from pricing.markets import MarketBook
from pricing.policy import PolicyBook
from topics.arrays import Bools, Int64s
from topics.catalogue import (
    BOOKING_DECISIONS,
    MARKETS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SURGE,
    Topic,
)
from topics.columns import ColumnDecoder, Columns
from topics.events import QuoteRequested, RideEventHappened, RideEventKind
from topics.refusals import BadRow, ErrorClass, Undecodable
from topics.schemas import schema_of
from topics.validity import TOO_LONG, check_requests, check_ride_events
from topics.wire import Event, headers, trace_of
from windows.epochs import Epoch
from windows.hexagons import cells_of, zone_of
from windows.panes import GRACE_MS

SERVICE = "quotes"
SOURCE = "faretide/quotes"
TICKS_BACK = LastMs(30_000)
LONGEST_LOCK_MS = 600_000
ANSWERS_BACK = LastMs(LONGEST_LOCK_MS + GRACE_MS)
FORGET_EVERY_S = 5.0
# A request is refused in `quotes.v1`, so that its client does not wait; without these there is no one to tell.
UNANSWERABLE = {"rider_id", "request_id"}


class Quotes:
    """The service."""

    def __init__(self, app: WorkerApp, worker: Worker) -> None:
        self._app, self._worker = app, worker
        markets, policies = MarketBook(), PolicyBook()
        self._control = Control(app, worker, {MARKETS: markets.learn, PRICING_POLICY: policies.learn})
        self._desk = QuoteDesk(markets=markets, policies=policies)
        self._requests = Intake(QUOTE_REQUESTS, worker.contracts.columns(QUOTE_REQUESTS), _answerable, worker)
        self._events = Intake(RIDE_EVENTS, worker.contracts.columns(RIDE_EVENTS), check_ride_events, worker)
        self._ticks = BroadcastReader(
            worker.bootstrap, self._read_ticks, client_id=f"{worker.name}-ticks", security=worker.security
        )
        self._answers = BroadcastReader(
            worker.bootstrap, self._read_answers, client_id=f"{worker.name}-answers", security=worker.security
        )
        self._answers_moved = asyncio.Event()
        self._beginning = asyncio.Lock()
        self._started = False

    # ---- assignments

    async def began(self, epoch: Epoch, spans: Mapping[TP, Span]) -> None:
        """Read back what was answered in the assigned partitions before the first request is."""
        async with self._beginning:
            await self._start_readers()
            if self._app.epoch != epoch:
                return  # another rebalance came meanwhile
            numbers = sorted({tp.partition for tp in spans})
            self._answers.follow({})
            await self._answers.wait_ready()
            self._desk.assigned(numbers)
            self._answers.follow(
                {TP(topic.name, number): ANSWERS_BACK for topic in (QUOTES, BOOKING_DECISIONS) for number in numbers}
            )
            await self._answers.wait_ready()

    async def _start_readers(self) -> None:
        if self._started:
            return
        self._started = True
        await self._control.start()
        await self._ticks.follow_topics([SURGE.name], TICKS_BACK)
        self._app.add_future(self._ticks.run())
        self._app.add_future(self._answers.run())
        await self._ticks.wait_ready()

    # ---- what is known

    async def _read_ticks(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            with contextlib.suppress(Undecodable):  # the zone's last readable tick stands, and ages
                tick = await decoded(self._worker, SURGE, record.value)
                self._desk.tick_read(tick, tp.partition, record.offset)
        size = sum(len(record.value or b"") for record in records)
        self._worker.meter.read(tp.topic, tp.partition, records=len(records), size=size, offset=records[-1].offset)

    async def _read_answers(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        partition = self._desk.partitions.get(tp.partition)
        if partition is None:
            return
        topic = QUOTES if tp.topic == QUOTES.name else BOOKING_DECISIONS
        for record in records:
            with contextlib.suppress(Undecodable):  # not ours: it binds nobody
                said = await decoded(self._worker, topic, record.value)
                if topic is QUOTES:
                    partition.quote_read(said, record.offset)
                else:
                    partition.decision_read(said)
        self._answers_moved.set()

    # ---- requests

    async def answer(self, stream: faust.StreamT[Any]) -> None:
        """Answer the requests of each batch, then let it be committed."""
        async for batch in batches(stream):
            taken = self._requests.take(batch)
            at_ms = now_ms()
            await self._publish(self._quotes(batch, taken, at_ms))
            done_ms = now_ms()
            for appended_ms in taken.appended_ms.tolist():
                self._worker.meter.latency("quote_ms", done_ms - appended_ms)

    def _quotes(self, batch: Batch, taken: Taken, at_ms: int) -> Sequence[Outgoing]:
        outgoing = []
        requests = _requests_of(taken)
        cells = _pickup_cells(taken)
        for place, (request, cell) in enumerate(zip(requests, cells, strict=True)):
            record = taken.record_of(place)
            quote = self._desk.answer(
                batch.partition,
                request,
                cell=cell,
                zone=zone_of(cell) if cell else 0,
                appended_ms=record.timestamp,
                now_ms=at_ms,
                offset=record.offset,
            )
            if quote is None:
                self._worker.meter.count("requests_repeated")
                continue
            self._worker.meter.count(f"quotes.{quote.outcome.lower()}")
            if quote.fallback:
                self._worker.meter.count(f"quote_fallbacks.{quote.fallback}")
            outgoing.append(_addressed(QUOTES, record, quote.quote_id, quote, at_ms))
        return outgoing

    # ---- acceptances

    async def judge(self, stream: faust.StreamT[Any]) -> None:
        """Judge the acceptances of each batch, then let it be committed."""
        async for batch in batches(stream):
            taken = self._events.take(batch)
            events = _events_of(taken)
            await self._read_back(batch, {event.quote_id for event in events})
            if batch.epoch != self._app.epoch:
                continue  # the partition went meanwhile: whoever has it now judges
            decisions = []
            for place, event in enumerate(events):
                if event.kind is not RideEventKind.QUOTE_ACCEPTED:
                    continue
                record = taken.record_of(place)
                decision = self._desk.judge(batch.partition, event, appended_ms=record.timestamp, offset=record.offset)
                if decision is not None:
                    self._worker.meter.count(f"bookings.{decision.outcome.lower()}")
                    decisions.append(_addressed(BOOKING_DECISIONS, record, decision.decision_id, decision, now_ms()))
            await self._publish([*taken.refused, *decisions])

    async def _read_back(self, batch: Batch, quote_ids: set[str | None]) -> None:
        """Wait until those of the quotes that this worker has sent are read back, or until the epoch ends.

        An acceptance may overtake the tail.
        """
        answered = self._desk.partitions[batch.partition]
        while batch.epoch == self._app.epoch and not quote_ids.isdisjoint(answered.underway):
            self._answers_moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answers_moved.wait(), 1.0)

    async def _publish(self, outgoing: Sequence[Outgoing]) -> None:
        if outgoing:
            await self._worker.publish(self._app, outgoing)

    async def forget(self) -> None:
        """Drop answers that bind no more, and tell of conflicts, until told to stop."""
        while not self._app.should_stop:
            await asyncio.sleep(FORGET_EVERY_S)
            at_ms = now_ms()
            for answered in self._desk.partitions.values():
                answered.forget(at_ms - GRACE_MS, at_ms - LONGEST_LOCK_MS)
            memories = [answered.memory for answered in self._desk.partitions.values()]
            self._worker.meter.gauge("quotes_remembered", sum(len(memory) for memory in memories))
            self._worker.meter.gauge("conflicting_quotes", sum(memory.conflicts for memory in memories))


def _answerable(columns: Columns, keys: Sequence[bytes | None], appended_ms: Int64s) -> tuple[Bools, list[BadRow]]:
    """Rows with someone to answer: whatever else is wrong with them is said in the answer."""
    good, broken = check_requests(columns, keys, appended_ms)
    row_of = {source: row for row, source in enumerate(columns.source_row.tolist())}
    for bad in broken:
        if bad.error_class != ErrorClass.INVALID_KEY and bad.field not in UNANSWERABLE and bad.rule != TOO_LONG:
            good[row_of[bad.row]] = True
    return good, []


def _requests_of(taken: Taken) -> list[QuoteRequested]:
    columns, rows = taken.columns, taken.rows
    places = ("pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon")
    floats = [columns.floats(name)[rows].tolist() for name in places]
    fields = zip(
        columns.texts("request_id", rows),
        columns.texts("rider_id", rows),
        columns.ints("at_ms")[rows].tolist(),
        *floats,
        columns.texts("product", rows),
        _nullable(columns, "deadline_ms", rows),
        strict=True,
    )
    names = ("request_id", "rider_id", "at_ms", *places, "product", "deadline_ms")
    return [QuoteRequested(**dict(zip(names, row, strict=True))) for row in fields]


def _nullable(columns: Columns, name: str, rows: Int64s) -> list[int | None]:
    """A whole-number field, None where it is null."""
    values, present = columns.ints(name)[rows].tolist(), columns.present(name)[rows].tolist()
    return [value if given else None for value, given in zip(values, present, strict=True)]


def _pickup_cells(taken: Taken) -> list[int]:
    """Cell of each pickup; 0 where the coordinates are none."""
    lat, lon = (taken.columns.floats(name)[taken.rows] for name in ("pickup_lat", "pickup_lon"))
    inside = (np.abs(lat) <= 90.0) & (np.abs(lon) <= 180.0)
    cells = np.zeros(lat.size, np.int64)
    cells[inside] = cells_of(lat[inside], lon[inside])
    found: list[int] = cells.tolist()
    return found


def _events_of(taken: Taken) -> list[RideEventHappened]:
    columns, rows = taken.columns, taken.rows
    kinds = list(RideEventKind)
    fields = zip(
        columns.texts("event_id", rows),
        columns.texts("rider_id", rows),
        columns.texts("ride_id", rows),
        (kinds[number] for number in columns.ints("kind")[rows].tolist()),
        columns.ints("at_ms")[rows].tolist(),
        columns.texts("quote_id", rows),
        _nullable(columns, "amount_minor", rows),
        columns.texts("currency", rows),
        strict=True,
    )
    names = ("event_id", "rider_id", "ride_id", "kind", "at_ms", "quote_id", "amount_minor", "currency")
    return [RideEventHappened(**dict(zip(names, row, strict=True))) for row in fields]


def _addressed(topic: Topic, source: ConsumerRecord, event_id: str, record: object, at_ms: int) -> Outgoing:
    """An answer to the partition number and key of what it answers, in the same trace."""
    event = Event(event_id, SOURCE, type(record).__name__, at_ms)
    return Outgoing(topic, source.partition, source.key or b"", record, tuple(headers(event, trace_of(source.headers))))


def warm_up() -> None:
    """Compile or load the column decoders before the group counts on this worker."""
    for topic in (QUOTE_REQUESTS, RIDE_EVENTS):
        ColumnDecoder(schema_of(topic), {})


def register(app: WorkerApp, worker: Worker) -> None:
    """Wire the service to its topics."""
    service = Quotes(app, worker)
    app.on_began(service.began)
    for topic, read in ((QUOTE_REQUESTS, service.answer), (RIDE_EVENTS, service.judge)):
        app.agent(app.batched_topic(topic.name, worker.reading()), name=f"{SERVICE}.{topic.name}")(read)
    app.task(service.forget)
    report_telemetry(app, worker)
