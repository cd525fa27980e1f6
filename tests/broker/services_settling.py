"""Waiting until the services have worked off all there is."""

from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.clients.connection import Connection
from infra.clients.consumer import Edge, tail
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from tests.broker import kafka
from tests.broker.services import partitions
from topics.catalogue import (
    BOOKING_DECISIONS,
    DEMAND_CELLS,
    DRIVER_PINGS,
    QUOTE_REQUESTS,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    Topic,
)
from topics.counts import CountKind

SETTLE_LIMIT_S = 120.0


async def settled(connection: Connection) -> None:
    """Wait until QUOTES has worked off its inputs, and SUPPLY and DEMAND say "alive" with all of theirs included."""
    bootstrap = connection.endpoints.bootstrap
    await kafka.until(lambda: _worked_off(bootstrap, "quotes", (QUOTE_REQUESTS, RIDE_EVENTS)), "QUOTES", SETTLE_LIMIT_S)
    await kafka.until(
        lambda: _worked_off(bootstrap, "demand", (QUOTE_REQUESTS, BOOKING_DECISIONS)), "DEMAND", SETTLE_LIMIT_S
    )
    ends = await _ends(bootstrap, (DRIVER_PINGS, QUOTE_REQUESTS, BOOKING_DECISIONS))
    await _said_alive(connection, SUPPLY_CELLS, {"pings_offset": DRIVER_PINGS}, ends)
    included = {"requests_offset": QUOTE_REQUESTS, "decisions_offset": BOOKING_DECISIONS}
    await _said_alive(connection, DEMAND_CELLS, included, ends)


async def _worked_off(bootstrap: str, service: str, topics: Iterable[Topic]) -> bool:
    ends = await _ends(bootstrap, topics)
    committed = await kafka.committed(bootstrap, f"faretide-{service}")
    return all(committed.get(tp, 0) == end for tp, end in ends.items())


async def _ends(bootstrap: str, topics: Iterable[Topic]) -> dict[TopicPartition, int]:
    counts = await partitions(bootstrap)
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None) as consumer:
        tps = [TopicPartition(topic.name, number) for topic in topics for number in range(counts[topic.name])]
        consumer.assign(tps)
        return dict(await consumer.end_offsets(tps))


async def _said_alive(
    connection: Connection, topic: Topic, included: dict[str, Topic], ends: dict[TopicPartition, int]
) -> None:
    """Read on from the end until each source partition was alive with these ends included."""
    async with Registry(connection) as registry:
        waiting = {tp.partition for tp in ends if tp.topic in {source.name for source in included.values()}}
        entries = tail(connection, topic, SchemaIds(registry), start=Edge.LATEST)
        async for entry in entries:
            said = entry.decoded()
            if said.kind is CountKind.ALIVE and all(
                getattr(said, name) == ends[TopicPartition(source.name, said.source_partition)] - 1
                for name, source in included.items()
            ):
                waiting.discard(said.source_partition)
            if not waiting:
                break
        await entries.aclose()
