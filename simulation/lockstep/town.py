"""The city's loop: arrivals, riders who ask, dispatch, drivers who come, go and move on; five seconds a step.

    asks ──takes the offer──▶ waits for a car ──▶ car on its way ──▶ rides ──▶ done
      │ no                        │ gives up          │ gives up: the car is idle where it is
      ╰───────────────────────────┴───────────────────┴──▶ perhaps asks again, once

The way to a rider is as long as the nearest idle car is far; so when few stand idle, cars spend their time under way to
riders, and fewer rides are made with the same cars: the wild goose chase is nowhere written down, it happens.
"""

from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from simulation.fleet import CarState
from simulation.history import MINUTE_MS, Ints
from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.cars import draw_cars
from simulation.lockstep.decisions import WILLING, Decisions, drawn_once, offer_cost
from simulation.lockstep.ground import Ground
from simulation.lockstep.matching import NOBODY, nearest_willing, squared_m
from simulation.lockstep.moments import Moments
from simulation.lockstep.offered import Offered
from simulation.lockstep.pricers import TICK_MS, Asked, Pricer, Sight
from simulation.lockstep.riders import Riders, usual_km_per_h
from simulation.lockstep.roster import HOUR_MS, Roster
from simulation.lockstep.scenarios import MEASURED_MIN, WARM_UP_MIN, Scenario
from simulation.lockstep.sighting import fleet_of
from simulation.lockstep.waiting_places import WaitingPlaces
from simulation.plane import Floats

STEP_MS = 5_000
# Cars begin empty; until they are at work nobody draws conclusions from earnings.
SETTLING_MS = 20 * MINUTE_MS
FAR_AWAY_S = 1_200.0


class Town:
    """One run of one scenario under one pricer."""

    def __init__(
        self,
        ground: Ground,
        riders: Riders,
        scenario: Scenario,
        assumed: Assumptions,
        pricer: Pricer,
        *,
        products: tuple[str, ...],
        seed: int,
        decisions: Decisions | None = None,
    ) -> None:
        self.ground, self.riders, self.scenario, self.assumed = ground, riders, scenario, assumed
        self.decisions = decisions or Decisions()
        self._pricer, self._seed = pricer, seed
        rng = np.random.default_rng([seed, 12])
        self.start_ms = scenario.start_ms(ground.plan.time_zone)
        self.measured_ms = self.start_ms + WARM_UP_MIN * MINUTE_MS
        self.end_ms = self.measured_ms + MEASURED_MIN * MINUTE_MS
        self._m_per_s = self._speed(self.start_ms)
        self.cars = draw_cars(ground.plan, assumed, products, scenario.cars, rng)
        phase = rng.integers(0, HOUR_MS, self.cars.size)
        usual_cars = assumed.drivers * scenario.cars
        self.roster = Roster(assumed, self.cars.rank, self._usual_earnings(), usual_cars, phase)
        self._move_phase = rng.integers(0, round(assumed.reposition_s * 1_000), self.cars.size)
        self._places = WaitingPlaces(ground, seed)
        self.offered = Offered(riders.size)
        self._next_rider = 0
        self._later: list[tuple[int, int]] = []
        self._waiting: list[int] = []
        self._asked: list[tuple[int, int, int]] = []
        self.prices = np.full((ground.cells.size, len(products)), 100, np.int64)
        self.moments = Moments()
        self._fill()

    # ---- the loop

    def run(self) -> None:
        """From the first step to the last."""
        for now_ms in range(self.start_ms, self.end_ms, STEP_MS):
            if (now_ms - self.start_ms) % TICK_MS == 0:
                self._look_around(now_ms)
                self._price(now_ms)
            self.step(now_ms)
        self._arrive(self.end_ms)

    def step(self, now_ms: int) -> None:
        """Who arrived or gave up until `now_ms`, and whoever asks in the five seconds from then on.

        Cars that others wait for are sent before new riders are told how long it takes.
        """
        self._m_per_s = self._speed(now_ms)
        self._arrive(now_ms)
        if now_ms == self.measured_ms:
            self.cars.driven_m[:] = 0.0
        self._give_up(now_ms)
        self._waiting = self._dispatch(self._waiting, now_ms)
        self._waiting += self._dispatch(self._ask(self._due(now_ms), now_ms), now_ms)
        if (now_ms - self.start_ms) % MINUTE_MS == 0:
            self.roster.minute_passed(self.cars.size - self.cars.count(CarState.OFFLINE))
            if now_ms >= self.start_ms + SETTLING_MS:
                self._come_and_go(now_ms)
        self._drive(now_ms)

    def is_measured(self, instants: Ints) -> NDArray[np.bool_]:
        """Which of these instants, epoch ms, fell into the two hours that count."""
        return (instants >= self.measured_ms) & (instants < self.end_ms)

    def _speed(self, now_ms: int) -> float:
        """Straight-line metres per second of cars that set off now."""
        km_per_h = float(usual_km_per_h(self.ground, np.array([now_ms]))[0]) * self.assumed.speed_ratio
        minute = (now_ms - self.measured_ms) / MINUTE_MS
        return km_per_h * self.scenario.speed(minute) / 3.6 / self.assumed.detour_ratio

    # ---- cars

    def _arrive(self, now_ms: int) -> None:
        cars = self.cars
        there = cars.there_ms <= now_ms
        arrived = np.flatnonzero(there & (cars.state == CarState.WITH_RIDER))
        if arrived.size:
            self._set_down(arrived)
        picked = np.flatnonzero(there & (cars.state == CarState.TO_PICKUP))
        if picked.size:
            self._board(picked)

    def _board(self, picked: Ints) -> None:
        """A ride counts from here on: its fare, its worth, its way."""
        cars, riders, offered = self.cars, self.riders, self.offered
        who, then_ms = cars.rider[picked], cars.there_ms[picked]
        rows = offered.of(who)
        offered.boarded_ms[rows] = then_ms
        self.roster.paid(self.assumed.driver_share * float((riders.fare[who] * offered.multiplier[rows]).sum()))
        self._count_way(picked, then_ms)
        cars.x[picked], cars.y[picked] = riders.x[who], riders.y[who]
        cars.to_x[picked], cars.to_y[picked] = riders.to_x[who], riders.to_y[who]
        metres = riders.km[who] * 1_000.0 / self.assumed.detour_ratio
        cars.driven_m[picked] += metres
        cars.left_ms[picked] = then_ms
        cars.there_ms[picked] = then_ms + (1_000.0 * metres / self._m_per_s).astype(np.int64)
        cars.state[picked] = CarState.WITH_RIDER

    def _set_down(self, arrived: Ints) -> None:
        self._free(arrived, self.cars.to_x[arrived], self.cars.to_y[arrived])

    def _free(self, cars: Ints, x: Floats, y: Floats) -> None:
        """Let cars without a rider stand idle at these points, or go home if their drivers have had enough."""
        self.cars.stand(cars, x, y)
        self.cars.state[cars[self.cars.leaving[cars]]] = CarState.OFFLINE

    def _count_way(self, cars: Ints, until_ms: Ints) -> None:
        """Add what cars drove empty towards a rider."""
        of = self.cars
        way = np.hypot(of.to_x[cars] - of.x[cars], of.to_y[cars] - of.y[cars])
        part = (until_ms - of.left_ms[cars]) / np.maximum(of.there_ms[cars] - of.left_ms[cars], 1)
        of.driven_m[cars] += way * np.clip(part, 0.0, 1.0)

    def _drive(self, now_ms: int) -> None:
        cars, rate = self.cars, round(self.assumed.reposition_s * 1_000)
        idle = cars.in_state(CarState.IDLE)
        turn, since_ms = np.divmod(now_ms + self._move_phase[idle], rate)
        moves = since_ms < STEP_MS
        moving = idle[moves]
        place = self._places.next_of(cars, moving, turn[moves], self.prices, self.assumed)
        cars.to_x[moving], cars.to_y[moving] = place
        cars.cruise(idle, self._m_per_s * self.assumed.cruise_ratio * STEP_MS / 1_000.0)
        if now_ms >= self.measured_ms:
            cars.online_ms[cars.state != CarState.OFFLINE] += STEP_MS
            cars.busy_ms[cars.state == CarState.WITH_RIDER] += STEP_MS

    def _look_around(self, now_ms: int) -> None:
        """Learn where people ask at this hour; the same places under every pricer."""
        if (now_ms - self.start_ms) % (10 * MINUTE_MS) == 0:
            self._places.learn(now_ms // MINUTE_MS)

    def _come_and_go(self, now_ms: int) -> None:
        """Each driver thinks again now and then: on the road if it pays more than they want, else home when empty."""
        cars = self.cars
        turn, pays = self.roster.thinking(now_ms)
        cars.leaving[turn] = ~pays[turn]
        cars.state[cars.leaving & (cars.state == CarState.IDLE)] = CarState.OFFLINE
        self._appear(np.flatnonzero(turn & pays & (cars.state == CarState.OFFLINE)), now_ms)

    def _appear(self, coming: Ints, now_ms: int) -> None:
        self.cars.stand(coming, *self._places.of_coming(coming, now_ms))

    def _fill(self) -> None:
        """Begin with those who come at usual earnings, all of them empty."""
        self._look_around(self.start_ms)
        online = np.flatnonzero(self.cars.rank <= 1.0)
        self._appear(online, self.start_ms)

    def _usual_earnings(self) -> float:
        """What an hour on the road pays in a usual hour: all usual rides, shared by the usual cars."""
        assumed, riders = self.assumed, self.riders
        fare = float(riders.fare.mean()) if riders.size else 15.0
        rides_per_driver_h = assumed.requests_per_driver_h * assumed.accepted_share
        return assumed.driver_share * fare * rides_per_driver_h

    # ---- riders

    def _due(self, now_ms: int) -> Ints:
        """Riders who ask in this step: those whose time has come, and those who come back."""
        last = int(np.searchsorted(self.riders.at_ms, now_ms + STEP_MS))
        due = list(range(self._next_rider, last))
        self._next_rider = last
        while self._later and self._later[0][0] < now_ms + STEP_MS:
            due.append(heappop(self._later)[1])
        return np.array(due, np.int64)

    def _ask(self, asking: Ints, now_ms: int) -> list[int]:
        """Offer each of these riders a ride; those who take it."""
        if not asking.size:
            return []
        riders, idle = self.riders, self.cars.in_state(CarState.IDLE)
        cell, product = riders.cell[asking], riders.product[asking]
        self._asked += [(now_ms, *pair) for pair in zip(cell.tolist(), product.tolist(), strict=True)]
        multiplier = self.prices[cell, product] / 100.0
        nearest = np.sqrt(squared_m(riders, asking, self.cars, idle).min(axis=1, initial=np.inf))
        way_s = self.assumed.match_s + nearest / self._m_per_s
        eta_s = np.where(nearest <= self.assumed.reach_m, way_s, FAR_AWAY_S)
        took = offer_cost(multiplier, eta_s, self.assumed) <= riders.worth[asking]
        self.offered.make(asking, now_ms, multiplier, eta_s, took)
        self._come_back(asking[~took], now_ms)
        taken: list[int] = asking[took].tolist()
        return taken

    def _come_back(self, riders: Ints, now_ms: int) -> None:
        """Have those ask once more who would, after a no or after waiting in vain."""
        again = self.offered.may_come_back(riders)
        for rider, after in zip(again.tolist(), self.riders.again_ms[again].tolist(), strict=True):
            if after:
                heappush(self._later, (now_ms + after, rider))

    def _give_up(self, now_ms: int) -> None:
        cars, riders = self.cars, self.riders
        waiting = np.array(self._waiting, np.int64)
        patience_ms = np.minimum(riders.match_patience_ms, riders.pickup_patience_ms)
        tired = self._waited_ms(waiting, now_ms) > patience_ms[waiting]
        if tired.any():
            self._waiting = waiting[~tired].tolist()
            self._lose(waiting[tired], now_ms)
        coming = cars.in_state(CarState.TO_PICKUP)
        who = cars.rider[coming]
        tired = self._waited_ms(who, now_ms) > riders.pickup_patience_ms[who]
        if tired.any():
            freed = coming[tired]
            self._count_way(freed, np.full(freed.size, now_ms))
            self._lose(who[tired], now_ms)
            self._free(freed, *cars.place_at(freed, now_ms))

    def _waited_ms(self, riders: Ints, now_ms: int) -> Ints:
        return now_ms - self.offered.at_ms[self.offered.of(riders)]

    def _lose(self, riders: Ints, now_ms: int) -> None:
        self.offered.gave_up_ms[self.offered.of(riders)] = now_ms
        self._come_back(riders, now_ms)

    def _dispatch(self, waiting: list[int], now_ms: int) -> list[int]:
        """Send the nearest idle cars to these riders, first come first served; those for whom there is none."""
        idle = self.cars.in_state(CarState.IDLE)
        if not waiting or not idle.size:
            return waiting
        who = np.array(waiting, np.int64)
        squared = squared_m(self.riders, who, self.cars, idle)
        chances, still = drawn_once(self._seed, WILLING, who[:, None], idle), []
        for row, rider in enumerate(waiting):
            place, way_s = nearest_willing(squared[row], chances[row], self._m_per_s, self.assumed)
            if place == NOBODY:
                still.append(rider)
            else:
                self._send(int(idle[place]), rider, now_ms, now_ms + int(1_000 * way_s))
                squared[:, place] = np.inf
        return still

    def _send(self, car: int, rider: int, now_ms: int, there_ms: int) -> None:
        cars = self.cars
        cars.state[car] = CarState.TO_PICKUP
        cars.rider[car] = rider
        cars.set_off(car, to=(self.riders.x[rider], self.riders.y[rider]), now_ms=now_ms, there_ms=there_ms)

    # ---- prices

    def _price(self, now_ms: int) -> None:
        minute = (now_ms - self.measured_ms) / MINUTE_MS
        sight = Sight(
            now_ms=now_ms,
            fleet=lambda: fleet_of(self.cars, self.ground, now_ms),
            asked=self._asked_since,
            silent=self.scenario.is_silent(minute),
        )
        self.prices = self._pricer.price(sight)
        self.moments.note(minute, self.cars, self.prices, waiting=len(self._waiting))

    def _asked_since(self) -> Asked:
        columns = np.array(self._asked, np.int64).reshape(-1, 3).T
        self._asked = []
        return Asked(at_ms=columns[0], cell=columns[1], product=columns[2])
