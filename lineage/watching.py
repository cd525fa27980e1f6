"""Keep the live state current: read the small topics whole, look at the ends and at one record of the large ones.

Reading happens outside every consumer group, so no service is slowed or rebalanced. Of driver pings and the counts one
record per topic every two seconds is looked at; their rates come from offsets.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, open_consumer
from infra.clients.errors import ClientError, RegistryUnavailable
from infra.clients.kafka_errors import kafka_errors
from infra.clients.schema_ids import SchemaIds
from lineage.reader import Reader
from lineage.state import READ_WHOLE, State
from topics.catalogue import EVERY_TOPIC, SUPPLY_CELLS, SURGE, TELEMETRY, Topic

LOOK_EVERY_S = 1.0
GLANCE_EVERY_S = 2.0
AGAIN_AFTER_S = 2.0
BACK_MS: Mapping[str, int] = {SUPPLY_CELLS.name: 120_000, SURGE.name: 30_000, TELEMETRY.name: 5_000}
BACK_RECORDS = 500
"""Of other topics: so many records of each partition are read at the start."""
_log = structlog.get_logger(__name__)


def now_ms() -> int:
    """The server's clock, epoch milliseconds UTC."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Watching:
    """Feeds one state from one installation."""

    connection: Connection
    ids: SchemaIds
    reader: Reader
    state: State
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    trouble: str = ""
    """Why nothing new comes, in a sentence; empty while all is well."""
    _seen: dict[tuple[str, int], int] = field(default_factory=dict)

    async def run(self) -> None:
        """Read until cancelled; when the brokers are gone or a record is not borne, say so and try again."""
        while True:
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._follow(), name="follow")
                    tasks.create_task(self._look(), name="look")
                    tasks.create_task(self._glance(), name="glance")
            except* ClientError as failed:
                self.trouble = str(failed.exceptions[0])
                _log.warning("reading interrupted", sentence=self.trouble)
            except* Exception as failed:  # noqa: BLE001  whatever it is
                # Clients write what is read here: one record more than we thought of must not end the live view.
                kind = type(failed.exceptions[0]).__name__
                self.trouble = f"reading failed ({kind}): the dashboard's log says where"
                _log.exception("reading failed")
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _follow(self) -> None:
        decoders = {topic.name: Decoder(topic, self.ids) for topic in READ_WHOLE}
        async with open_consumer(self.connection) as consumer:
            with kafka_errors(self.connection.endpoints.bootstrap, "following topics"):
                await self._stand(consumer)
                while True:
                    batches = await consumer.getmany(timeout_ms=100)
                    for place, batch in batches.items():
                        for raw in batch:
                            self.state.take(await decoders[place.topic].entry(raw))
                        self._seen[place.topic, place.partition] = batch[-1].offset + 1
                        await asyncio.sleep(0)  # clients are served between partitions
                    self.state.refresh_map()
                    if not batches:
                        self.ready.set()
                    self.trouble = ""

    async def _stand(self, consumer: AIOKafkaConsumer) -> None:
        """Go on where reading stopped, or begin as far back as the state needs."""
        places = [place for topic in READ_WHOLE for place in self.reader.places[topic.name]]
        consumer.assign(places)
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        timed = {p: now_ms() - BACK_MS[p.topic] for p in places if p.topic in BACK_MS}
        found = await consumer.offsets_for_times(timed)
        for place in places:
            stamp = found.get(place)
            start = ends[place] if place in timed else max(begins[place], ends[place] - BACK_RECORDS)
            known = self._seen.get((place.topic, place.partition))
            consumer.seek(place, known if known is not None else stamp.offset if stamp else start)

    async def _look(self) -> None:
        while True:
            begins, ends = await self.reader.begins_and_ends()
            self.state.flows.begins = begins
            self.state.flows.ends.looked(now_ms(), ends)
            self.state.refresh_graph(now_ms())
            await asyncio.sleep(LOOK_EVERY_S)

    async def _glance(self) -> None:
        """Look at the youngest record of each topic that is not read whole and has moved."""
        looked: dict[str, int] = {}
        rest = [topic for topic in EVERY_TOPIC if topic not in READ_WHOLE]
        while True:
            wanted = []
            for topic in rest:
                place = self._moved(topic, looked)
                if place is not None:
                    wanted.append(
                        (topic, place.partition, self.state.flows.ends.newest[place.topic, place.partition] - 1)
                    )
            try:
                for entry in (await self.reader.at(wanted)).values():
                    self.state.glance(entry)
            except RegistryUnavailable as error:
                _log.warning("a record was not looked at", sentence=str(error))
            await asyncio.sleep(GLANCE_EVERY_S)

    def _moved(self, topic: Topic, looked: dict[str, int]) -> TopicPartition | None:
        """The fullest partition of a topic whose ends moved since it was looked at, which is noted in `looked`."""
        ends = self.state.flows.ends.newest
        held = [place for place in self.reader.places[topic.name] if ends.get((place.topic, place.partition), 0) > 0]
        total = sum(ends[place.topic, place.partition] for place in held)
        if not held or total == looked.get(topic.name):
            return None
        looked[topic.name] = total
        return max(held, key=self._growth)

    def _growth(self, place: TopicPartition) -> tuple[float, int]:
        ends = self.state.flows.ends
        rate = ends.partition_rate_per_s(place.topic, place.partition, over_ms=2_000)
        return rate, ends.newest[place.topic, place.partition]
