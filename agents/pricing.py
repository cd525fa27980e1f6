"""Price every zone: join supply and demand, and publish ticks.

Reads   SUPPLY_CELLS, DEMAND_CELLS              by zone
        CITY_DEMAND, PRICING_POLICY, MARKETS, MODELS   whole, outside the group
        SURGE, FORECAST_STATE                   its own partitions read back after an assignment
Writes  SURGE            one tick per zone, at most every 250 ms, at least every 5 s
        FORECAST_STATE   one memory per zone every ten minutes
Keeps   panes            a Faust table: the joined state of each zone, applied offsets included

Nothing is decided here: the join is pricing.zones.zone_join, the tick pricing.surge.tick, the pace
pricing.zones.schedule.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import ConsumerRecord
from faust.types import TP

from agents.newest_totals import NewestTotals
from agents.pricing_desk import PricingDesk
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch
from agents.runtime.broadcast import BroadcastReader, LastMs, Start
from agents.runtime.control import Control, Learn, decoded
from agents.runtime.counting import Outgoing
from agents.runtime.newest_ticks import NewestTicks
from agents.runtime.publisher import Record
from agents.runtime.rewind import Span
from agents.runtime.worker import Worker, now_ms, on_batches, report_telemetry
from pricing.models.model_choice import ModelBook
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.rules.reasons import Reason
from pricing.surge.warm_up import prepare
from pricing.zones.zone_rows import dirty_rows, keep_only, restore
from pricing.zones.zone_state import KEPT_MS
from topics.catalogue import (
    CITY_DEMAND,
    DEMAND_CELLS,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    SUPPLY_CELLS,
    SURGE,
    Topic,
    dead_letters_of,
    topic_named,
)
from topics.dead_letters import dead_letter, letter_key
from topics.refusals import BadRow, ErrorClass, Refusal, Undecodable
from windows.epochs import Epoch
from windows.hexagons import zone_key

SERVICE = "pricing"
SAVE_EVERY_S = 5.0
LOOK_EVERY_S = 0.025
TICKS_AT_ONCE = 8
TICKS_BACK = LastMs(30_000)
MEMORY_BACK = LastMs(2 * 3_600_000)
CITY_BACK = LastMs(KEPT_MS + 60_000)


class Pricing:
    """The service."""

    def __init__(self, app: WorkerApp, worker: Worker) -> None:
        self._app, self._worker = app, worker
        markets, policies, models = MarketBook(), PolicyBook(), ModelBook()
        learn: dict[Topic, Learn] = {
            MARKETS: markets.learn,
            PRICING_POLICY: policies.learn,
            MODELS: models.learn,
        }
        self._control = Control(app, worker, learn, lambda: self._desk.follow_markets(now_ms()))
        self._desk = PricingDesk(
            markets=markets, policies=policies, models=models, zone_partitions=worker.partitions[SURGE.name]
        )
        self._table = app.Table(
            "panes",
            key_type=bytes,
            value_type=bytes,
            partitions=worker.partitions[SUPPLY_CELLS.name],
            help="joined state of each zone, see pricing.zones.zone_rows",
            extra_topic_configs=KEPT_SHORT,
        )
        self._back = self._reader("back", self._hear_back)
        self._city = self._reader("city", self._read_city)
        self._city.follow_topics({CITY_DEMAND.name: worker.partitions[CITY_DEMAND.name]}, CITY_BACK)
        for reader in (self._city, self._back):
            app.alongside(reader.run)
        self._newest_ticks = NewestTicks(worker)
        self._newest_totals = NewestTotals(worker, self._desk.city)
        self._acks: list[Callable[[], None]] = []
        self._letters: list[Outgoing] = []
        self._saving = asyncio.Lock()
        self._beginning = asyncio.Lock()

    def _reader(self, name: str, receive: Callable[[TP, Sequence[ConsumerRecord]], Any]) -> BroadcastReader:
        worker = self._worker
        return BroadcastReader(worker.bootstrap, receive, client_id=f"{worker.name}-{name}", security=worker.security)

    # ---- assignments

    async def began(self, epoch: Epoch, spans: Mapping[TP, Span]) -> None:
        """Restore the zones of the assigned partitions and read back what was said of them."""
        async with self._beginning:
            await asyncio.gather(self._control.wait_ready(), self._city.wait_ready())
            if self._app.epoch != epoch:
                return  # another rebalance came meanwhile
            numbers = sorted({tp.partition for tp in spans})
            keep_only(numbers, self._table.data)
            rows = list(self._table.data.items())
            self._acks, self._letters = [], []
            self._desk.assigned(epoch, [restore(number, rows) for number in numbers])
            await self._read_back(numbers)
            if self._app.epoch != epoch:
                return  # the partitions went while they were read back
            self._desk.read_back()
            self._desk.follow_markets(now_ms())

    async def _read_back(self, numbers: Sequence[int]) -> None:
        """Learn the newest ticks and memories of the partitions."""
        self._back.follow({})
        await self._back.wait_ready()
        wanted: dict[TP, Start] = {TP(SURGE.name, number): TICKS_BACK for number in numbers}
        self._back.follow(wanted | {TP(FORECAST_STATE.name, number): MEMORY_BACK for number in numbers})
        await self._back.wait_ready()
        self._back.follow({})

    async def lost(self, _partitions: set[TP]) -> None:
        """Price nothing until the next assignment."""
        self._desk.revoked()
        self._acks, self._letters = [], []

    # ---- inputs

    def take(self, batch: Batch, ack: Callable[[], None]) -> None:
        """Take in one batch of either cells topic; it is acknowledged once the table holds it."""
        topic = topic_named(batch.topic)
        apply = self._desk.supply if topic is SUPPLY_CELLS else self._desk.demand
        at_ms = now_ms()
        for record in batch.records:
            try:
                counts = self._worker.contracts.decode(topic, record.value, as_arrays=True)
                apply(batch.partition, counts, record.offset, at_ms)
            except Undecodable as error:
                self._refuse(topic, record, error)
            except ValueError as error:
                self._refuse(topic, record, BadRow(0, ErrorClass.INVALID_FIELD, "", "arrays-match", str(error)))
        self._acks.append(ack)
        size = sum(len(record.value or b"") for record in batch.records)
        self._worker.meter.read(batch.topic, batch.partition, records=batch.count, size=size, offset=batch.last_offset)

    def _refuse(self, topic: Topic, record: ConsumerRecord, error: Refusal) -> None:
        letter = dead_letter(record, topic, error, service=SERVICE, now_ms=now_ms())
        self._worker.meter.count("dead_letters")
        self._letters.append(Outgoing(dead_letters_of(topic), 0, letter_key(letter), letter))

    async def _read_city(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        await self._newest_totals.take(records)
        self._worker.meter.read(tp.topic, tp.partition, records=len(records), size=0, offset=records[-1].offset)

    async def _hear_back(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        """A zone of which nothing can be read starts from 1.0, as one that has no tick."""
        if tp.topic == SURGE.name:
            for tick, offset in await self._newest_ticks.among(records):
                self._desk.remember_tick(tick, offset, now_ms())
            return
        for record in records:
            with contextlib.suppress(Undecodable):
                memory = await decoded(self._worker, FORECAST_STATE, record.value)
                self._desk.remember_memory(memory, record.offset, now_ms())

    # ---- outputs

    async def price(self) -> None:
        """Publish the ticks that are due, a few at a time."""
        while not self._app.should_stop:
            due = self._desk.due(now_ms())
            if not due:
                await asyncio.sleep(LOOK_EVERY_S)
                continue
            await self._price(due[:TICKS_AT_ONCE])

    async def _price(self, zones: Sequence[int]) -> None:
        ticks = []
        for zone in zones:
            at_ms = now_ms()
            tick = self._desk.tick(zone, at_ms)
            if tick is not None:
                ticks.append(tick)
                self._worker.meter.latency("tick_ms", now_ms() - at_ms)
                self._worker.meter.count("ticks" if tick.model else "ticks_without_model")
                self._worker.meter.versions["model"] = tick.model or "none"
                if tick.fallback:
                    self._worker.meter.count(f"tick_fallbacks.{tick.fallback}")
                if not tick.supply_complete:
                    self._worker.meter.count("ticks_without_supply")
                self._worker.meter.count("prices_computed", len(tick.multiplier_hundredths))
                self._worker.meter.count("prices_at_bounds", tick.reason_code.count(Reason.JURISDICTION_BOUNDS))
            await asyncio.sleep(0)
        keys = [zone_key(tick.zone) for tick in ticks]
        outgoing = [
            Outgoing(SURGE, self._desk.partition_of_zone(tick.zone), key, tick)
            for tick, key in zip(ticks, keys, strict=True)
        ]
        offsets = await self._worker.publish(self._app, outgoing) if outgoing else []
        for tick, offset in zip(ticks, offsets, strict=True):
            self._desk.ticked(tick, offset)

    async def save(self) -> None:
        """Save every few seconds, until told to stop."""
        while not self._app.should_stop:
            await asyncio.sleep(SAVE_EVERY_S)
            await self.save_now()
            await self._remember()

    async def save_now(self) -> None:
        """Write what was refused to its topic and what changed to the table; acknowledge what they include.

        Rows carry the instant of the confirmation and must not wait behind letters: the broker refuses old ones.
        """
        async with self._saving:
            acks, self._acks = self._acks, []
            letters, self._letters = self._letters, []
            if letters:
                await self._worker.publish(self._app, letters)
            await self._app.confirm_member()
            confirmed_ms = now_ms()
            rows = [
                (number, key, row)
                for number, state in self._desk.partitions.items()
                for key, row in dirty_rows(state, confirmed_ms)
            ]
            await self._write(rows, confirmed_ms)
            for ack in acks:
                ack()
            self._desk.city.forget(now_ms())
            self._worker.meter.gauge("table_rows", len(self._table.data))

    async def _write(self, rows: Sequence[tuple[int, bytes, bytes | None]], confirmed_ms: int) -> None:
        """Write rows to the table's log, and return once the broker has them; then to the table.

        They carry the instant at which this worker was sure of its place in the group. The broker refuses older ones
        (`KEPT_SHORT`), so a process that was stopped on the way cannot write over the rows of the one that replaced it.
        """
        changelog = self._table.changelog_topic.get_topic_name()
        await self._app.publisher.send(
            [Record(changelog, number, key, row, (), confirmed_ms) for number, key, row in rows]
        )
        for _, key, row in rows:
            if row is None:
                self._table.data.pop(key, None)
            else:
                self._table.data[key] = row

    async def _remember(self) -> None:
        memories = self._desk.memories(now_ms())
        outgoing = [
            Outgoing(FORECAST_STATE, self._desk.partition_of_zone(m.zone), zone_key(m.zone), m) for m in memories
        ]
        offsets = await self._worker.publish(self._app, outgoing) if outgoing else []
        for memory, offset in zip(memories, offsets, strict=True):
            self._desk.remembered(memory, offset)


KEPT_SHORT = {
    # Rows are overwritten every few seconds; recovery reads the log, so it is kept short.
    "cleanup.policy": "compact",
    "segment.ms": "60000",
    "min.cleanable.dirty.ratio": "0.1",
    "delete.retention.ms": "60000",
    # Rows of a process that no longer has its place come too late: less than the five seconds of a group's session.
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": "4000",
}


def warm_up() -> None:
    """Compile or load the loops of a tick before the group counts on this worker."""
    prepare()


def register(app: WorkerApp, worker: Worker) -> None:
    """Wire the service to its topics."""
    service = Pricing(app, worker)
    app.on_began(service.began)
    app.on_lost(service.lost)
    app.on_drain(service.save_now)
    for topic in (SUPPLY_CELLS, DEMAND_CELLS):
        on_batches(app, worker, topic, service.take, None)
    app.task(service.price)
    app.task(service.save)
    report_telemetry(app, worker)
