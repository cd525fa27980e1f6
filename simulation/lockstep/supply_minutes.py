"""The cars of a run minute by minute, as a platform would have recorded them: counts by cell, and bookings.

Counts are those of the fleet as pricing hears it; a booking is a rider who took the offer, at the cell they asked from.
The first minutes, in which all cars begin empty, are left out.
"""

import numpy as np
from numpy.typing import NDArray

from pricing.models.supply_recording import SupplySpan
from simulation.history import MINUTE_MS
from simulation.lockstep.pricers import Fleet, Pricer, Sight
from simulation.lockstep.scenarios import Scenario
from simulation.lockstep.town import SETTLING_MS, Town
from simulation.lockstep.trials import World, pricer_of, town_after


class Counting:
    """A pricer that counts the cars of every whole minute, whatever its own pricing hears."""

    def __init__(self, pricer: Pricer) -> None:
        self._pricer = pricer
        self.minutes: dict[int, Fleet] = {}

    def price(self, sight: Sight) -> NDArray[np.int64]:
        """The pricer's multipliers."""
        if sight.now_ms % MINUTE_MS == 0:
            self.minutes[sight.now_ms] = sight.fleet()
        return self._pricer.price(sight)


def minutes_of(world: World, scenario: Scenario, seed: int) -> SupplySpan:
    """One run under the service's own pricing."""
    counting = Counting(pricer_of("faretide", world, scenario))
    return counted(town_after(world, scenario, counting, seed), counting, name=f"{scenario.name}-{seed}")


def counted(town: Town, counting: Counting, *, name: str) -> SupplySpan:
    """The minutes of a run that ended, under the pricer that counted them."""
    at_ms = np.array([at for at in counting.minutes if at >= town.start_ms + SETTLING_MS], np.int64)
    fleets = [counting.minutes[at] for at in at_ms.tolist()]
    return SupplySpan(
        name=name,
        at_ms=at_ms,
        cells=town.ground.cells,
        idle=np.stack([fleet.stood for fleet in fleets]),
        busy=np.stack([fleet.busy for fleet in fleets]),
        soon_free=np.stack([fleet.soon_free for fleet in fleets]),
        bookings=_bookings(town, at_ms),
    )


def _bookings(town: Town, at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Riders who took an offer in the minute before each instant, int64[T, C]."""
    counts = np.zeros((at_ms.size, town.ground.cells.size), np.int64)
    offered = town.offered
    minute = np.searchsorted(at_ms, offered.at_ms, side="right")
    inside = offered.took & (offered.at_ms >= at_ms[0]) & (minute < at_ms.size)
    np.add.at(counts, (minute[inside], town.riders.cell[offered.rider[inside]]), 1)
    return counts
