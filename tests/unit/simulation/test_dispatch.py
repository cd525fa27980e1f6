"""The nearest idle car that serves the product goes, first come first served."""

from math import hypot

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from simulation.dispatch import NO_CAR, nearest_cars

REACH_M = 500.0
POINTS = st.tuples(st.integers(-400, 400), st.integers(-400, 400))
RIDERS = st.lists(st.tuples(POINTS, st.integers(0, 2)), max_size=12)
CARS = st.lists(st.tuples(POINTS, st.lists(st.booleans(), min_size=3, max_size=3)), max_size=12)


def one_by_one(riders: list, cars: list) -> list[int]:
    """The slow definition."""
    free, chosen = dict(enumerate(cars)), []
    for (x, y), product in riders:
        near = [
            (hypot(at[0] - x, at[1] - y), car)
            for car, (at, serves) in free.items()
            if serves[product] and hypot(at[0] - x, at[1] - y) <= REACH_M
        ]
        chosen.append(min(near)[1] if near else NO_CAR)
        free.pop(chosen[-1], None)
    return chosen


@given(RIDERS, CARS)
def test_dispatch_equals_looking_at_every_car(riders: list, cars: list) -> None:
    """For any riders and cars the columns choose what the slow definition chooses, ties included."""
    chosen = nearest_cars(
        x=np.array([at[0] for at, _ in riders], float),
        y=np.array([at[1] for at, _ in riders], float),
        product=np.array([product for _, product in riders], np.int64),
        car_x=np.array([at[0] for at, _ in cars], float),
        car_y=np.array([at[1] for at, _ in cars], float),
        serves=np.array([serves for _, serves in cars], bool).reshape(len(cars), 3),
        reach_m=REACH_M,
    )
    assert chosen.tolist() == one_by_one(riders, cars)
