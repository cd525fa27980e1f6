"""From an offer taken to the end of the ride.

    thinking ──▶ accepted ──▶ booked ──▶ sent a car ──▶ started ──▶ completed
                    │ refused,   │ no car in   │ rider calls
                    │ undecided  │ time        │ off
                    ╰────────────┴──▶ cancelled (an event where the ride was booked)

A ride is in one of these at a time, found by its number; every instant something is due stands in one heap.
"""

from dataclasses import dataclass
from enum import Enum, auto
from heapq import heappop, heappush

import numpy as np

from simulation.asking import Rider
from simulation.dispatch import NO_CAR, nearest_cars
from simulation.fleet import Fleet, Moved
from simulation.plan import CityPlan
from simulation.summary import Tally
from topics.events import RideEventHappened, RideEventKind
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered


class Stage(Enum):
    """How far a ride has come; rides that are over are forgotten."""

    THINKING = auto()
    ACCEPTED = auto()
    BOOKED = auto()
    CAR_SENT = auto()
    STARTED = auto()


@dataclass(slots=True, kw_only=True)
class Ride:
    """One ride: its rider, the offer taken, how far it is, its car once one is sent."""

    rider: Rider
    ride_id: str
    quote_id: str
    amount_minor: int
    currency: str
    stage: Stage = Stage.THINKING
    car: int = NO_CAR


class Rides:
    """All rides that are not over. Memory is bounded by the cars and by how long riders wait for anything."""

    def __init__(self, plan: CityPlan, tally: Tally, fleet: Fleet, driver_ids: tuple[str, ...], *, name: str) -> None:
        self._plan = plan
        self._tally = tally
        self._fleet = fleet
        self._driver_ids = driver_ids
        self._name = name
        self._rides: dict[int, Ride] = {}
        self._waiting: dict[int, None] = {}  # booked without a car, in the order booked
        self._due: list[tuple[int, int, int]] = []  # (ms, ride, stage in which it means something)

    def __len__(self) -> int:
        return len(self._rides)

    def take(self, rider: Rider, quote: QuoteAnswered, *, now_ms: int) -> None:
        """The rider will accept this quote once they have thought."""
        self._rides[rider.number] = Ride(
            rider=rider,
            ride_id=f"ride-{self._name}-{rider.number}",
            quote_id=quote.quote_id,
            amount_minor=quote.amount_minor,
            currency=quote.currency,
        )
        self._later(now_ms + rider.think_ms, rider.number, Stage.THINKING)

    def judged(self, decision: BookingJudged, *, now_ms: int) -> None:
        """Hear whether an acceptance stands; repeated decisions and those about others' rides are passed over."""
        number = self._number(decision.ride_id)
        ride = self._rides.get(number)
        if ride is None or ride.stage != Stage.ACCEPTED:
            return
        if decision.outcome != BookingOutcome.ACCEPTED:
            self._tally.booking_refused += 1
            self._tally.refuse(decision.refusal)
            del self._rides[number]
            return
        self._tally.booked += 1
        ride.stage = Stage.BOOKED
        self._waiting[number] = None
        self._later(now_ms + self._plan.wait_for_car_ms, number, Stage.BOOKED)

    def advance(self, now_ms: int) -> list[RideEventHappened]:
        """What riders do by `now_ms` of their own accord: accept, or call off."""
        events: list[RideEventHappened] = []
        while self._due and self._due[0][0] <= now_ms:
            _, number, stage = heappop(self._due)
            ride = self._rides.get(number)
            if ride is not None and ride.stage.value == stage:
                events += self._come_due(number, ride, now_ms)
        return events

    def dispatch(self, now_ms: int) -> None:
        """Send the nearest idle cars to those who wait, first come first served."""
        numbers, cars = list(self._waiting), self._fleet.idle()
        riders = [self._rides[number].rider for number in numbers]
        chosen = nearest_cars(
            x=np.array([rider.pickup[0] for rider in riders]),
            y=np.array([rider.pickup[1] for rider in riders]),
            product=np.array([rider.product for rider in riders], np.int64),
            car_x=self._fleet.x[cars],
            car_y=self._fleet.y[cars],
            serves=self._fleet.serves[cars],
            reach_m=self._plan.reach_m,
        )
        for number, car in zip(numbers, chosen.tolist(), strict=True):
            if car != NO_CAR:
                self._send(number, int(cars[car]), now_ms)

    def moved(self, moved: Moved) -> list[RideEventHappened]:
        """What the cars' arrivals mean for their rides."""
        events = []
        for number in moved.boarded_rides.tolist():
            ride = self._rides[number]
            ride.stage = Stage.STARTED
            self._tally.started += 1
            events.append(self._event(ride, RideEventKind.RIDE_STARTED, moved.pings.at_ms))
        for number in moved.arrived_rides.tolist():
            ended = self._rides.pop(number, None)  # none for riders who sat in a car from the start
            if ended is not None:
                self._tally.completed += 1
                events.append(self._event(ended, RideEventKind.RIDE_COMPLETED, moved.pings.at_ms))
        return events

    def _come_due(self, number: int, ride: Ride, now_ms: int) -> list[RideEventHappened]:
        if ride.stage == Stage.THINKING:
            ride.stage = Stage.ACCEPTED
            self._tally.accepted += 1
            self._later(now_ms + self._plan.judged_within_ms, number, Stage.ACCEPTED)
            return [self._event(ride, RideEventKind.QUOTE_ACCEPTED, now_ms)]
        del self._rides[number]
        if ride.stage == Stage.ACCEPTED:
            self._tally.undecided += 1
            return []
        if ride.stage == Stage.BOOKED:
            self._tally.found_no_car += 1
            del self._waiting[number]
        else:
            self._tally.cancelled += 1
            self._fleet.release(ride.car)
        return [self._event(ride, RideEventKind.RIDE_CANCELLED, now_ms)]

    def _send(self, number: int, car: int, now_ms: int) -> None:
        ride = self._rides[number]
        del self._waiting[number]
        ride.stage, ride.car = Stage.CAR_SENT, car
        way_ms = self._fleet.send(car, ride=number, pickup=ride.rider.pickup, dropoff=ride.rider.dropoff, now_ms=now_ms)
        if ride.rider.regret < self._plan.cancelled_share:
            # Uniform over the way: below the share, regret is itself uniform in [0, share).
            self._later(now_ms + int(way_ms * ride.rider.regret / self._plan.cancelled_share), number, Stage.CAR_SENT)

    def _later(self, at_ms: int, number: int, stage: Stage) -> None:
        heappush(self._due, (at_ms, number, stage.value))

    def _number(self, ride_id: str) -> int:
        """Number of a ride of this city, -1 of others."""
        prefix, _, number = ride_id.rpartition("-")
        return int(number) if prefix == f"ride-{self._name}" and number.isdecimal() else -1

    def _event(self, ride: Ride, kind: RideEventKind, at_ms: int) -> RideEventHappened:
        accepts = kind == RideEventKind.QUOTE_ACCEPTED
        return RideEventHappened(
            event_id=f"{ride.ride_id}-{kind.lower().replace('_', '-')}",
            rider_id=ride.rider.rider_id,
            ride_id=ride.ride_id,
            kind=kind,
            at_ms=at_ms,
            quote_id=ride.quote_id,
            amount_minor=ride.amount_minor if accepts else None,
            currency=ride.currency if accepts else None,
            driver_id=self._driver_ids[ride.car] if ride.car != NO_CAR else None,
        )
