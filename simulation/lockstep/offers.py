"""The offers of a run, as a platform would have recorded them: the idle cars each rested on, and what became of it.

Idle cars are those of the tick that stood when the rider asked, by cell and product; the rest is the rider's own story.
Offers made before the warm-up was over, and those whose story had not ended, are left out.
"""

import numpy as np
from numpy.typing import NDArray

from pricing.learning.offers import NEVER, Offers
from simulation.lockstep.core import Faretide
from simulation.lockstep.ground import row_of
from simulation.lockstep.pricers import Sight
from simulation.lockstep.scenarios import Scenario
from simulation.lockstep.town import Town
from simulation.lockstep.trials import World, pricer_of, town_after


class Noting:
    """A pricer that notes the idle cars its ticks rested on."""

    def __init__(self, pricer: Faretide, cells: NDArray[np.int64], products: tuple[str, ...]) -> None:
        self._pricer, self._cells, self._products = pricer, cells, products
        self._at_ms: list[int] = []
        self._idle: list[NDArray[np.float64]] = []

    def price(self, sight: Sight) -> NDArray[np.int64]:
        """The pricer's multipliers."""
        prices = self._pricer.price(sight)
        idle = np.full((self._cells.size, len(self._products)), -1.0)
        for tick in self._pricer.newest.values():
            rows = row_of(self._cells, np.array(tick.cells, np.int64))
            idle[rows] = np.array(tick.idle_near_milli, np.float64).reshape(len(tick.cells), -1) / 1_000.0
        self._at_ms.append(sight.now_ms)
        self._idle.append(idle)
        return prices

    def offers(self, town: Town) -> Offers:
        """Every offer of the run that has ended, by time."""
        offered = town.offered
        settled = np.flatnonzero(offered.settled & (offered.at_ms >= town.measured_ms))
        settled = settled[np.argsort(offered.at_ms[settled], kind="stable")]
        at_ms, rider = offered.at_ms[settled], offered.rider[settled]
        cell, product = town.riders.cell[rider], town.riders.product[rider]
        tick = np.searchsorted(np.array(self._at_ms, np.int64), at_ms, side="right") - 1
        idle = np.stack(self._idle)[tick, cell, product]
        names = np.array(self._products, np.str_)
        offers = Offers(
            at_ms=at_ms,
            product=names[product],
            multiplier=offered.multiplier[settled],
            eta_s=offered.eta_s[settled],
            idle_per_km2=idle,
            accepted=offered.took[settled],
            wait_s=np.where(offered.boarded_ms > 0, offered.wait_s, NEVER)[settled],
        )
        return offers.only(idle >= 0.0)


def recorded(world: World, scenario: Scenario, seed: int) -> Offers:
    """The offers of one run of the service's own pricing."""
    pricer = pricer_of("faretide", world, scenario)
    assert isinstance(pricer, Faretide)
    noting = Noting(pricer, world.ground.cells, world.compiled.product_ids)
    return noting.offers(town_after(world, scenario, noting, seed))
