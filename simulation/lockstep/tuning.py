"""Tuning of the rival policies: the best of a grid by welfare, on seeds that no table uses."""

from collections.abc import Callable

from simulation.lockstep.fitted import RATIO_GRID, STATIC_GRID, TUNING_SEEDS, Fitted, RatioRule
from simulation.lockstep.outcome import outcome_of
from simulation.lockstep.pricers import Fixed, Pricer
from simulation.lockstep.scenarios import SCENARIOS, Scenario
from simulation.lockstep.trials import World, ratio_with, town_after


def tuned(world: World, told: Callable[[str], None]) -> Fitted:
    """A fixed price per hour of the week, tuned as everybody expects it; a ratio rule tuned on all scenarios.

    The ratio rule thereby knows more than a fixed price: it was shown what it will meet.
    """
    static = {scenario.hour: _best_fixed(world, scenario.usual(), told) for scenario in SCENARIOS.values()}
    return Fitted(static_hundredths=static, ratio=_best_ratio(world, told))


def _best_fixed(world: World, usual: Scenario, told: Callable[[str], None]) -> int:
    cells, products = world.ground.cells.size, len(world.market.products)

    def worth(hundredths: int) -> float:
        found = _welfare(world, usual, lambda: Fixed(cells, products, hundredths), TUNING_SEEDS)
        told(f"{usual.hour} {hundredths} {found:,.0f}")
        return found

    return max(STATIC_GRID, key=worth)


def _best_ratio(world: World, told: Callable[[str], None]) -> RatioRule:
    def worth(rule: RatioRule) -> float:
        parts = [
            _welfare(world, each, lambda: ratio_with(rule, world), TUNING_SEEDS[:1]) for each in SCENARIOS.values()
        ]
        told(f"{rule} {sum(parts):,.0f}")
        return sum(parts)

    return max(RATIO_GRID, key=worth)


def _welfare(world: World, scenario: Scenario, pricer: Callable[[], Pricer], seeds: tuple[int, ...]) -> float:
    """Mean welfare over seeds."""
    towns = (town_after(world, scenario, pricer(), seed) for seed in seeds)
    return sum(outcome_of(town, cap_hundredths=world.cap_hundredths).welfare for town in towns) / len(seeds)
