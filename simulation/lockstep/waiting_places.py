"""Where drivers wait for riders: places where people ask at the hour, the same under every pricer."""

import numpy as np
from numpy.typing import NDArray

from simulation.history import Ints
from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.cars import Cars
from simulation.lockstep.decisions import APPEARING, MOVING, drawn_once, place_to_wait
from simulation.lockstep.ground import Ground
from simulation.plane import Floats

_PLACES = 4_096
_CHOICES = 4


class WaitingPlaces:
    """Places of which every driver knows a few, drawn anew as the hour goes on."""

    def __init__(self, ground: Ground, seed: int) -> None:
        self._ground, self._seed = ground, seed
        self._x, self._y = np.zeros(_PLACES), np.zeros(_PLACES)
        self._cell = np.zeros(_PLACES, np.int64)

    def learn(self, minute: int) -> None:
        """Draw where people ask at this minute since the epoch."""
        rng = np.random.default_rng([self._seed, 13, minute])
        self._x, self._y = self._ground.places(minute, _PLACES, rng)
        self._cell = np.maximum(self._ground.cell_at(self._x, self._y), 0)

    def of_coming(self, coming: Ints, now_ms: int) -> tuple[Floats, Floats]:
        """Where cars that come on the road begin, metres."""
        at = (_PLACES * drawn_once(self._seed, APPEARING, coming, now_ms)).astype(np.int64)
        return self._x[at], self._y[at]

    def next_of(
        self, cars: Cars, moving: Ints, turn: Ints, prices: NDArray[np.int64], assumed: Assumptions
    ) -> tuple[Floats, Floats]:
        """Where idle cars on their `turn`-th move go to wait, metres: one of a few places each.

        `prices` int64[cells, P] hundredths; drivers look at the first product's.
        """
        drawn = drawn_once(self._seed, MOVING, moving[:, None], turn[:, None], np.arange(_CHOICES))
        seen = (_PLACES * drawn).astype(np.int64)
        away = np.hypot(self._x[seen] - cars.x[moving, None], self._y[seen] - cars.y[moving, None])
        chosen = place_to_wait(away, prices[self._cell[seen], 0] / 100.0, cars.follows[moving], assumed)
        place = seen[np.arange(moving.size), chosen]
        return self._x[place], self._y[place]
