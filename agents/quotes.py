"""Answer every quote request once, and judge every acceptance.

Reads   QUOTE_REQUESTS, RIDE_EVENTS          by rider
        SURGE, PRICING_POLICY, MARKETS       whole, outside the group
        QUOTES, BOOKING_DECISIONS            its own partition numbers, tailed: what was answered, by whomever
Writes  QUOTES, BOOKING_DECISIONS            to the partition number of the input
        ride-events.v1.dlq                   (requests that cannot be read are dead-lettered by DEMAND)
Keeps   QuoteMemory                          binding quotes, in memory, read back from QUOTES

The rules are pricing.quotes.quote, for chunks pricing.quotes.quote_offers; acceptances are judged by
agents.acceptances. Nothing is decided here.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import faust
import numpy as np
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.acceptances import Acceptances
from agents.quote_backlog import MORE_WITHIN_S, RUN, Backlog, Claimed, Waiting, reads_the_past
from agents.quote_desk import DECIDED, LONGEST_LOCK_MS, QuoteDesk, answers_back
from agents.quote_requests import MOST_RECORDS, Chunk, RequestSource
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch, held_batches
from agents.runtime.broadcast import BroadcastReader, LastMs
from agents.runtime.control import Control, look_up_schemas
from agents.runtime.newest_ticks import NewestTicks
from agents.runtime.publisher import Record
from agents.runtime.rewind import Span
from agents.runtime.worker import Worker, now_ms, report_telemetry
from pricing.quotes.quote_memory import REMEMBERED
from pricing.quotes.quote_offers import AnswerValue
from pricing.quotes.quote_values import refuse_other_fields
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from topics.catalogue import (
    BOOKING_DECISIONS,
    MARKETS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SURGE,
)
from topics.columns import ColumnDecoder
from topics.prices import QuoteAnswered
from topics.schemas import schema_of
from topics.wire import Event, headers, passed_on
from windows.epochs import Epoch
from windows.panes import GRACE_MS

SERVICE = "quotes"
SOURCE = "faretide/quotes"
TICKS_BACK = LastMs(30_000)
FORGET_EVERY_S = 5.0
ANSWERS_WAIT_MS, ANSWERS_BYTES = 50, 64 * 1024
"""Its own quotes are read back in runs: else there is a fetch for every publication."""


class Quotes:
    """The service."""

    def __init__(self, app: WorkerApp, worker: Worker) -> None:
        self._app, self._worker = app, worker
        markets, self._policies = MarketBook(), PolicyBook()
        self._control = Control(app, worker, {MARKETS: markets.learn, PRICING_POLICY: self._policies.learn})
        self._desk = QuoteDesk(markets=markets, policies=self._policies)
        self.acceptances = Acceptances(app, worker, self._desk, source=SOURCE)
        self._requests = RequestSource(worker)
        self._newest_ticks = NewestTicks(worker)
        self._waiting, self._backlog = Waiting(), Backlog()
        self._remembered = worker.contracts.columns(QUOTES, REMEMBERED)
        self._decided = worker.contracts.columns(BOOKING_DECISIONS, DECIDED)
        self._frame = worker.contracts.frame(QUOTES)
        self._ticks = BroadcastReader(
            worker.bootstrap, self._read_ticks, client_id=f"{worker.name}-ticks", security=worker.security
        )
        self._answers = BroadcastReader(
            worker.bootstrap,
            self._read_answers,
            client_id=f"{worker.name}-answers",
            fetch_wait_ms=ANSWERS_WAIT_MS,
            fetch_bytes=ANSWERS_BYTES,
            security=worker.security,
        )
        self._ticks.follow_topics({SURGE.name: worker.partitions[SURGE.name]}, TICKS_BACK)
        for reader in (self._ticks, self._answers):
            app.alongside(reader.run)
        self._beginning = asyncio.Lock()

    # ---- assignments

    async def began(self, epoch: Epoch, spans: Mapping[TP, Span]) -> None:
        """Read back what was answered in the assigned partitions before the first request is."""
        async with self._beginning:
            if self._app.epoch != epoch:
                return  # another rebalance came meanwhile
            numbers = sorted({tp.partition for tp in spans})
            self._answers.follow({})
            await self._answers.wait_ready()
            self._desk.assigned(numbers)
            await self._control.wait_ready()  # policies say how far back answers bind
            stamps = {tp.partition: span.stamp_ms for tp, span in spans.items()}
            backs = {number: answers_back(stamps[number], self._policies.longest_lock_ms) for number in numbers}
            self._answers.follow(
                {TP(topic.name, number): backs[number] for topic in (QUOTES, BOOKING_DECISIONS) for number in numbers}
            )
            for reader in (self._ticks, self._answers):  # both read meanwhile
                await reader.wait_ready()

    # ---- what is known

    async def _read_ticks(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        for tick, offset in await self._newest_ticks.among(records):
            self._desk.tick_read(tick, tp.partition, offset)
        size = sum(len(record.value or b"") for record in records)
        self._worker.meter.read(tp.topic, tp.partition, records=len(records), size=size, offset=records[-1].offset)

    async def _read_answers(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        partition = self._desk.partitions.get(tp.partition)
        if partition is None:
            return
        await look_up_schemas(self._worker, records)
        if tp.topic == QUOTES.name:
            columns = self._remembered.decode([record.value for record in records])  # not ours: it binds nobody
            partition.quotes_read(columns, np.array([record.offset for record in records]))
        else:
            partition.decisions_read(self._decided.decode([record.value for record in records]))
        self.acceptances.answers_read()

    # ---- requests

    async def take(self, stream: faust.StreamT[Any]) -> None:
        """Have each batch answered together with those of other partitions that wait."""
        async for batch, ack in held_batches(stream):
            await self._waiting.put(batch, ack)

    async def answer(self) -> None:
        """Answer what waits, newest first, publish it, let it be committed; until the worker ends."""
        while True:
            await self._take_in()
            epoch = self._app.epoch
            taken = self._backlog.take()
            records: list[Record] = []
            for claimed in taken:
                if claimed.epoch == epoch:  # else whoever has the partitions now answers
                    records += self._answers_to(claimed.chunk, now_ms())
            await self._worker.publish_within(self._app, records, epoch)
            for claimed in taken:
                appended_ms = np.array(claimed.chunk.asked.appended_ms, np.int64)
                self._worker.meter.latencies("quote_ms", now_ms() - appended_ms)
                for ack in claimed.acks:
                    ack()  # without effect if the epoch is over

    async def _take_in(self) -> None:
        """Claim all there is to read, while there is room; wait for something if nothing is left to answer."""
        most, within_s = MOST_RECORDS, 0.0 if self._backlog else None
        while not self._backlog.full:
            held = await self._waiting.together(most, within_s)
            if not held:
                return
            batches = [batch for batch, _ in held]
            self._backlog.add(self._claimed(batches, [ack for _, ack in held]))
            if not reads_the_past(batches, now_ms()):
                return
            most, within_s = RUN, MORE_WITHIN_S
            await asyncio.sleep(0)

    def _claimed(self, batches: Sequence[Batch], acks: Sequence[Callable[[], None]]) -> Claimed:
        epoch = self._app.epoch
        chunk = self._requests.chunk([batch for batch in batches if batch.epoch == epoch])
        rows = self._desk.claim(chunk.asked)
        self._count_repeated(len(chunk.records) - len(rows))
        chunk.keep(rows)
        return Claimed(chunk=chunk, epoch=epoch, acks=acks)

    def _answers_to(self, chunk: Chunk, at_ms: int) -> list[Record]:
        """What is to be published about the requests, and their counts."""
        outcomes: Counter[str] = Counter()
        fallbacks: Counter[str] = Counter()
        records = []
        shared = tuple(headers(Event("", SOURCE, QuoteAnswered.__name__, at_ms)))[1:]
        answers = self._desk.answer_all(chunk.asked, frame=self._frame, now_ms=at_ms)
        for source, answer in zip(chunk.records, answers, strict=True):
            if answer is None:
                continue
            value = answer.value if isinstance(answer, AnswerValue) else self._worker.contracts.encode(QUOTES, answer)
            outcomes[answer.outcome] += 1
            fallbacks[answer.fallback] += 1
            named = (("ce_id", answer.quote_id.encode()), *shared, *passed_on(source.headers))
            records.append(Record(QUOTES.name, source.partition, source.key or b"", value, named))
        self._count(outcomes, fallbacks)
        self._count_repeated(len(answers) - len(records))
        return records

    def _count(self, outcomes: Mapping[str, int], fallbacks: Mapping[str, int]) -> None:
        for outcome, count in outcomes.items():
            self._worker.meter.count(f"quotes.{outcome.lower()}", count)
        for fallback, count in fallbacks.items():
            if fallback:
                self._worker.meter.count(f"quote_fallbacks.{fallback}", count)

    def _count_repeated(self, count: int) -> None:
        if count:
            self._worker.meter.count("requests_repeated", count)

    # ---- memory

    async def forget(self) -> None:
        """Drop answers that bind no more, and tell of conflicts, until told to stop."""
        while not self._app.should_stop:
            await asyncio.sleep(FORGET_EVERY_S)
            for number, answered in self._desk.partitions.items():
                at_ms = self._reached_ms(number)
                answered.forget(at_ms - GRACE_MS, at_ms - LONGEST_LOCK_MS)
            memories = [answered.memory for answered in self._desk.partitions.values()]
            self._worker.meter.gauge("quotes_remembered", sum(len(memory) for memory in memories))
            self._worker.meter.gauge("conflicting_quotes", sum(memory.conflicts for memory in memories))
            self._worker.meter.gauge("forgotten_quotes", sum(memory.forgotten_early for memory in memories))

    def _reached_ms(self, number: int) -> int:
        """Append time up to which requests of the partition are answered and acceptances judged.

        What the others can ask for must be remembered, however long they wait, in the topic or with their agent: so
        says every worker the same.
        """
        standing = self._app.standing()
        places = [
            standing[place] for topic in (QUOTE_REQUESTS, RIDE_EVENTS) if (place := (topic.name, number)) in standing
        ]
        with_agents = [place.waits_since_ms for place in places if place.waits_since_ms]
        return min([now_ms(), *with_agents, *(place.appended_ms for place in places if place.lag)])


def warm_up() -> None:
    """Compile or load the column decoders before the group counts on this worker."""
    refuse_other_fields()
    for topic in (QUOTE_REQUESTS, RIDE_EVENTS):
        ColumnDecoder(schema_of(topic), {})


def register(app: WorkerApp, worker: Worker) -> None:
    """Wire the service to its topics."""
    service = Quotes(app, worker)
    app.on_began(service.began)
    few = replace(worker.reading(), max_records=RUN)
    for topic, reading, read in (
        (QUOTE_REQUESTS, few, service.take),
        (RIDE_EVENTS, worker.reading(), service.acceptances.judge),
    ):
        app.agent(app.batched_topic(topic.name, reading), name=f"{SERVICE}.{topic.name}")(read)
    app.task(service.answer)
    app.task(service.forget)
    report_telemetry(app, worker)
