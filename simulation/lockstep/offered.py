"""The offers of a run and what became of them: all that is measured, recorded and compared is counted by offer."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from simulation.history import Ints
from simulation.plane import Floats


@dataclass(slots=True)
class Offered:
    """Two rows a rider: row r is what rider r of n was offered first, row n + r after they came back.

    `at_ms`, `boarded_ms` and `gave_up_ms` int64[2n], epoch ms UTC, 0 where that did not happen; `multiplier` and the
    wait told, `eta_s`, float64[2n]; `took` bool[2n].
    """

    riders: int
    at_ms: Ints = field(init=False)
    boarded_ms: Ints = field(init=False)
    gave_up_ms: Ints = field(init=False)
    multiplier: Floats = field(init=False)
    eta_s: Floats = field(init=False)
    took: NDArray[np.bool_] = field(init=False)
    _row: Ints = field(init=False)

    def __post_init__(self) -> None:
        rows = 2 * self.riders
        self.at_ms, self.boarded_ms, self.gave_up_ms = (np.zeros(rows, np.int64) for _ in range(3))
        self.multiplier, self.eta_s = np.zeros(rows), np.zeros(rows)
        self.took = np.zeros(rows, np.bool_)
        self._row = np.arange(self.riders) - self.riders

    @property
    def rider(self) -> Ints:
        """Whose offer each row is, int64[2n]."""
        return np.tile(np.arange(self.riders), 2)

    @property
    def first(self) -> NDArray[np.bool_]:
        """Rows of those who have not come back, bool[2n]."""
        return np.arange(2 * self.riders) < self.riders

    @property
    def settled(self) -> NDArray[np.bool_]:
        """Offers whose story has ended, bool[2n]: refused, boarded or given up."""
        return (self.at_ms > 0) & (~self.took | (self.boarded_ms > 0) | (self.gave_up_ms > 0))

    @property
    def wait_s(self) -> Floats:
        """From the offer to the car or to giving up, float64[2n]; 0 where neither came."""
        until_ms = np.maximum(self.boarded_ms, self.gave_up_ms)
        waited: Floats = np.where(until_ms > 0, until_ms - self.at_ms, 0) / 1_000.0
        return waited

    def of(self, riders: Ints) -> Ints:
        """The newest row of each of these riders, who were offered something."""
        return self._row[riders]

    def make(self, riders: Ints, at_ms: int, multiplier: Floats, eta_s: Floats, took: NDArray[np.bool_]) -> None:
        """Note a new offer to each of these riders, their second one at most."""
        self._row[riders] += self.riders
        rows = self._row[riders]
        self.at_ms[rows], self.multiplier[rows], self.eta_s[rows], self.took[rows] = at_ms, multiplier, eta_s, took

    def may_come_back(self, riders: Ints) -> Ints:
        """Those of these riders who were offered something only once."""
        return riders[self._row[riders] < self.riders]
