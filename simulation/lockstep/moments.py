"""What pictures of a run show: one row per change of prices."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulation.fleet import CarState
from simulation.lockstep.cars import Cars


@dataclass(slots=True)
class Moments:
    """Rows by minute since the warm-up: cars idle, on the road, riders waiting for one, seconds on the way, prices."""

    minute: list[float] = field(default_factory=list)
    idle: list[int] = field(default_factory=list)
    online: list[int] = field(default_factory=list)
    waiting: list[int] = field(default_factory=list)
    way_s: list[float] = field(default_factory=list)
    prices: list[NDArray[np.int64]] = field(default_factory=list)

    def note(self, minute: float, cars: Cars, prices: NDArray[np.int64], *, waiting: int) -> None:
        """Add a row."""
        way = cars.in_state(CarState.TO_PICKUP)
        way_s = (cars.there_ms[way] - cars.left_ms[way]) / 1_000.0
        self.minute.append(minute)
        self.idle.append(cars.count(CarState.IDLE))
        self.online.append(cars.size - cars.count(CarState.OFFLINE))
        self.waiting.append(waiting)
        self.way_s.append(float(way_s.mean()) if way.size else float("nan"))
        self.prices.append(prices)
