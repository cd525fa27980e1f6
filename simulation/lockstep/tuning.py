"""Tuning of the rival policies by welfare, on seeds that no table uses.

A fixed price is the best of a grid. A ratio rule is climbed to: from a usual one to the best of its neighbours on the
grid, as long as one is better, so that the grid may be wide and no edge of it decides.
"""

from collections.abc import Callable, Iterator
from functools import cache

from simulation.lockstep.fitted import (
    RATIO_FREE,
    RATIO_SLOPE,
    RATIO_START,
    STATIC_GRID,
    TUNING_SEEDS,
    Fitted,
    RatioRule,
)
from simulation.lockstep.outcome import outcome_of
from simulation.lockstep.pricers import Fixed, Pricer
from simulation.lockstep.scenarios import SCENARIOS, Scenario
from simulation.lockstep.trials import World, ratio_with, town_after

Worth = Callable[[RatioRule], float]


def tuned(world: World, told: Callable[[str], None]) -> Fitted:
    """Fixed prices by hour of the week and a ratio rule, both on hours as everybody expects them; and `ratio-oracle`.

    That one knows more than an operator can: it was shown the shocks it will meet.
    """
    usual = [scenario.usual() for scenario in SCENARIOS.values()]
    return Fitted(
        static_hundredths={each.hour: _best_fixed(world, each, told) for each in usual},
        ratio=climbed(RATIO_START, _ratio_worth(world, usual, told)),
        ratio_oracle=climbed(RATIO_START, _ratio_worth(world, list(SCENARIOS.values()), told)),
    )


def climbed(start: RatioRule, worth: Worth) -> RatioRule:
    """The rule reached from `start` by going to the best neighbour on the grid until none is better."""
    known = cache(worth)
    best = start
    while True:
        better = max((best, *neighbours(best)), key=known)
        if better == best:
            return best
        best = better


def neighbours(rule: RatioRule) -> Iterator[RatioRule]:
    """Rules one step away on the grid, in one of the two values.

    >>> [(each.free, each.slope) for each in neighbours(RatioRule(free=0.5, slope=0.25))]
    [(0.75, 0.25), (0.5, 0.125), (0.5, 0.5)]
    """
    at, slope = RATIO_FREE.index(rule.free), RATIO_SLOPE.index(rule.slope)
    for step in (at - 1, at + 1):
        if 0 <= step < len(RATIO_FREE):
            yield RatioRule(free=RATIO_FREE[step], slope=rule.slope)
    for step in (slope - 1, slope + 1):
        if 0 <= step < len(RATIO_SLOPE):
            yield RatioRule(free=rule.free, slope=RATIO_SLOPE[step])


def _best_fixed(world: World, usual: Scenario, told: Callable[[str], None]) -> int:
    cells, products = world.ground.cells.size, len(world.market.products)

    def worth(hundredths: int) -> float:
        found = _welfare(world, usual, lambda: Fixed(cells, products, hundredths), TUNING_SEEDS)
        told(f"{usual.hour} {hundredths} {found:,.0f}")
        return found

    return max(STATIC_GRID, key=worth)


def _ratio_worth(world: World, scenarios: list[Scenario], told: Callable[[str], None]) -> Worth:
    def worth(rule: RatioRule) -> float:
        found = sum(_welfare(world, each, lambda: ratio_with(rule, world), TUNING_SEEDS) for each in scenarios)
        told(f"{rule} {found:,.0f}")
        return found

    return worth


def _welfare(world: World, scenario: Scenario, pricer: Callable[[], Pricer], seeds: tuple[int, ...]) -> float:
    """Mean welfare over seeds."""
    towns = (town_after(world, scenario, pricer(), seed) for seed in seeds)
    return sum(outcome_of(town, cap_hundredths=world.cap_hundredths).welfare for town in towns) / len(seeds)
