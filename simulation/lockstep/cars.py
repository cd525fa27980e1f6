"""The cars as columns: where each is, what it does, until when, and what it earned."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulation.fleet import CarState
from simulation.history import Ints
from simulation.lockstep.assumptions import Assumptions
from simulation.plan import CityPlan
from simulation.plane import Floats

NO_RIDER = -1


@dataclass(slots=True, kw_only=True)
class Cars:
    """All cars that might come, n of them; cars of low rank are on the road at usual earnings.

    `x`, `y` float64[n] metres are where an idle car stands, and where a busy one began its way to (`to_x`, `to_y`) at
    `left_ms`, to be there at `there_ms`. `rider` int64[n] or NO_RIDER. `serves` bool[n, P]. `follows` bool[n]: heeds
    surge. `leaving` bool[n]: had enough when its driver last thought about it. `rank` float64[n]: order of reservation
    earnings, 1 the last at usual ones. `driven_m`, `online_ms` and `busy_ms` add up from the end of the warm-up on.
    """

    x: Floats
    y: Floats
    to_x: Floats
    to_y: Floats
    left_ms: Ints
    there_ms: Ints
    state: NDArray[np.int8]
    rider: Ints
    serves: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    leaving: NDArray[np.bool_]
    rank: Floats
    driven_m: Floats
    online_ms: Ints
    busy_ms: Ints

    @property
    def size(self) -> int:
        """Number of cars, on the road or not."""
        return int(self.x.size)

    def in_state(self, state: CarState) -> Ints:
        """Cars in that state, ascending."""
        return np.flatnonzero(self.state == state)

    def count(self, state: CarState) -> int:
        """How many are in that state."""
        return int(np.count_nonzero(self.state == state))

    def place_at(self, cars: Ints, now_ms: int) -> tuple[Floats, Floats]:
        """Where busy cars are on their straight ways, metres."""
        way_ms = np.maximum(self.there_ms[cars] - self.left_ms[cars], 1)
        part = np.clip((now_ms - self.left_ms[cars]) / way_ms, 0.0, 1.0)
        x = self.x[cars] + (self.to_x[cars] - self.x[cars]) * part
        return x, self.y[cars] + (self.to_y[cars] - self.y[cars]) * part

    def stand(self, cars: Ints, x: Floats, y: Floats) -> None:
        """Let cars stand idle at these points."""
        self.state[cars] = CarState.IDLE
        self.rider[cars] = NO_RIDER
        self.x[cars], self.y[cars] = x, y
        self.to_x[cars], self.to_y[cars] = x, y

    def set_off(self, car: int, *, to: tuple[float, float], now_ms: int, there_ms: int) -> None:
        """Send a car from where it is to a point."""
        self.to_x[car], self.to_y[car] = to
        self.left_ms[car], self.there_ms[car] = now_ms, there_ms

    def cruise(self, idle: Ints, step_m: float) -> None:
        """Move idle cars towards their places by at most so many metres."""
        dx, dy = self.to_x[idle] - self.x[idle], self.to_y[idle] - self.y[idle]
        left = np.hypot(dx, dy)
        part = np.minimum(1.0, step_m / np.maximum(left, 1e-9))
        self.x[idle] += dx * part
        self.y[idle] += dy * part
        self.driven_m[idle] += left * part


def draw_cars(
    plan: CityPlan, assumed: Assumptions, products: tuple[str, ...], usual: float, rng: np.random.Generator
) -> Cars:
    """All cars at home; `usual` times the assumed number of drivers are of rank 1 and below."""
    n = round(assumed.drivers * usual * assumed.drivers_in_reach)
    kinds = [share.products for share in plan.car_shares]
    shares = np.array([share.share for share in plan.car_shares])
    kind = rng.choice(len(kinds), n, p=shares / shares.sum())
    serves = np.array([[product in kind for product in products] for kind in kinds])[kind]
    return Cars(
        x=np.zeros(n),
        y=np.zeros(n),
        to_x=np.zeros(n),
        to_y=np.zeros(n),
        left_ms=np.zeros(n, np.int64),
        there_ms=np.zeros(n, np.int64),
        state=np.full(n, CarState.OFFLINE, np.int8),
        rider=np.full(n, NO_RIDER, np.int64),
        serves=serves,
        follows=rng.random(n) < assumed.surge_followers,
        leaving=np.zeros(n, np.bool_),
        rank=(1.0 + rng.permutation(n)).astype(np.float64) / (assumed.drivers * usual),
        driven_m=np.zeros(n),
        online_ms=np.zeros(n, np.int64),
        busy_ms=np.zeros(n, np.int64),
    )
