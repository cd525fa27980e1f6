"""Freshness: from a ping's append to the append of the first tick that includes it and computed its cell.

Followed from outside through offsets (`simulation.freshness`): a ping stands at an offset, a counts record names the
last ping it includes, a tick the last counts record. Both instants are the broker's, so no other clock takes part. A
tick prices every cell of its zone, so the first one that includes a ping also computed its cell.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import ConsumerRecord, TopicPartition

from agents.runtime.partitioning import partition_of
from bench.city import read_places
from bench.measured import Contestant, Figures, JobResult, Outcome, percentile
from bench.ping_load import Floats, PingLoad
from bench.servers import Servers, servers
from bench.workers import Seed, working
from infra.clients.connection import kafka_consumer
from simulation.freshness import FreshnessTracker, PingSample
from topics.catalogue import SUPPLY_CELLS, SURGE
from topics.codec import ObjectCodec
from windows.hexagons import cells_of, zone_key, zone_of

RATES = (20_000.0, 50_000.0)
DRIVERS = 200_000
INSTANCES = ("supply-0", "demand-0", "pricing-0")
STEP_S, SETTLE_S, DRAIN_S = 0.02, 15.0, 8.0
SAMPLED = 4
"""Pings followed of each step."""


def measure(cache_dir: Path, seed: Seed, *, quick: bool) -> JobResult:
    """Measure both rates; a minute if `quick`, on a machine with nothing else to do."""
    return asyncio.run(_measure(cache_dir, seed, quick=quick))


async def _measure(cache_dir: Path, seed: Seed, *, quick: bool) -> JobResult:
    rounds, seconds = (1, 8.0) if quick else (3, 30.0)
    seen: list[Figures] = []
    async with servers(cache_dir) as running, working(running, seed, INSTANCES) as workers:
        load = PingLoad(running, read_places(), drivers=DRIVERS)
        await load.start()
        try:
            await load.publish_at(RATES[0], SETTLE_S, step_s=STEP_S)
            for _ in range(rounds):
                figures: dict[str, float] = {}
                for per_s in RATES:
                    figures |= await _rate(running, load, per_s, seconds)
                seen.append(figures)
                for instance in INSTANCES:
                    workers.pid(instance)
        finally:
            await load.stop()
    contestant = Contestant(
        name="ours",
        guarantee="a tick names the offsets it includes, so freshness is proven by the log, not by clocks",
        configuration={"drivers": DRIVERS, "zone_partitions": 4, "flush_ms": 250, "tick_ms": 250},
    )
    return JobResult(
        job="freshness",
        about="From a ping published to the first tick that includes it and computed its cell",
        headline="p99_ms_at_50000",
        outcomes=[Outcome(contestant=contestant, rounds=seen)],
        facts={"sampled": f"{SAMPLED} pings of each step of {STEP_S * 1000:.0f} ms, zones by recorded pickups"},
    )


async def _rate(running: Servers, load: PingLoad, per_s: float, seconds: float) -> Figures:
    """Percentiles of one rate, and the share of sampled pings that no tick included in time."""
    async with following(running) as fresh:
        begun_s = time.monotonic()
        await load.publish_at(per_s, seconds, step_s=STEP_S, written_to=fresh.written)
        took_s = time.monotonic() - begun_s
        await asyncio.sleep(DRAIN_S)
    name = f"at_{per_s:.0f}"
    lost = fresh.tracker.waiting + fresh.tracker.given_up
    return {
        **{f"{part}_ms_{name}": percentile(fresh.seen_ms, share) for part, share in _SHARES.items()},
        f"missed_share_{name}": lost / max(1, lost + len(fresh.seen_ms)),
        f"published_share_{name}": seconds / took_s,
    }


_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class Following:
    """Samples on their way, and the freshness of those that arrived."""

    def __init__(self, running: Servers) -> None:
        self.tracker, self.seen_ms = FreshnessTracker(), list[float]()
        self._zones = running.settings.zone_partitions
        self._codecs = {
            topic.name: ObjectCodec(topic, running.schema_ids[topic.name]) for topic in (SUPPLY_CELLS, SURGE)
        }

    def written(self, partition: int, offset: int, appended_ms: int, lat: Floats, lon: Floats) -> None:
        """Follow some pings of a batch that stands at `offset`."""
        places = np.arange(0, lat.size, max(1, lat.size // SAMPLED))
        for place, cell in zip(places.tolist(), cells_of(lat[places], lon[places]).tolist(), strict=True):
            zone = zone_of(cell)
            number = partition_of(zone_key(zone), self._zones)
            self.tracker.published(PingSample(partition, offset + place, appended_ms, zone, number))

    def hear(self, record: ConsumerRecord) -> None:
        """Take in one record of either topic."""
        said = self._codecs[record.topic].decode(record.value)
        if record.topic == SURGE.name:
            self.seen_ms += self.tracker.ticked(
                zone=said.zone, supply_offset=said.supply_offset, appended_ms=record.timestamp
            )
        else:
            self.tracker.counted(
                source_partition=said.source_partition,
                zone_partition=record.partition,
                zone=said.zone,
                pings_offset=said.pings_offset,
                offset=record.offset,
            )


@asynccontextmanager
async def following(running: Servers) -> AsyncIterator[Following]:
    """Read counts and ticks from their ends while the block lasts."""
    fresh = Following(running)
    consumer: Any = kafka_consumer(running.connection.kafka(), group_id=None, fetch_max_wait_ms=50)
    await consumer.start()
    consumer.assign(
        [
            TopicPartition(topic.name, p)
            for topic in (SUPPLY_CELLS, SURGE)
            for p in range(running.settings.zone_partitions)
        ]
    )
    await consumer.seek_to_end()

    async def read() -> None:
        async for record in consumer:
            fresh.hear(record)

    reading = asyncio.create_task(read())
    try:
        yield fresh
        if reading.done():
            reading.result()
    finally:
        reading.cancel()
        await consumer.stop()
