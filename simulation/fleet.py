"""The cars: where each is, what it does, and what its app reports.

A car is IDLE, TO_PICKUP, WITH_RIDER or OFFLINE. It is moved when it pings, every `ping_ms` on its own phase, since
nobody can see it in between: so a step touches only the cars that are due. The phases are spread evenly: car i of n
pings at start + (i / n + k) · ping_ms, which makes the cars due in a step one range of numbers.

    car     0    1    2    3   …  n−1   0    1         a step from t to t' moves the cars between them;
    ───────┴────┴────┴────┴── … ──┴────┴────┴──▶       after a stall of several rounds each car is moved once,
              t ╰────────╯ t'                          by all the time that passed
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simulation.history import Ints
from simulation.plan import CityPlan
from simulation.plane import Floats

NO_RIDE = -1


class CarState(IntEnum):
    """What a car is doing; a car is in exactly one state."""

    IDLE = 0
    TO_PICKUP = 1
    WITH_RIDER = 2
    OFFLINE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Pings:
    """What cars reported at `at_ms`, epoch ms UTC, as arrays of one length.

    `car` int64 are their numbers, `x` and `y` float64 metres, `state` int8 a CarState, `free_at_ms` int64 is 0 where
    not known.
    """

    at_ms: int
    car: Ints
    x: Floats
    y: Floats
    state: NDArray[np.int8]
    free_at_ms: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What a step led to: the pings, and the cars (int64) that took a rider in or set one down, with their rides."""

    pings: Pings
    boarded: Ints
    arrived: Ints
    boarded_rides: Ints
    arrived_rides: Ints


class Fleet:
    """All cars of a city as columns of one length n. Random numbers come from the generator handed in."""

    def __init__(
        self, plan: CityPlan, *, size: int, start_ms: int, around: tuple[Floats, Floats], rng: np.random.Generator
    ) -> None:
        self._plan = plan
        self._start_ms = start_ms
        self._rng = rng
        self._turn = 0  # ping slots passed since the start
        self._around = around
        at = rng.integers(0, around[0].size, size)
        self.x = around[0][at].copy()
        self.y = around[1][at].copy()
        self.state = np.full(size, CarState.IDLE, np.int8)
        self.ride = np.full(size, NO_RIDE, np.int64)
        self.free_at_ms = np.zeros(size, np.int64)
        self.kind = rng.choice(len(plan.car_shares), size, p=_shares(plan))
        self.serves = _serves(plan)[self.kind]
        self._to_x, self._to_y = self.x.copy(), self.y.copy()
        self._then_x, self._then_y = self.x.copy(), self.y.copy()
        self._moved_ms = np.full(size, start_ms, np.int64)
        self._leaving = np.zeros(size, np.bool_)

    @property
    def size(self) -> int:
        """Cars, whatever they do."""
        return int(self.x.size)

    def attract(self, x: Floats, y: Floats) -> None:
        """Say where riders asked lately (float64[m] metres, m > 0): idle cars drift there."""
        self._around = (x, y)

    def idle(self) -> Ints:
        """Numbers of the idle cars, ascending."""
        return np.flatnonzero(self.state == CarState.IDLE)

    def count(self, state: CarState) -> int:
        """Cars in `state`."""
        return int(np.count_nonzero(self.state == state))

    def send(
        self, car: int, *, ride: int, pickup: tuple[float, float], dropoff: tuple[float, float], now_ms: int
    ) -> int:
        """Send an idle car to a rider and then to the dropoff, both in metres; ms it will need to the rider.

        Raises ValueError if the car is not idle.
        """
        if self.state[car] != CarState.IDLE:
            raise ValueError(f"car {car} must be idle to be sent, got {CarState(int(self.state[car])).name}")
        self.state[car] = CarState.TO_PICKUP
        self.ride[car] = ride
        self._to_x[car], self._to_y[car] = pickup
        self._then_x[car], self._then_y[car] = dropoff
        way_m = np.hypot(pickup[0] - self.x[car], pickup[1] - self.y[car])
        trip_m = np.hypot(dropoff[0] - pickup[0], dropoff[1] - pickup[1])
        self.free_at_ms[car] = now_ms + int(1_000 * (way_m + trip_m) / self._plan.speed_m_per_s)
        return int(1_000 * way_m / self._plan.speed_m_per_s)

    def release(self, car: int) -> None:
        """Let go a car whose rider called off before it came; it stands idle where it is."""
        self._set_idle(np.array([car]))

    def fill(self, share: float, *, mean_left_m: float, now_ms: int) -> None:
        """Put riders of no recorded ride into that share of the idle cars: a city in full swing.

        What is left of their trips is exponential with that mean, straight metres, towards any spot where riders asked.
        """
        idle = self.idle()
        cars = idle[self._rng.random(idle.size) < share]
        to = self._rng.integers(0, self._around[0].size, cars.size)
        dx, dy = self._around[0][to] - self.x[cars], self._around[1][to] - self.y[cars]
        way_m = np.maximum(np.hypot(dx, dy), 1.0)
        left_m = np.minimum(self._rng.exponential(mean_left_m, cars.size), way_m)
        self.state[cars] = CarState.WITH_RIDER
        self._to_x[cars], self._to_y[cars] = self.x[cars] + dx * left_m / way_m, self.y[cars] + dy * left_m / way_m
        self.free_at_ms[cars] = now_ms + (1_000 * left_m / self._plan.speed_m_per_s).astype(np.int64)

    def staff(self, online: int, *, now_ms: int) -> None:
        """Bring the cars on the road towards `online`: idle ones sign off, those at home appear where riders ask."""
        spare = self.size - self.count(CarState.OFFLINE) - online
        if spare > 0:
            idle = self.idle()
            going = self._rng.choice(idle, min(spare, idle.size), replace=False)
            self.state[going] = CarState.OFFLINE
            self._leaving[going] = True
        elif spare < 0:
            home = np.flatnonzero((self.state == CarState.OFFLINE) & ~self._leaving)
            coming = self._rng.choice(home, min(-spare, home.size), replace=False)
            at = self._rng.integers(0, self._around[0].size, coming.size)
            self.x[coming], self.y[coming] = self._around[0][at], self._around[1][at]
            self._moved_ms[coming] = now_ms
            self._set_idle(coming)

    def advance(self, now_ms: int) -> Moved:
        """Move the cars due until `now_ms`, epoch ms UTC, and say what they report. Time never runs backwards."""
        cars = self._due(now_ms)
        self._drift(cars)
        there = self._move(cars, now_ms)
        state = self.state[cars]
        boarded = cars[there & (state == CarState.TO_PICKUP)]
        arrived = cars[there & (state == CarState.WITH_RIDER)]
        arrived_rides = self.ride[arrived]
        self.state[boarded] = CarState.WITH_RIDER
        self._to_x[boarded], self._to_y[boarded] = self._then_x[boarded], self._then_y[boarded]
        self._set_idle(arrived)
        return Moved(
            pings=self._report(cars, now_ms),
            boarded=boarded,
            arrived=arrived,
            boarded_rides=self.ride[boarded],
            arrived_rides=arrived_rides,
        )

    def _due(self, now_ms: int) -> Ints:
        turn = (now_ms - self._start_ms) * self.size // self._plan.ping_ms
        first = max(self._turn, turn - self.size)
        self._turn = max(self._turn, turn)
        return np.arange(first, self._turn) % self.size

    def _drift(self, cars: Ints) -> None:
        """Give some idle cars that stand at their place a new one: the nearest of a few spots where riders asked."""
        standing = (
            (self.state[cars] == CarState.IDLE)
            & (self.x[cars] == self._to_x[cars])
            & (self.y[cars] == self._to_y[cars])
        )
        going = cars[standing & (self._rng.random(cars.size) < self._plan.restless_share)]
        seen = self._rng.integers(0, self._around[0].size, (going.size, self._plan.drift_choices))
        x, y = self._around[0][seen], self._around[1][seen]
        nearest = np.argmin(np.hypot(x - self.x[going, None], y - self.y[going, None]), axis=1)
        row = np.arange(going.size)
        self._to_x[going], self._to_y[going] = x[row, nearest], y[row, nearest]

    def _move(self, cars: Ints, now_ms: int) -> NDArray[np.bool_]:
        """Move each towards its place by at most speed × time since its last ping; say which are there."""
        passed_s = (now_ms - self._moved_ms[cars]) / 1_000
        speed = np.where(self.state[cars] == CarState.IDLE, self._plan.idle_speed_ratio, 1.0) * self._plan.speed_m_per_s
        speed[self.state[cars] == CarState.OFFLINE] = 0.0
        dx, dy = self._to_x[cars] - self.x[cars], self._to_y[cars] - self.y[cars]
        left = np.hypot(dx, dy)
        there = left <= speed * passed_s
        part = np.divide(speed * passed_s, left, out=np.ones_like(left), where=~there)
        self.x[cars] = np.where(there, self._to_x[cars], self.x[cars] + dx * part)
        self.y[cars] = np.where(there, self._to_y[cars], self.y[cars] + dy * part)
        self._moved_ms[cars] = now_ms
        return there

    def _report(self, cars: Ints, now_ms: int) -> Pings:
        """The pings of `cars`: everyone on the road, and once those who just signed off."""
        speaking = cars[(self.state[cars] != CarState.OFFLINE) | self._leaving[cars]]
        self._leaving[cars] = False
        return Pings(
            at_ms=now_ms,
            car=speaking,
            x=self.x[speaking],
            y=self.y[speaking],
            state=self.state[speaking],
            free_at_ms=self.free_at_ms[speaking],
        )

    def _set_idle(self, cars: Ints) -> None:
        self.state[cars] = CarState.IDLE
        self.ride[cars] = NO_RIDE
        self.free_at_ms[cars] = 0
        self._to_x[cars], self._to_y[cars] = self.x[cars], self.y[cars]


def _shares(plan: CityPlan) -> Floats:
    shares = np.array([each.share for each in plan.car_shares])
    normal: Floats = shares / shares.sum()
    return normal


def _serves(plan: CityPlan) -> NDArray[np.bool_]:
    """Which kind of car serves which product, bool[kinds, products]."""
    products = [each.product for each in plan.product_shares]
    return np.array([[product in each.products for product in products] for each in plan.car_shares])
