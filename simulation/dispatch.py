"""Which car goes to which rider: the nearest idle one that serves the product, first come first served."""

import numpy as np
from numpy.typing import NDArray

from simulation.history import Ints
from simulation.plane import Floats

NO_CAR = -1


def nearest_cars(
    *, x: Floats, y: Floats, product: Ints, car_x: Floats, car_y: Floats, serves: NDArray[np.bool_], reach_m: float
) -> Ints:
    """Car of each rider, int64[riders], or NO_CAR where none that serves the product is left within `reach_m`.

    Riders (`x`, `y` metres, `product` a column of `serves`) choose in the order given; a car goes to one rider. Cars
    are idle ones: `car_x`, `car_y` float64[cars], `serves` bool[cars, products]. Of equally near cars the first goes.
    """
    chosen = np.full(x.size, NO_CAR, np.int64)
    if not car_x.size:
        return chosen
    free = serves.copy()
    for rider in range(x.size):
        squared = np.square(car_x - x[rider]) + np.square(car_y - y[rider])
        squared[~free[:, product[rider]]] = np.inf
        car = int(np.argmin(squared))
        if squared[car] <= reach_m * reach_m:
            chosen[rider] = car
            free[car] = False
    return chosen
