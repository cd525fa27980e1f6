"""What a contestant of the supply job said in the end: idle cars per cell, read back from its output topic."""

import asyncio
import io
import json
import time
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from fastavro import parse_schema, schemaless_reader

from bench.servers import Servers
from infra.clients.connection import kafka_consumer
from topics.catalogue import SUPPLY_CELLS
from topics.codec import ObjectCodec
from topics.counts import CountKind
from topics.wire import FRAME_BYTES
from windows.hexagons import zone_of

IDLE_CARS = parse_schema(json.loads((Path(__file__).parent / "peers" / "idle-cars.avsc").read_text(encoding="utf-8")))
Said = dict[tuple[int, int], dict[int, int]]
"""Newest record of each (zone, source partition): idle cars by cell."""


class IdleCounts:
    """Reads one output topic from its present end; ours or a peer's."""

    def __init__(self, servers: Servers, topic: str) -> None:
        """Nothing is read before `start`."""
        self._topic, self._partitions = topic, servers.settings.zone_partitions
        self._consumer: Any = kafka_consumer(servers.connection.kafka(), fetch_max_wait_ms=50)
        self._codec = ObjectCodec(SUPPLY_CELLS, servers.schema_ids[SUPPLY_CELLS.name])
        self._said: Said = {}

    async def start(self) -> None:
        """Stand at the end."""
        await self._consumer.start()
        places = [TopicPartition(self._topic, number) for number in range(self._partitions)]
        self._consumer.assign(places)
        for place, end in (await self._consumer.end_offsets(places)).items():
            self._consumer.seek(place, end)

    async def stop(self) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def differing(self, wanted: dict[int, int], *, within_s: float) -> int:
        """Cells whose count is not `wanted` yet; returns as soon as there is none, or when the time is over."""
        until_s = time.monotonic() + within_s
        while True:
            for records in (await self._consumer.getmany(timeout_ms=100)).values():
                for record in records:
                    self._hear(record.value)
            found = self._per_cell()
            wrong = sum(found.get(cell, 0) != wanted.get(cell, 0) for cell in found.keys() | wanted.keys())
            if not wrong or time.monotonic() > until_s:
                return wrong
            await asyncio.sleep(0)

    def _hear(self, value: bytes) -> None:
        if self._topic == SUPPLY_CELLS.name:
            counted = self._codec.decode(value)
            if counted.kind is CountKind.CELLS:
                own = zip(counted.cells, counted.idle, strict=True)
                cells = {cell: idle for cell, idle in own if zone_of(cell) == counted.zone}
                self._said[counted.zone, counted.source_partition] = cells
            return
        body = io.BytesIO(value)
        body.seek(FRAME_BYTES)
        said: Any = schemaless_reader(body, IDLE_CARS, None)
        self._said[said["zone"], said["source"]] = dict(zip(said["cells"], said["idle"], strict=True))

    def _per_cell(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for cells in self._said.values():
            for cell, idle in cells.items():
                found[cell] = found.get(cell, 0) + idle
        return {cell: idle for cell, idle in found.items() if idle}
