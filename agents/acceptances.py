"""Judge each acceptance of a quote once, after the quote it accepts is known.

    QUOTES ──published──> broker ──> read back ──> memory ──╮
                            ╰──> rider ──> RIDE_EVENTS ─────┴──> decision
                                           may come first: it waits

The rule is pricing.quotes.bookings; nothing is decided here.
"""

import asyncio
import contextlib
from itertools import chain
from typing import Any

import faust
from aiokafka import ConsumerRecord

from agents.quote_desk import QuoteDesk
from agents.ride_events import events_of
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch, batches
from agents.runtime.counting import Outgoing
from agents.runtime.intake import Intake
from agents.runtime.worker import Worker, now_ms
from topics.catalogue import BOOKING_DECISIONS, RIDE_EVENTS
from topics.events import RideEventKind
from topics.prices import BookingJudged
from topics.validity import check_ride_events
from topics.wire import Event, headers, passed_on


class Acceptances:
    """The part of QUOTES that reads ride events; `source` is whose decisions they are."""

    def __init__(self, app: WorkerApp, worker: Worker, desk: QuoteDesk, *, source: str) -> None:
        self._app, self._worker, self._desk, self._source = app, worker, desk, source
        self._events = Intake(RIDE_EVENTS, worker.contracts.columns(RIDE_EVENTS), check_ride_events, worker)
        self._answers_moved = asyncio.Event()

    def answers_read(self) -> None:
        """Look again at what waits for a quote: more of them were read back."""
        self._answers_moved.set()

    async def judge(self, stream: faust.StreamT[Any]) -> None:
        """Judge the acceptances of each batch, then let it be committed."""
        async for batch in batches(stream):
            taken = self._events.take(batch)
            events = events_of(taken)
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
                    decisions.append(self._addressed(record, decision, now_ms()))
            records = await self._worker.coded(chain(taken.refused, decisions))
            await self._worker.publish_within(self._app, records, batch.epoch)

    async def _read_back(self, batch: Batch, quote_ids: set[str | None]) -> None:
        """Wait until those of the quotes that this worker has sent are read back, or until the epoch ends.

        An acceptance may overtake the tail.
        """
        answered = self._desk.partitions[batch.partition]
        while batch.epoch == self._app.epoch and not quote_ids.isdisjoint(answered.underway):
            self._answers_moved.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._answers_moved.wait(), 1.0)

    def _addressed(self, accepted: ConsumerRecord, decision: BookingJudged, at_ms: int) -> Outgoing:
        """A decision to the partition number and key of the acceptance, in the same trace."""
        event = Event(decision.decision_id, self._source, type(decision).__name__, at_ms)
        said = (*headers(event), *passed_on(accepted.headers))
        return Outgoing(BOOKING_DECISIONS, accepted.partition, accepted.key or b"", decision, said)
