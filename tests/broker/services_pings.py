"""Pings of a large fleet, some tens of thousands a second, with the same faults as the small load's.

A step's pings are one matrix of bytes, since all but the broken ones are equally long; broken ones are made singly.

    frame 5 │ id │ at_ms 6 │ lat 8 │ lon 8 │ status 1 │ products │ free_at_ms 0 or 6
"""

from collections.abc import Callable, Iterator

import numpy as np

from agents.runtime.publisher import Record
from simulation.pings import longs
from tests.broker.services import now_ms
from topics.catalogue import DRIVER_PINGS
from topics.partitioners import Partitioner, partition_of

PING_EVERY_STEPS = 30
DISORDER_MS = 20_000
LATE_MS = (45_000, 100_000)
LATE, DISORDERED, TWICE, BROKEN, MOVED = 0.02, 0.23, 0.03, 0.01, 0.02
UNKNOWN, IDLE, BUSY, OFFLINE = range(4)
SHARES = (0.01, 0.60, 0.35, 0.04)
STEP_DEG = 0.003
SETS = (("standard", "xl"), ("standard", "premium"), ("standard", "standard"))


class PingFleet:
    """Drivers who move; each pings every thirtieth step, a silent one every three hundredth."""

    def __init__(self, seed: int, *, drivers: int, silent: int, schema_id: int, partitions: int) -> None:
        self._dice = np.random.default_rng(seed)
        ids = [f"driver-{seed:06d}-{number:07d}".encode() for number in range(drivers)]
        self.keys, self._silent, self.late = ids, silent, 0
        starts = [b"\0" + schema_id.to_bytes(4, "big") + bytes([2 * len(each)]) + each for each in ids]
        self._start = np.frombuffer(b"".join(starts), np.uint8).reshape(len(ids), -1)
        self._partition = [partition_of(Partitioner.MURMUR2, each, partitions) for each in ids]
        self.lat = self._dice.uniform(40.69, 40.80, drivers)
        self.lon = self._dice.uniform(-74.00, -73.94, drivers)
        self._products = [_products(names) for names in SETS]
        self._numbers = np.arange(drivers)

    def pings(self, step: int, broken: Callable[[int, int], Record]) -> Iterator[Record]:
        """The records of one step; `broken(driver, at_ms)` makes one that must be refused."""
        cars = self._due(step)
        moved = cars[self._dice.random(cars.size) < MOVED]  # the phone's clock stands still: the later record counts
        self.lat[cars] += self._dice.normal(0, STEP_DEG, cars.size)
        self.lon[cars] += self._dice.normal(0, STEP_DEG, cars.size)
        at_ms = self._at_ms(cars.size)
        values = self._encoded(cars, at_ms, self.lat[cars])
        again = dict(zip(cars.tolist(), at_ms.tolist(), strict=True))
        twins = self._encoded(moved, np.array([again[car] for car in moved.tolist()], np.int64), self.lat[moved] + 0.02)
        chances = self._dice.random(cars.size + moved.size).tolist()
        for car, value, chance in zip([*cars.tolist(), *moved.tolist()], values + twins, chances, strict=True):
            if chance < BROKEN:
                yield broken(car, again[car])
            record = Record(DRIVER_PINGS.name, self._partition[car], self.keys[car], value)
            yield record
            if BROKEN <= chance < BROKEN + TWICE:
                yield record

    def _due(self, step: int) -> np.ndarray:
        cars = self._numbers[step % PING_EVERY_STEPS :: PING_EVERY_STEPS]
        return cars[(cars >= self._silent) | ((step // PING_EVERY_STEPS + cars) % 10 == 0)]

    def _at_ms(self, count: int) -> np.ndarray:
        """Event times: mostly of this moment, some up to 20 s old, a few so old that they are late."""
        chance = self._dice.random(count)
        old = self._dice.integers(0, 300, count)
        disordered, late = (chance >= LATE) & (chance < LATE + DISORDERED), chance < LATE
        old[disordered] = self._dice.integers(0, DISORDER_MS, int(disordered.sum()))
        self.late += int(late.sum())
        old[late] = self._dice.integers(*LATE_MS, int(late.sum()))
        return now_ms() - old

    def _encoded(self, cars: np.ndarray, at_ms: np.ndarray, lat: np.ndarray) -> list[bytes]:
        status = self._dice.choice(4, cars.size, p=SHARES)
        heads = np.hstack(
            [
                self._start[cars],
                longs(at_ms),
                _doubles(lat),
                _doubles(self.lon[cars]),
                (2 * status)[:, None].astype("u1"),
            ]
        )
        tails = np.zeros((cars.size, 7), np.uint8)
        tails[:, 0] = 2
        tails[:, 1:] = longs(at_ms + self._dice.integers(0, 600_000, cars.size))
        head, tail, width = heads.tobytes(), tails.tobytes(), heads.shape[1]
        kinds = self._dice.integers(0, len(SETS), cars.size).tolist()
        return [
            head[row * width : row * width + width]
            + self._products[kind]
            + (tail[row * 7 : row * 7 + 7] if state == BUSY else b"\0")
            for row, (kind, state) in enumerate(zip(kinds, status.tolist(), strict=True))
        ]


def _doubles(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values, "<f8").view(np.uint8).reshape(-1, 8)


def _products(names: tuple[str, ...]) -> bytes:
    told = b"".join(bytes([2 * len(name)]) + name.encode() for name in names)
    return bytes([2 * len(names)]) + told + b"\0"
