"""The whole city as one value that is moved by time and by what it hears.

Nothing here waits or reads a clock: `requests` and `drive` say what happens by an instant, `hear` takes in what the
system answered. The same plan, start, instants and answers give the same city.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simulation.asking import Asking, Rider
from simulation.fleet import CarState, Fleet, Pings
from simulation.history import MINUTE_MS, History, expected_per_s
from simulation.plan import CityPlan
from simulation.riders import Intents, intents_in_minute, pool_of
from simulation.rides import Rides
from simulation.staffing import MEAN_TRIP_M, busy_share, cars_online, fleet_size
from simulation.summary import CitySummary, Tally
from topics.events import QuoteRequested, RideEventHappened
from topics.prices import BookingJudged, QuoteAnswered

Answer = QuoteAnswered | BookingJudged
_DISPATCH_MS = 1_000
_STAFFING_MS = 60_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What a step of the cars led to: their pings, and what became of rides."""

    pings: Pings
    events: list[RideEventHappened]


class City:
    """Riders, cars and rides from `start_ms` on, epoch ms UTC."""

    def __init__(self, plan: CityPlan, history: History, *, start_ms: int) -> None:
        self.plan = plan
        self.history = history
        self._name = f"{plan.seed}-{start_ms:x}"
        self._tally = Tally()
        self._asking = Asking(plan, self._tally)
        self._minute = start_ms // MINUTE_MS
        self._asked = 0
        self._start_ms = start_ms
        self._next_dispatch_ms = self._next_staffing_ms = start_ms
        rng = np.random.default_rng([plan.seed, self._minute, 3])
        size = fleet_size(history, plan, self._minute)
        around = pool_of(history, plan, self._minute, rng)
        self.fleet = Fleet(plan, size=size, start_ms=start_ms, around=around, rng=rng)
        self.driver_ids = tuple(f"car-{number:06d}" for number in range(size))
        self._staff(start_ms)
        online = size - self.fleet.count(CarState.OFFLINE)
        busy = busy_share(history, plan, self._minute, online=online)
        self.fleet.fill(busy, mean_left_m=MEAN_TRIP_M, now_ms=start_ms)
        self._rides = Rides(plan, self._tally, self.fleet, self.driver_ids, name=self._name)
        self._coming = deque(self._riders_of(start_ms))

    @property
    def outstanding(self) -> int:
        """Requests sent that have no answer yet and may still get one."""
        return len(self._asking)

    def driver_products(self) -> tuple[tuple[str, ...], ...]:
        """Products each car serves, in the order of `driver_ids`."""
        kinds = [share.products for share in self.plan.car_shares]
        return tuple(kinds[kind] for kind in self.fleet.kind.tolist())

    def begin(self, now_ms: int) -> None:
        """Begin at `now_ms` if that is after the start: riders of the time until then are not of this city."""
        self._start_ms = max(self._start_ms, now_ms)
        self._minute = max(self._minute, self._start_ms // MINUTE_MS)
        self._coming = deque(rider for rider in self._coming if rider.intended_ms >= self._start_ms)
        if not self._coming:
            self._coming.extend(self._riders_of(self._start_ms))

    def next_request_ms(self) -> int:
        """When the next rider wants to ask, or the next minute of riders has to be drawn, epoch ms UTC."""
        return self._coming[0].intended_ms if self._coming else self._minute * MINUTE_MS

    def requests(self, now_ms: int) -> list[QuoteRequested]:
        """The riders who ask by `now_ms`, each at `now_ms`, however late; those who lost patience meanwhile do not."""
        asked = []
        while self.next_request_ms() <= now_ms:
            if not self._coming:
                self._coming.extend(self._riders_of(now_ms))
                continue
            rider = self._coming.popleft()
            if now_ms > rider.deadline_ms:
                self._tally.skipped += 1
            else:
                self._asking.ask(rider, now_ms=now_ms)
                asked.append(self._request(rider, now_ms))
        return asked

    def hear(self, answers: Iterable[Answer], *, now_ms: int) -> None:
        """Take in quotes and booking decisions that could be read at `now_ms`."""
        for answer in answers:
            if isinstance(answer, QuoteAnswered):
                taker = self._asking.answered(answer, now_ms=now_ms)
                if taker is not None:
                    self._rides.take(taker, answer, now_ms=now_ms)
            else:
                self._rides.judged(answer, now_ms=now_ms)

    def drive(self, now_ms: int) -> Driven:
        """Move cars and rides to `now_ms`."""
        self._asking.expire(now_ms=now_ms)
        events = self._rides.advance(now_ms)
        if now_ms >= self._next_staffing_ms:
            self._staff(now_ms)
        if now_ms >= self._next_dispatch_ms:
            self._rides.dispatch(now_ms)
            self._next_dispatch_ms = now_ms + _DISPATCH_MS
        moved = self.fleet.advance(now_ms)
        self._tally.pings += moved.pings.car.size
        return Driven(pings=moved.pings, events=events + self._rides.moved(moved))

    def summary(self) -> CitySummary:
        """What the city saw so far."""
        idle, offline = self.fleet.count(CarState.IDLE), self.fleet.count(CarState.OFFLINE)
        busy = self.fleet.size - idle - offline
        return self._tally.summary(outstanding=self.outstanding, cars=idle + busy, cars_idle=idle, cars_busy=busy)

    def _staff(self, now_ms: int) -> None:
        self._next_staffing_ms = now_ms + _STAFFING_MS
        if self.plan.drivers is None:
            self.fleet.staff(cars_online(self.history, self.plan, now_ms // MINUTE_MS), now_ms=now_ms)

    def _riders_of(self, now_ms: int) -> list[Rider]:
        """The riders of the next minute; minutes all lost patience in are counted as skipped, not drawn."""
        past = range(self._minute, (now_ms - self.plan.patience_ms) // MINUTE_MS)
        self._tally.skipped += round(sum(60 * expected_per_s(self.history, self.plan, minute) for minute in past))
        self._minute += len(past)
        intents = intents_in_minute(self.history, self.plan, self._minute)
        self._minute += 1
        if intents.at_ms.size:
            self.fleet.attract(intents.x, intents.y)
        return [rider for rider in self._named(intents) if rider.intended_ms >= self._start_ms]

    def _named(self, intents: Intents) -> list[Rider]:
        first = self._asked
        self._asked += intents.at_ms.size
        columns = zip(*(getattr(intents, name).tolist() for name in Intents.__slots__), strict=True)
        return [
            Rider(
                number=number,
                request_id=f"quote-{self._name}-{number}",
                rider_id=f"rider-{rider:06d}",
                intended_ms=at_ms,
                deadline_ms=at_ms + self.plan.patience_ms,
                pickup=(x, y),
                dropoff=(to_x, to_y),
                product=product,
                mood=mood,
                think_ms=think_ms,
                regret=regret,
            )
            for number, (at_ms, x, y, to_x, to_y, product, rider, mood, think_ms, regret) in enumerate(columns, first)
        ]

    def _request(self, rider: Rider, now_ms: int) -> QuoteRequested:
        x, y = zip(rider.pickup, rider.dropoff, strict=True)
        lat, lon = self.history.plane.degrees(np.array(x), np.array(y))
        return QuoteRequested(
            request_id=rider.request_id,
            rider_id=rider.rider_id,
            at_ms=now_ms,
            pickup_lat=float(lat[0]),
            pickup_lon=float(lon[0]),
            dropoff_lat=float(lat[1]),
            dropoff_lon=float(lon[1]),
            product=self.plan.product_shares[rider.product].product,
            deadline_ms=rider.deadline_ms,
        )
