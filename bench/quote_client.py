"""Riders outside the system, in a process of their own: quote requests in, quotes back, over the topics only.

Started by `bench.quotes`. Its argument says where the brokers are, each line of input one phase, and each line of
output what came of it. Requests are sent one by one as they fall due.
"""

import asyncio
import json
import sys
import time
from typing import Any

import numpy as np
import uvloop
from aiokafka import TopicPartition

from bench.city import read_places
from bench.open_loop import Phase, arrivals, run_phase
from infra.clients.connection import Connection, kafka_consumer, kafka_producer
from infra.clients.endpoints import Endpoints
from topics import wire
from topics.catalogue import QUOTE_REQUESTS, QUOTES
from topics.codec import ObjectCodec
from topics.events import QuoteRequested
from topics.partitioners import Partitioner, partition_of

RIDERS = 20_000
RIDES = 4_096
PRODUCTS, SHARES = ("standard", "xl", "premium"), (0.78, 0.14, 0.08)
PREFETCH_BACKOFF_S = 0.005  # aiokafka waits 0.1 s before it fetches a partition again that is not drained
_ID = "{run:08x}-{number:08d}"
_QUOTE_ID_BYTES = 32
# In a quote: frame, length and bytes of the quote id, length of the request id, run and dash; then the number.
_NUMBER_AT = wire.FRAME_BYTES + 1 + _QUOTE_ID_BYTES + 1 + 9
_RUN_AT = wire.FRAME_BYTES + 1 + _QUOTE_ID_BYTES + 1


class Riders:
    """Asks and listens; `start` before use, `stop` after."""

    def __init__(self, connection: Connection, *, schema_id: int, partitions: int, seed: int) -> None:
        dice = np.random.default_rng(seed)
        self._codec = ObjectCodec(QUOTE_REQUESTS, schema_id)
        self._partitions = partitions
        self._riders = [f"bench-rider-{number:06d}" for number in range(RIDERS)]
        self._keys = [rider.encode() for rider in self._riders]
        self._to = [partition_of(Partitioner.MURMUR2, key, partitions) for key in self._keys]
        self._tails = self._rides(dice)
        self._who, self._where = dice.integers(0, RIDERS, 1 << 20).tolist(), dice.integers(0, RIDES, 1 << 20).tolist()
        self._producer: Any = kafka_producer(connection.kafka(), acks="all", linger_ms=0, max_batch_size=1 << 18)
        self._consumer: Any = kafka_consumer(connection.kafka(), group_id=None, fetch_max_wait_ms=100)
        self._run, self._phase = 0, Phase(per_s=1.0, due_s=np.zeros(0))

    def _rides(self, dice: np.random.Generator) -> list[bytes]:
        """The ends of rides between recorded pickups, and a product: all of a request that follows its instant."""
        places = read_places()
        ends = dice.integers(0, places.lat.size, (RIDES, 2))
        products = dice.choice(len(PRODUCTS), RIDES, p=SHARES)
        tails = []
        for (pickup, dropoff), product in zip(ends.tolist(), products.tolist(), strict=True):
            lat, lon = places.lat[[pickup, dropoff]].tolist(), places.lon[[pickup, dropoff]].tolist()
            request = QuoteRequested(
                request_id="", rider_id="", at_ms=0, product=PRODUCTS[product],
                pickup_lat=lat[0], pickup_lon=lon[0], dropoff_lat=lat[1], dropoff_lon=lon[1],
            )  # fmt: skip
            tails.append(self._codec.encode(request)[wire.FRAME_BYTES + 3 :])  # two empty texts and a zero before it
        return tails

    async def start(self) -> None:
        """Connect, and stand at the end of the quotes."""
        await self._producer.start()
        await self._consumer.start()
        self._consumer._fetcher._prefetch_backoff = PREFETCH_BACKOFF_S
        self._consumer.assign([TopicPartition(QUOTES.name, number) for number in range(self._partitions)])
        await self._consumer.seek_to_end()
        self._listening = asyncio.create_task(self._listen())

    async def stop(self) -> None:
        """Disconnect."""
        self._listening.cancel()
        await self._consumer.stop()
        await self._producer.stop()

    async def ask(self, per_s: float, seconds: float, run: int) -> dict[str, Any]:
        """One phase."""
        self._run, self._mine = run, f"{run:08x}".encode()
        self._phase = Phase(per_s=per_s, due_s=arrivals(per_s, seconds, run))
        return dict(await run_phase(self._phase, self._send))

    async def _send(self, first: int, last: int) -> None:
        at_ms = time.time_ns() // 1_000_000
        instant, time_header = _long(at_ms), wire.rfc3339(at_ms).encode()
        frame = wire.frame(self._codec.schema_id, b"")
        for number in range(first, last):
            who, where = self._who[number % (1 << 20)], self._where[number % (1 << 20)]
            key, request = self._keys[who], _ID.format(run=self._run, number=number).encode()
            await self._producer.send(
                QUOTE_REQUESTS.name,
                b"".join((frame, _text(request), _text(key), instant, self._tails[where])),
                key=key,
                partition=self._to[who],
                timestamp_ms=at_ms,
                headers=[
                    ("ce_id", request),
                    ("ce_source", b"bench"),
                    ("ce_type", b"QuoteRequested"),
                    ("ce_time", time_header),
                    ("traceparent", b"00-%s%s-%s-01" % (request[:8] * 2, request[9:17] * 2, request[9:17] * 2)),
                ],
            )

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            fetched = await self._consumer.getmany(timeout_ms=200)
            now_s = loop.time()
            for records in fetched.values():
                for record in records:
                    if record.value[_RUN_AT : _RUN_AT + 8] == self._mine:
                        self._phase.answer(int(record.value[_NUMBER_AT : _NUMBER_AT + 8]), now_s)


def _long(value: int) -> bytes:
    """A number as Avro writes it; not negative."""
    rest, out = value << 1, bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def _text(said: bytes) -> bytes:
    """A text of up to 63 bytes as Avro writes it."""
    return bytes([len(said) << 1]) + said


async def _serve(said: dict[str, Any]) -> None:
    connection = Connection(endpoints=Endpoints(bootstrap=said["bootstrap"], registry_url=""))
    riders = Riders(connection, schema_id=said["schema_id"], partitions=said["partitions"], seed=1)
    await riders.start()
    while line := await asyncio.to_thread(sys.stdin.readline):
        wanted = json.loads(line)
        sys.stdout.write(json.dumps(await riders.ask(wanted["per_s"], wanted["seconds"], wanted["run"])) + "\n")
        sys.stdout.flush()
    await riders.stop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(json.loads(sys.argv[1])))
