"""Cars are never lost, never jump, and report on time."""

from collections import defaultdict

import numpy as np
import pytest

from simulation.fleet import NO_RIDE, CarState, Fleet, Moved
from simulation.plan import CityPlan

PLAN = CityPlan()
START_MS = 1_700_000_000_000
STEP_MS = 100


def fleet(size: int, seed: int = 5) -> Fleet:
    """Cars scattered over a square of six kilometres, where riders ask."""
    rng = np.random.default_rng(seed)
    around = (rng.uniform(-3_000, 3_000, 400), rng.uniform(-3_000, 3_000, 400))
    return Fleet(PLAN, size=size, start_ms=START_MS, around=around, rng=rng)


def drive(cars: Fleet, seconds: int, *, from_ms: int = START_MS, orders: bool = True) -> list[Moved]:
    """Steps of the fleet; with `orders`, every second the first idle car is sent across town."""
    moves = []
    for now_ms in range(from_ms + STEP_MS, from_ms + 1_000 * seconds + 1, STEP_MS):
        idle = cars.idle()
        if orders and now_ms % 1_000 == 0 and idle.size:
            near = (float(cars.x[idle[0]]) + 60.0, float(cars.y[idle[0]]))
            cars.send(int(idle[0]), ride=now_ms, pickup=near, dropoff=(near[0] + 100.0, near[1]), now_ms=now_ms)
        moves.append(cars.advance(now_ms))
    return moves


def test_every_car_pings_once_every_four_seconds() -> None:
    """Whatever the cars do, each is heard once per ping interval, and the steps share the load evenly."""
    moves = drive(fleet(1_000), 40)
    heard = defaultdict(list)
    for moved in moves:
        for car in moved.pings.car.tolist():
            heard[car].append(moved.pings.at_ms)
    assert len(heard) == 1_000
    assert {len(times) for times in heard.values()} == {10}
    assert all(np.ptp(np.diff(times)) <= STEP_MS for times in heard.values())
    assert {moved.pings.car.size for moved in moves} == {25}


def test_a_car_is_in_one_state_and_its_ride_ends_where_it_should() -> None:
    """Counts of states add up to the fleet, rides board and arrive once each, and a car without a ride is free."""
    cars = fleet(60)
    moves = drive(cars, 240)
    boarded = np.concatenate([moved.boarded_rides for moved in moves]).tolist()
    arrived = np.concatenate([moved.arrived_rides for moved in moves]).tolist()
    assert sum(cars.count(state) for state in CarState) == cars.size
    assert len(boarded) == len(set(boarded)) > 100
    assert len(arrived) == len(set(arrived)) > 100
    assert set(arrived) <= set(boarded)
    assert ((cars.ride == NO_RIDE) == (cars.state == CarState.IDLE)).all()
    assert ((cars.free_at_ms > 0) == (cars.state != CarState.IDLE)).all()


def test_no_car_moves_faster_than_its_speed() -> None:
    """Between two pings a car gets at most speed × time further, idle ones at most their share of it."""
    cars, seen = fleet(200), {}
    for moved in drive(cars, 60):
        pings = moved.pings
        for car, x, y, state in zip(pings.car, pings.x, pings.y, pings.state, strict=True):
            if car in seen:
                was_x, was_y, was_ms, was_state = seen[car]
                idle = state == was_state == CarState.IDLE
                speed = PLAN.speed_m_per_s * (PLAN.idle_speed_ratio if idle else 1.0)
                assert np.hypot(x - was_x, y - was_y) <= speed * (pings.at_ms - was_ms) / 1_000 + 1e-6
            seen[car] = (x, y, pings.at_ms, state)
    assert len(seen) == 200


def test_after_a_stall_each_car_is_moved_once_by_all_the_time() -> None:
    """A minute without a step leads to one ping per car, not to fifteen."""
    cars = fleet(100)
    drive(cars, 8)
    moved = cars.advance(START_MS + 68_000)
    assert sorted(moved.pings.car.tolist()) == list(range(100))
    assert cars.advance(START_MS + 68_000).pings.car.size == 0


def test_a_busy_car_cannot_be_sent_and_a_released_one_can() -> None:
    """Sending a car that is on its way is refused by name; called off, it stands idle."""
    cars = fleet(1)
    way_ms = cars.send(0, ride=7, pickup=(0.0, 0.0), dropoff=(900.0, 0.0), now_ms=START_MS)
    assert way_ms == int(1_000 * np.hypot(cars.x[0], cars.y[0]) / PLAN.speed_m_per_s)
    with pytest.raises(ValueError, match="car 0 must be idle to be sent, got TO_PICKUP"):
        cars.send(0, ride=8, pickup=(0.0, 0.0), dropoff=(900.0, 0.0), now_ms=START_MS)
    cars.release(0)
    assert cars.idle().tolist() == [0]


def test_who_signs_off_says_so_once_and_then_is_silent() -> None:
    """Staffing down sends each leaving car's OFFLINE ping once; staffing up brings cars back idle."""
    cars = fleet(50)
    cars.staff(20, now_ms=START_MS)
    first = drive(cars, 4, orders=False)
    said = [state for moved in first for state in moved.pings.state.tolist()]
    assert said.count(CarState.OFFLINE) == 30
    later = drive(cars, 4, from_ms=START_MS + 4_000, orders=False)
    assert sum(moved.pings.car.size for moved in later) == 20
    cars.staff(45, now_ms=START_MS + 8_000)
    assert cars.count(CarState.IDLE) == 45


def test_a_full_city_has_the_share_asked_for_on_the_way() -> None:
    """Filling puts about that share of cars under way, each with an instant it will be free at."""
    cars = fleet(2_000)
    cars.fill(0.8, mean_left_m=1_500.0, now_ms=START_MS)
    busy = cars.state == CarState.WITH_RIDER
    assert busy.mean() == pytest.approx(0.8, abs=0.03)
    assert (cars.free_at_ms[busy] >= START_MS).all()
    assert (cars.ride == NO_RIDE).all()


def test_the_same_seed_drives_the_same_way() -> None:
    """Two fleets of one seed report the same, another seed another."""

    def end(seed: int) -> list[float]:
        cars = fleet(80, seed)
        drive(cars, 30)
        return [*cars.x.tolist(), *cars.y.tolist()]

    assert end(1) == end(1)
    assert end(1) != end(2)
