"""The supply job by hand: confluent-kafka and compiled columns, the practical limit of one Python process.

State is in memory only: after a crash every count is wrong until each driver has pinged again, and it is right for one
process that reads all partitions.
"""

import os
import signal
import time

import numba as nb
import numpy as np
from confluent_kafka import Consumer, Producer
from h3ronpy.vector import coordinates_to_cells

from cars import BOOTSTRAP, COMMIT_S, FLUSH_S, FRAME_BYTES, GROUP, INPUT, OUTPUT, RESOLUTION, encoded, zone_of

IDLE = 1
MOST = 1 << 18


@nb.njit(cache=True, nogil=True)
def _long(buf, p):
    bits, shift = np.uint64(0), np.uint64(0)
    while True:
        byte = buf[p]
        p += 1
        bits |= np.uint64(byte & 127) << shift
        if byte < 128:
            return np.int64(bits >> np.uint64(1)) ^ -np.int64(bits & np.uint64(1)), p
        shift += np.uint64(7)


@nb.njit(cache=True, nogil=True)
def decode(buf, starts, driver, at_ms, lat, lon, status):
    """Columns of the pings at `starts`; what follows the status is not needed."""
    eight = np.empty(8, np.uint8)
    for row in range(starts.size):
        size, p = _long(buf, starts[row])
        hashed = np.uint64(14695981039346656037)
        for k in range(p, p + size):
            hashed = (hashed ^ np.uint64(buf[k])) * np.uint64(1099511628211)
        driver[row] = np.int64(hashed)
        at_ms[row], p = _long(buf, p + size)
        eight[:] = buf[p : p + 8]
        lat[row] = eight.view(np.float64)[0]
        eight[:] = buf[p + 8 : p + 16]
        lon[row] = eight.view(np.float64)[0]
        status[row], p = _long(buf, p + 16)


@nb.njit(cache=True, nogil=True)
def keep(keys, known_at, known_cell, known_idle, driver, at_ms, cell, status):
    """Last state of each driver, by open addressing on the hash of its id."""
    mask = np.uint64(keys.size - 1)
    for row in range(driver.size):
        spread = np.uint64(driver[row]) * np.uint64(0x9E3779B97F4A7C15)
        place = (spread ^ (spread >> np.uint64(32))) & mask
        while keys[place] != 0 and keys[place] != driver[row]:
            place = (place + np.uint64(1)) & mask
        if at_ms[row] >= known_at[place]:
            keys[place] = driver[row]
            known_at[place], known_cell[place], known_idle[place] = at_ms[row], cell[row], status[row] == IDLE


class Drivers:
    """All drivers, and what was written last."""

    def __init__(self) -> None:
        self.keys, self.at_ms = np.zeros(MOST, np.int64), np.full(MOST, -1)
        self.cell, self.idle = np.zeros(MOST, np.int64), np.zeros(MOST, np.bool_)
        self.written: dict[int, list] = {}

    def take(self, values: list[bytes]) -> None:
        """Take pings in the order of the log."""
        n = len(values)
        ends = np.cumsum(np.fromiter(map(len, values), np.int64, n))
        starts = np.concatenate([[0], ends[:-1]]) + FRAME_BYTES
        driver, at_ms, status = (np.empty(n, np.int64) for _ in range(3))
        lat, lon = np.empty(n), np.empty(n)
        decode(np.frombuffer(b"".join(values), np.uint8), starts, driver, at_ms, lat, lon, status)
        cell = np.asarray(coordinates_to_cells(lat, lon, RESOLUTION)).view(np.int64)
        keep(self.keys, self.at_ms, self.cell, self.idle, driver, at_ms, cell, status)

    def records(self) -> list[tuple[bytes, bytes]]:
        """Keys and values of the zones that changed since the last call."""
        cells, idle = np.unique(self.cell[self.idle], return_counts=True)
        now: dict[int, list] = {}
        for cell, count in zip(cells.tolist(), idle.tolist(), strict=True):
            now.setdefault(zone_of(cell), []).append((cell, count))
        changed = [zone for zone in now.keys() | self.written.keys() if now.get(zone) != self.written.get(zone)]
        self.written = now
        return [encoded(z, -1, [c for c, _ in now.get(z, [])], [n for _, n in now.get(z, [])]) for z in changed]


def main() -> None:
    """Consume, keep, write, commit what was written."""
    consumer = Consumer(
        {
            "bootstrap.servers": BOOTSTRAP,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "check.crcs": True,
            "queued.max.messages.kbytes": 65536,
            "fetch.max.bytes": 52428800,
        }
    )
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "acks": "all", "compression.type": "lz4", "linger.ms": 5})
    consumer.subscribe([INPUT])
    drivers, stopping = Drivers(), []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    flushed_s = committed_s = time.monotonic()
    while not stopping:
        messages = consumer.consume(10_000, 0.05)
        if messages:
            drivers.take([message.value() for message in messages])
        now_s = time.monotonic()
        if now_s - flushed_s >= FLUSH_S:
            flushed_s = now_s
            for key, value in drivers.records():
                producer.produce(OUTPUT, value, key)
            producer.poll(0)
        if now_s - committed_s >= COMMIT_S:
            committed_s = now_s
            producer.flush()
            consumer.commit(asynchronous=True) if consumer.position(consumer.assignment()) else None
    os._exit(0)


if __name__ == "__main__":
    main()
