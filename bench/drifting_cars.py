"""Cars that stand where pickups were recorded and drift a little at each ping."""

from collections.abc import Sequence

import numpy as np

from agents.runtime.partitioning import partition_of
from bench.city import Places
from simulation.fleet import CarState, Pings
from simulation.pings import PingEncoder
from simulation.plan import CityPlan
from simulation.plane import Plane

PING_EVERY_MS = 4_000
_KINDS = (("standard",), ("standard", "xl"), ("standard", "premium"))


class DriftingCars:
    """So many `drivers`, a share of them `idle`; where they stand, what they offer and how they drift is of `dice`."""

    def __init__(
        self,
        places: Places,
        *,
        drivers: int,
        idle: float,
        partitions: int,
        schema_id: int,
        dice: np.random.Generator,
    ) -> None:
        self._dice, self._drivers, self._idle = dice, drivers, idle
        plane = Plane.of(CityPlan().box)
        at = dice.integers(0, places.lat.size, drivers)
        self._x, self._y = plane.metres(places.lat[at], places.lon[at])
        ids = [f"driver-{number:07d}" for number in range(drivers)]
        kinds = [_KINDS[kind] for kind in dice.choice(3, drivers, p=(0.55, 0.28, 0.17)).tolist()]
        self._encoder = PingEncoder(schema_id, ids, kinds, plane)
        self._keys = [driver.encode() for driver in ids]
        self._partition = [partition_of(key, partitions) for key in self._keys]
        self._next = 0

    def pings(self, now_ms: int, *, span_ms: int) -> Sequence[tuple[int, bytes, bytes]]:
        """Partition, key and value of the pings of the next cars in turn, as many as ping within `span_ms`."""
        count = self._drivers * span_ms // PING_EVERY_MS
        cars = np.arange(self._next, self._next + count) % self._drivers
        self._next += count
        self._x[cars] += self._dice.normal(0.0, 30.0, cars.size)
        self._y[cars] += self._dice.normal(0.0, 30.0, cars.size)
        states = np.array([CarState.IDLE, CarState.WITH_RIDER, CarState.OFFLINE], np.int8)
        pings = Pings(
            at_ms=now_ms,
            car=cars,
            x=self._x[cars],
            y=self._y[cars],
            state=self._dice.choice(states, cars.size, p=(self._idle, 0.96 - self._idle, 0.04)),
            free_at_ms=np.zeros(cars.size, np.int64),
        )
        values = self._encoder.encode(pings)
        return [
            (self._partition[car], self._keys[car], value) for car, value in zip(cars.tolist(), values, strict=True)
        ]
