"""The city as its platform has it: cars by cell, as their pings would tell."""

import numpy as np

from simulation.fleet import CarState
from simulation.lockstep.cars import Cars
from simulation.lockstep.ground import NOWHERE, Ground
from simulation.lockstep.pricers import Fleet

SOON_FREE_MS = 300_000


def fleet_of(cars: Cars, ground: Ground, now_ms: int) -> Fleet:
    """Idle and busy cars by cell; those outside the priced zones are not counted."""
    cells = ground.cells.size
    idle = cars.in_state(CarState.IDLE)
    row = ground.cell_at(cars.x[idle], cars.y[idle])
    idle, row = idle[row != NOWHERE], row[row != NOWHERE]
    by_product = [np.bincount(row[cars.serves[idle, p]], minlength=cells) for p in range(cars.serves.shape[1])]
    busy = np.flatnonzero((cars.state == CarState.TO_PICKUP) | (cars.state == CarState.WITH_RIDER))
    at = ground.cell_at(*cars.place_at(busy, now_ms))
    soon = (cars.state[busy] == CarState.WITH_RIDER) & (cars.there_ms[busy] - now_ms <= SOON_FREE_MS)
    return Fleet(
        idle=np.stack(by_product, axis=1),
        stood=np.bincount(row, minlength=cells),
        busy=np.bincount(at[at != NOWHERE], minlength=cells),
        soon_free=np.bincount(at[soon & (at != NOWHERE)], minlength=cells),
    )
