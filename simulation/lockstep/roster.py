"""Which drivers are on the road: those whom recent earnings satisfy, each thinking again now and then."""

import numpy as np
from numpy.typing import NDArray

from simulation.history import MINUTE_MS, Ints
from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.decisions import reservation_per_h
from simulation.plane import Floats

HOUR_MS = 3_600_000


class Roster:
    """Earnings as drivers know them, and what each of n drivers wants to earn; dollars per hour on the road."""

    def __init__(self, assumed: Assumptions, rank: Floats, usual_per_h: float, usual_cars: float, phase: Ints) -> None:
        self.reservation = reservation_per_h(rank, usual_per_h, assumed)
        self._every_ms = round(assumed.reconsider_s * 1_000)
        self._phase = phase % self._every_ms
        self._fading: float = 0.5 ** (MINUTE_MS / 1_000.0 / assumed.earnings_memory_s)
        self._hours = usual_cars * MINUTE_MS / HOUR_MS * self._fading / (1.0 - self._fading)
        self._paid = self._hours * usual_per_h

    @property
    def earnings_per_h(self) -> float:
        """What an hour on the road paid lately."""
        return float(self._paid / self._hours)

    def paid(self, dollars: float) -> None:
        """Note earnings."""
        self._paid += dollars

    def minute_passed(self, on_road: int) -> None:
        """Note a minute of so many cars on the road, and forget a little."""
        self._paid *= self._fading
        self._hours = self._fading * (self._hours + on_road * MINUTE_MS / HOUR_MS)

    def thinking(self, now_ms: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who thinks again in this minute, and whom the earnings satisfy, bool[n] both."""
        return (now_ms + self._phase) % self._every_ms < MINUTE_MS, self.reservation <= self.earnings_per_h
