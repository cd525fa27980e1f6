"""Runs of scenarios under policies, and how policies differ on the same people.

Every policy of a seed meets the same riders and the same drivers, so differences are taken seed by seed and their
intervals are Student's over seeds: where two policies are alike, much narrower than those of two independent samples.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from pricing.rules.markets import Market, market_of
from simulation.lockstep.assumptions import Assumptions
from simulation.lockstep.core import Faretide
from simulation.lockstep.decisions import Decisions
from simulation.lockstep.fitted import FITTED, RatioRule
from simulation.lockstep.ground import Ground
from simulation.lockstep.kept_runs import kept_or_played
from simulation.lockstep.outcome import Outcome, outcome_of
from simulation.lockstep.pricers import TICK_MS, Fixed, Pricer
from simulation.lockstep.ratio import Ratio
from simulation.lockstep.riders import draw_riders
from simulation.lockstep.scenarios import Scenario
from simulation.lockstep.town import Town
from topics.control import MarketDefined, ModelAnnounced, PricingPolicySet

POLICIES = ("none", "static", "ratio", "ratio-oracle", "faretide")
MEASURES = tuple(Outcome.__dataclass_fields__)
# Two-sided 95 % points of Student's t by degrees of freedom, 1 to 30; beyond, the normal's.
_T95_TEXT = (
    "12.706 4.303 3.182 2.776 2.571 2.447 2.365 2.306 2.262 2.228 2.201 2.179 2.160 2.145 2.131 "
    "2.120 2.110 2.101 2.093 2.086 2.080 2.074 2.069 2.064 2.060 2.056 2.052 2.048 2.045 2.042"
)
_T95 = tuple(map(float, _T95_TEXT.split()))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class World:
    """What a trial needs: the ground, what is sold and by which rules, the models, and how people are, with their name.

    `model` is that of demand; `further` are others that the service's pricing applies, of one name the last.
    """

    ground: Ground
    market: MarketDefined
    policy: PricingPolicySet
    model: ModelAnnounced
    further: tuple[ModelAnnounced, ...] = ()
    assumed: Assumptions = field(default_factory=Assumptions)
    decisions: Decisions = field(default_factory=Decisions)
    people: str = "usual"

    @property
    def compiled(self) -> Market:
        """The market made ready."""
        return market_of(self.market, 0)

    @property
    def rules(self) -> PricingPolicySet:
        """The policy as it applies here, where ticks are half a minute apart: none is stale before the next one.

        The service's are five seconds apart at most. Word for word each tick here would begin with a step down.
        """
        return replace(self.policy, stale_hold_ms=max(self.policy.stale_hold_ms, TICK_MS))

    @property
    def cap_hundredths(self) -> int:
        """The highest cap of any jurisdiction."""
        return max(cap.cap_hundredths for cap in self.policy.caps)


def pricer_of(name: str, world: World, scenario: Scenario) -> Pricer:
    """The policy of that name; what it was tuned on were other seeds, of usual hours but for `ratio-oracle`.

    Raises ValueError if there is none.
    """
    cells, products = world.ground.cells.size, len(world.market.products)
    match name:
        case "none":
            return Fixed(cells, products)
        case "static":
            return Fixed(cells, products, FITTED.static_hundredths[scenario.hour])
        case "ratio":
            return ratio_with(FITTED.ratio, world)
        case "ratio-oracle":
            return ratio_with(FITTED.ratio_oracle, world)
        case "faretide":
            return Faretide(
                zones=world.ground.zones,
                cells=world.ground.cells,
                market=world.market,
                policy=world.rules,
                models=(world.model, *world.further),
            )
    raise ValueError(f"policy must be one of {', '.join(POLICIES)}, got {name!r}")


def ratio_with(rule: RatioRule, world: World) -> Pricer:
    """The ratio policy with another rule: for whoever tunes it."""
    return Ratio(world.ground, world.market, world.rules, rule)


def town_after(world: World, scenario: Scenario, pricer: Pricer, seed: int) -> Town:
    """One run, ended."""
    market = world.compiled
    riders = draw_riders(world.ground, market, scenario, world.assumed, world.decisions, seed=seed)
    town = Town(world.ground, riders, scenario, world.assumed, pricer, products=market.product_ids, seed=seed)
    town.run()
    return town


def trial(world: World, scenario: Scenario, policy: str, seed: int) -> Outcome:
    """What one run came to."""
    town = town_after(world, scenario, pricer_of(policy, world, scenario), seed)
    return outcome_of(town, cap_hundredths=world.cap_hundredths)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """`policy` minus `other` in one measure: mean over seeds and the ends of a 95 % interval."""

    policy: str
    other: str
    measure: str
    mean: float
    low: float
    high: float


def trials(
    world: World,
    scenario: Scenario,
    policies: Iterable[str],
    seeds: Iterable[int],
    told: Callable[[str, int], None] = lambda _policy, _seed: None,
    *,
    kept: Path | None = None,
) -> dict[str, list[Outcome]]:
    """Outcomes by policy, in the order of seeds; runs kept in the directory `kept` are not played again."""
    found: dict[str, list[Outcome]] = {policy: [] for policy in policies}
    for seed in seeds:
        for policy, outcomes in found.items():
            told(policy, seed)
            name = f"{world.people}-{world.assumed.drivers}{_models_of(world)}-{scenario.name}-{policy}-{seed}"
            outcomes.append(kept_or_played(kept, name, partial(trial, world, scenario, policy, seed)))
    return found


def _models_of(world: World) -> str:
    """The further models, for the name of a run: by their content, since files of one name differ."""
    return "".join(f"+{model.name}-{model.sha256[:12]}" for model in world.further)


def means(outcomes: list[Outcome]) -> dict[str, float]:
    """Mean of every measure over seeds."""
    return {name: float(np.mean([getattr(each, name) for each in outcomes])) for name in MEASURES}


def differences(found: dict[str, list[Outcome]], policy: str) -> list[Difference]:
    """The policy against each other one, measure by measure; none with fewer than two seeds."""
    ours = [asdict(each) for each in found[policy]]
    made = []
    for other, outcomes in found.items():
        if other != policy and len(ours) > 1:
            theirs = [asdict(each) for each in outcomes]
            made += [
                _difference(policy, other, name, [a[name] - b[name] for a, b in zip(ours, theirs, strict=True)])
                for name in MEASURES
            ]
    return made


def _difference(policy: str, other: str, measure: str, paired: list[float]) -> Difference:
    mean, half = paired_interval(paired)
    return Difference(policy=policy, other=other, measure=measure, mean=mean, low=mean - half, high=mean + half)


def paired_interval(paired: list[float]) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval by Student's t.

    >>> [round(value, 3) for value in paired_interval([1.0, 2.0, 3.0])]
    [2.0, 2.484]
    """
    values = np.array(paired, np.float64)
    freedom = values.size - 1
    point = _T95[freedom - 1] if freedom <= len(_T95) else 1.96
    return float(values.mean()), point * float(values.std(ddof=1)) / float(np.sqrt(values.size))
