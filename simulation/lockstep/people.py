"""Cities that are not what policies were made for: the same scenarios with other people or other streets.

No policy is tuned anew on them, and none is told.
"""

from collections.abc import Callable
from dataclasses import replace

from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.decisions import Decisions, exponential_worth
from simulation.lockstep.trials import World

Other = Callable[[World], World]


_USUAL = Assumptions()


def _assuming(*, price_elasticity: float = _USUAL.price_elasticity, speed_ratio: float = _USUAL.speed_ratio) -> Other:
    return lambda world: replace(
        world, assumed=replace(world.assumed, price_elasticity=price_elasticity, speed_ratio=speed_ratio)
    )


def _choosing_exponentially(world: World) -> World:
    return replace(world, decisions=Decisions(worth=exponential_worth))


USUAL = "usual"
_PEOPLE: dict[str, Other] = {
    USUAL: lambda world: world,
    "elasticity-half": _assuming(price_elasticity=0.5 * _USUAL.price_elasticity),
    "elasticity-half-more": _assuming(price_elasticity=1.5 * _USUAL.price_elasticity),
    "slower": _assuming(speed_ratio=0.8),
    "faster": _assuming(speed_ratio=1.2),
    "exponential": _choosing_exponentially,
}
PEOPLE = tuple(_PEOPLE)
OTHERS = PEOPLE[1:]


def world_with(people: str, world: World) -> World:
    """The same world with those people or streets, and their name.

    Raises KeyError if there are none of that name.
    """
    return replace(_PEOPLE[people](world), people=people)
