"""Pings of a large fleet, published as a city's apps would: as they come, a linger's worth together, compressed.

Cars stand where pickups were recorded and drift a little at each ping. The load remembers the last state of each car,
so that what should be counted in the end is known without asking any contestant.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from h3.api import basic_int as h3

from bench.city import Places
from bench.servers import Servers
from infra.clients.connection import kafka_producer
from simulation.fleet import CarState, Pings
from simulation.pings import PingEncoder
from simulation.plan import CityPlan
from simulation.plane import Plane
from topics.catalogue import DRIVER_PINGS
from topics.partitioners import Partitioner, partition_of
from windows.hexagons import CELL_RESOLUTION

DRIVERS = 80_000
"""At one ping every four seconds each: 20,000 pings a second."""
STEP = 4_000
"""Pings published together in catch-up; in live load a step is what came in `LIVE_STEP_S`."""
LIVE_STEP_S = 0.1
DRIFT_M = 30.0
_KINDS = (("standard",), ("standard", "xl"), ("standard", "premium"))
_HEADERS = [("ce_source", b"bench")]
_BATCH_BYTES = 256 * 2**10


Floats = np.ndarray[Any, np.dtype[np.float64]]
Written = Callable[[int, int, int, Floats, Floats], None]
"""Told partition, offset and append time (epoch ms) of a batch, and the degrees of its pings, in order."""


def _tell(written_to: Written, partition: int, lat: Floats, lon: Floats, done: Any) -> None:  # noqa: ANN401  a future
    if not done.cancelled() and done.exception() is None:
        where = done.result()
        written_to(partition, where.offset, where.timestamp, lat, lon)


class PingLoad:
    """One fleet; `start` before and `stop` after use."""

    def __init__(self, servers: Servers, places: Places, *, drivers: int = DRIVERS, seed: int = 1) -> None:
        """Everything but the instants is drawn from `seed`."""
        self._dice = np.random.default_rng(seed)
        self.plane = Plane.of(CityPlan().box)
        at = self._dice.integers(0, places.lat.size, drivers)
        self._x, self._y = self.plane.metres(places.lat[at], places.lon[at])
        self._state = np.full(drivers, CarState.OFFLINE, np.int8)
        self._seen = np.zeros(drivers, np.bool_)
        ids = [f"driver-{number:07d}" for number in range(drivers)]
        kinds = [_KINDS[kind] for kind in self._dice.choice(3, drivers, p=(0.55, 0.28, 0.17)).tolist()]
        self._encoder = PingEncoder(servers.schema_ids[DRIVER_PINGS.name], ids, kinds, self.plane)
        self._keys = [driver.encode() for driver in ids]
        count = servers.settings.driver_partitions
        self._partition = np.array([partition_of(Partitioner.MURMUR2, key, count) for key in self._keys])
        self._producer: Any = kafka_producer(
            servers.connection.kafka(), acks=1, max_batch_size=_BATCH_BYTES, compression_type="lz4"
        )
        self._next = 0

    async def start(self) -> None:
        """Connect."""
        await self._producer.start()

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def publish(self, count: int) -> None:
        """Publish so many pings as fast as they can be made, and wait until the broker has them."""
        written: list[Any] = []
        for done in range(0, count, STEP):
            written += await self._send(min(STEP, count - done))
        await asyncio.gather(*written)

    async def publish_at(
        self, per_s: float, seconds: float, *, step_s: float = LIVE_STEP_S, written_to: Written | None = None
    ) -> None:
        """Publish at an even pace; a step that is late is sent at once and delays none after it.

        `written_to` is told of the first batch of each step and partition once the broker has it.
        """
        begun_s, steps = time.monotonic(), round(seconds / step_s)
        written: list[Any] = []
        for step in range(steps):
            await asyncio.sleep(max(0.0, begun_s + step * step_s - time.monotonic()))
            for done in [each for each in written if each.done()]:
                done.result()
            written = [each for each in written if not each.done()]
            written += await self._send(round(per_s * step_s), written_to)
        await asyncio.gather(*written)

    def idle_per_cell(self) -> dict[int, int]:
        """Cars whose last ping said idle, counted here by H3's own function from the degrees that were sent."""
        lat, lon = self.plane.degrees(self._x, self._y)
        idle = np.flatnonzero(self._seen & (self._state == CarState.IDLE)).tolist()
        return dict(Counter(h3.latlng_to_cell(float(lat[car]), float(lon[car]), CELL_RESOLUTION) for car in idle))

    async def _send(self, count: int, written_to: Written | None = None) -> list[Any]:
        """Hand over the next cars' pings, one run of batches per partition."""
        cars = np.arange(self._next, self._next + count) % self._seen.size
        self._next += count
        pings = self._moved(cars)
        values, partitions = self._encoder.encode(pings), self._partition[cars]
        written: list[Any] = []
        for partition in np.unique(partitions).tolist():
            rows = np.flatnonzero(partitions == partition).tolist()
            batches = self._batches([(self._keys[int(cars[row])], values[row]) for row in rows], pings.at_ms)
            sent = [await self._producer.send_batch(b, DRIVER_PINGS.name, partition=partition) for b in batches]
            if written_to is not None:
                lat, lon = self.plane.degrees(pings.x[rows], pings.y[rows])
                first = slice(batches[0].record_count())
                sent[0].add_done_callback(partial(_tell, written_to, partition, lat[first], lon[first]))
            written += sent
        return written

    def _moved(self, cars: np.ndarray[Any, np.dtype[np.int64]]) -> Pings:
        self._x[cars] += self._dice.normal(0.0, DRIFT_M, cars.size)
        self._y[cars] += self._dice.normal(0.0, DRIFT_M, cars.size)
        self._state[cars] = self._dice.choice(
            np.array([CarState.IDLE, CarState.WITH_RIDER, CarState.OFFLINE], np.int8), cars.size, p=(0.58, 0.38, 0.04)
        )
        self._seen[cars] = True
        return Pings(
            at_ms=time.time_ns() // 1_000_000,
            car=cars,
            x=self._x[cars],
            y=self._y[cars],
            state=self._state[cars],
            free_at_ms=np.zeros(cars.size, np.int64),
        )

    def _batches(self, pairs: list[tuple[bytes, bytes]], at_ms: int) -> list[Any]:
        batches = [self._producer.create_batch()]
        for key, value in pairs:
            if batches[-1].append(key=key, value=value, timestamp=at_ms, headers=_HEADERS) is None:
                batches.append(self._producer.create_batch())
                batches[-1].append(key=key, value=value, timestamp=at_ms, headers=_HEADERS)
        return batches
