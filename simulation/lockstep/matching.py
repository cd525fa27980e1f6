"""Who is near whom, and which car takes a rider: the nearest that serves the product and whose driver is willing."""

import numpy as np

from simulation.history import Ints
from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.cars import Cars
from simulation.lockstep.decisions import turns_down
from simulation.lockstep.riders import Riders
from simulation.plane import Floats

NOBODY = -1
_TRIES = 3


def squared_m(riders: Riders, who: Ints, cars: Cars, idle: Ints) -> Floats:
    """Squared straight distance of each rider to each idle car, float64[riders, cars]; infinite to unfit ones."""
    squared = np.square(riders.x[who, None] - cars.x[idle]) + np.square(riders.y[who, None] - cars.y[idle])
    fit: Floats = np.where(cars.serves[idle].T[riders.product[who]], squared, np.inf)
    return fit


def nearest_willing(squared: Floats, chances: Floats, speed_m_per_s: float, assumed: Assumptions) -> tuple[int, float]:
    """Place of the idle car that takes a rider and seconds until it is there; NOBODY if none of three does.

    `squared` float64[cars] are the rider's distances, and those who turn the ride down become infinitely far; `chances`
    float64[cars] say how ready each driver is.
    """
    for refusals in range(_TRIES):
        place = int(np.argmin(squared))
        away_m = float(np.sqrt(squared[place]))
        if away_m > assumed.reach_m:
            break
        way_s = away_m / speed_m_per_s
        if not turns_down(way_s, float(chances[place]), assumed):
            return place, assumed.match_s + refusals * assumed.declined_s + way_s
        squared[place] = np.inf
    return NOBODY, 0.0
