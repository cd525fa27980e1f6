"""What `faretide up` and `faretide top` see of the system, from outside: by reading topics.

Watching must not slow what is watched. Records of each topic are decoded up to a budget a second; what is beyond is
passed over, and a reader that has fallen far behind goes on near the end. Below the budgets every record is seen, so
counts are exact; above, `watched_share` says what part was. Freshness is followed for pings of one partition: they are
a fair sample, since drivers are spread by a hash. A tick passed over makes freshness look worse, never better.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.runtime import raw_fetch
from infra.cli.live.recent import Budget, Ends
from infra.cli.live.rows import Sight
from infra.cli.live.seen import Seen
from infra.cli.live.sight import look
from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, open_consumer, places_of
from infra.clients.errors import RegistryUnavailable, UnreachableError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from topics.catalogue import DRIVER_PINGS, EVERY_TOPIC, QUOTES, SUPPLY_CELLS, SURGE, TELEMETRY

DECODED_PER_S = {
    QUOTES.name: 1_000,
    SURGE.name: 500,
    SUPPLY_CELLS.name: 2_000,
    DRIVER_PINGS.name: 250,
    TELEMETRY.name: 1_000,
}
WATCHED = (QUOTES, SURGE, SUPPLY_CELLS, TELEMETRY)
SAMPLED_PARTITION = 0
MOST_BEHIND = 5_000
LOOK_EVERY_S = 1.0
POLL_MS = 100


@dataclass(slots=True)
class Watch:
    """One reader of a running system. `look_back_ms` of telemetry are read first, so that who fell silent is known."""

    connection: Connection
    expected: tuple[str, ...] = ()
    look_back_ms: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    seen: Seen = field(default_factory=Seen)
    ends: Ends = field(default_factory=Ends)
    trouble: str = ""
    _began_ms: int = 0
    _ends_at_start: dict[str, int] = field(default_factory=dict)
    _moved: dict[str, int] = field(default_factory=dict)
    _budgets: dict[str, Budget] = field(default_factory=dict)
    _consumer: AIOKafkaConsumer | None = None
    _places: list[TopicPartition] = field(default_factory=list)

    async def run(self) -> None:
        """Read until cancelled, from what is the end now. Raises UnreachableError, TopicMissingError."""
        raw_fetch.install()  # anybody can write a record that aiokafka alone would meet again for ever
        async with Registry(self.connection) as registry, open_consumer(self.connection) as consumer:
            ids = SchemaIds(registry)
            decoders = {topic.name: Decoder(topic, ids) for topic in (*WATCHED, DRIVER_PINGS)}
            self._budgets = {name: Budget(per_s=per_s) for name, per_s in DECODED_PER_S.items()}
            self._consumer = consumer
            with kafka_errors(self.connection.endpoints.bootstrap, "looking for the topics"):
                await self._stand_at_end(consumer)
            self.ready.set()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._look_at_ends(), name="watch-ends")
                await self._read(consumer, decoders)

    async def moved(self) -> dict[str, int]:
        """Records written to each topic since the start."""
        await self._look()
        return dict(self._moved)

    @property
    def watched_share(self) -> dict[str, float]:
        """Part of the records that was decoded, by topic, where it was not all of them. Pings are a sample anyway."""
        budgets = self._budgets.items()
        return {name: budget.share for name, budget in budgets if budget.passed_over and name != DRIVER_PINGS.name}

    def sight(self, *, restarts: dict[str, int] | None = None) -> Sight:
        """Everything as it stands now; `restarts` by service if somebody counts them."""
        return look(
            self.seen,
            self.ends,
            now_ms=_now_ms(),
            began_ms=self._began_ms,
            moved=self._moved,
            expected=self.expected,
            restarts=restarts,
            watched_share=self.watched_share,
            trouble=self.trouble,
        )

    async def _read(self, consumer: AIOKafkaConsumer, decoders: dict[str, Decoder]) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS)
            now_ms = _now_ms()
            for place, batch in batches.items():
                budget = self._budgets[place.topic]
                for raw in batch:
                    if budget.take(now_ms):
                        with contextlib.suppress(RegistryUnavailable):
                            self.seen.add(await decoders[place.topic].entry(raw))
                self._skip_ahead(consumer, place, batch[-1].offset + 1)
                await asyncio.sleep(0)

    def _skip_ahead(self, consumer: AIOKafkaConsumer, place: TopicPartition, position: int) -> None:
        end = consumer.highwater(place)
        if end is not None and end - position > MOST_BEHIND:
            self._budgets[place.topic].passed_over += end - position
            consumer.seek(place, end)

    async def _look_at_ends(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                await self._look()
                self.trouble = ""
            except UnreachableError as error:  # brokers may come back; until then figures age
                self.trouble = str(error)

    async def _stand_at_end(self, consumer: AIOKafkaConsumer) -> None:
        everywhere = await places_of(consumer, EVERY_TOPIC)
        self._places = [place for places in everywhere.values() for place in places]
        self.seen.zone_partitions = len(everywhere[SUPPLY_CELLS])
        places = [place for topic in WATCHED for place in everywhere[topic]]
        places.append(TopicPartition(DRIVER_PINGS.name, SAMPLED_PARTITION))
        consumer.assign(places)
        starts = dict(await consumer.end_offsets(places))
        if self.look_back_ms:
            back_ms = _now_ms() - self.look_back_ms
            found = await consumer.offsets_for_times(dict.fromkeys(everywhere[TELEMETRY], back_ms))
            starts |= {place: offset.offset for place, offset in found.items() if offset is not None}
        for place, offset in starts.items():
            consumer.seek(place, offset)
        self._began_ms = _now_ms()
        await self._look()

    async def _look(self) -> None:
        consumer = self._consumer
        assert consumer is not None, "a watch looks once it runs"
        with kafka_errors(self.connection.endpoints.bootstrap, "asking how far the topics are"):
            found = await consumer.end_offsets(self._places)
        self.ends.add({(place.topic, place.partition): end for place, end in found.items()}, at_ms=_now_ms())
        sums: dict[str, int] = dict.fromkeys((topic.name for topic in EVERY_TOPIC), 0)
        for place, end in found.items():
            sums[place.topic] += end
        self._ends_at_start = self._ends_at_start or sums
        self._moved = {topic: end - self._ends_at_start[topic] for topic, end in sums.items()}


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextlib.asynccontextmanager
async def watched(watch: Watch) -> AsyncIterator[Watch]:
    """`watch` while it reads. One that fails ends what is inside and raises why."""
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(watch.run(), name="watch")
        await watch.ready.wait()
        yield watch
        watching.cancel()
