"""The city beside what was published about real ones: facts it was set by, and facts nothing was fitted to.

    set by     elasticity of sessions; wait and share unfulfilled while surge was out on New Year's Eve
    tested     wait after a concert; no better than a tuned fixed price when nothing happens; better when demand is 30 %
               off; worth 1 to 4 % of revenue; riders gain more than drivers

"Set by" means that a parameter or a scenario's load was chosen with the fact in view, not that it is hit.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from simulation.history import MINUTE_MS
from simulation.lockstep.outcome import Outcome
from simulation.lockstep.pricers import Fixed
from simulation.lockstep.scenarios import SCENARIOS, Scenario
from simulation.lockstep.town import Town
from simulation.lockstep.trials import World, paired_interval, pricer_of, town_after, trials

FILE = "simulation-facts.json"
SET, TESTED = "set by", "tested"
# Surge was out from 1:24 to 1:50; here on the plateau of the night's requests. Prices take minutes to come down.
OUT_MIN, COMING_DOWN_MIN = (55.0, 81.0), 3.0
NEAR_M = 1_500.0
_HEAD = "| use | fact | published | here | agrees |\n|---|---|---|---|---|"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One published fact; `here` is a mean over seeds with its 95 % interval; `agrees` by the rule the fact names."""

    use: str
    fact: str
    source: str
    published: str
    here: str
    agrees: bool


def facts(world: World, seeds: range, *, kept: Path | None = None) -> list[dict[str, Any]]:
    """All facts, those the city was set by first.

    Raises ValueError with fewer than two seeds: nothing could be said about chance.
    """
    if len(seeds) < 2:
        raise ValueError(f"seeds must be two or more, got {len(seeds)}")
    return [asdict(each) for each in (*_set_by(world, seeds), *_tested(world, seeds, kept))]


def _set_by(world: World, seeds: range) -> list[Fact]:
    elasticity = _mean([_elasticity(world, seed) for seed in seeds])
    out = [_outage(world, seed) for seed in seeds]
    wait_min, lost_pct = _mean([each[0] for each in out]), _mean([each[1] for each in out])
    hall = "Hall, Kendrick, Nosko 2015; their text says 25 % unfulfilled, their figure 25 % fulfilled"
    return [
        Fact(
            use=SET,
            fact="elasticity of sessions",
            source="Cohen et al. 2016",
            published="-0.4 to -0.6",
            here=_told(elasticity, "{:.2f}"),
            agrees=-0.6 <= elasticity[0] <= -0.4,
        ),
        Fact(
            use=SET,
            fact="wait shown while surge is out, min (within a third)",
            source=hall,
            published="about 8",
            here=_told(wait_min, "{:.1f}"),
            agrees=abs(wait_min[0] - 8.0) <= 8.0 / 3,
        ),
        Fact(
            use=SET,
            fact="requests unfulfilled then, % (within a third)",
            source=hall,
            published="about 25",
            here=_told(lost_pct, "{:.0f}"),
            agrees=abs(lost_pct[0] - 25.0) <= 25.0 / 3,
        ),
    ]


def _tested(world: World, seeds: range, kept: Path | None) -> list[Fact]:
    return [_concert_wait(world, seeds), *_worth(world, seeds, kept)]


def _concert_wait(world: World, seeds: range) -> Fact:
    """How long riders wait after a concert."""
    concert = _mean([_concert_wait_min(world, seed) for seed in seeds])
    return Fact(
        use=TESTED,
        fact="wait near a concert's end with surge, min (within a third)",
        source="Hall, Kendrick, Nosko 2015",
        published="2.6",
        here=_told(concert, "{:.1f}"),
        agrees=abs(concert[0] - 2.6) <= 2.6 / 3,
    )


def _worth(world: World, seeds: range, kept: Path | None) -> list[Fact]:
    """What dynamic prices bring beside a tuned fixed one, and to whom: on a usual day, and when the forecast is off."""
    steady, off = (_against_static(world, SCENARIOS[name], seeds, kept) for name in ("steady", "misforecast"))
    worth, worth_off = steady["welfare_pct"], off["welfare_pct"]
    riders, drivers = off["rider_surplus_pct"], off["driver_surplus_pct"]
    return [
        Fact(
            use=TESTED,
            fact="dynamic less tuned fixed price on a usual day, % of revenue (within 1)",
            source="Banerjee, Johari, Riquelme 2015",
            published="about 0",
            here=_told(worth, "{:+.1f}"),
            agrees=abs(worth[0]) <= 1.0,
        ),
        Fact(
            use=TESTED,
            fact="the same when 30 % more ask than forecast (interval above 0)",
            source="Banerjee, Johari, Riquelme 2015",
            published="dynamic wins",
            here=_told(worth_off, "{:+.1f}"),
            agrees=worth_off[0] - worth_off[1] > 0.0,
        ),
        Fact(
            use=TESTED,
            fact="worth of dynamic prices, % of revenue: usual day; 30 % off (both within)",
            source="Castillo 2025",
            published="1 to 4",
            here=f"{_told(worth, '{:+.1f}')}; {_told(worth_off, '{:+.1f}')}",
            agrees=all(1.0 <= each[0] <= 4.0 for each in (worth, worth_off)),
        ),
        Fact(
            use=TESTED,
            fact="who gains when 30 % off, % of revenue: riders; drivers (riders more)",
            source="Castillo 2025",
            published="riders 3.6, drivers -1.0",
            here=f"{_told(riders, '{:+.1f}')}; {_told(drivers, '{:+.1f}')}",
            agrees=riders[0] > drivers[0],
        ),
    ]


def _elasticity(world: World, seed: int) -> float:
    """Of the share of first askers who take the offer, from 1.00 to 1.10, on a usual day."""
    cells, products = world.ground.cells.size, len(world.market.products)

    def share(hundredths: int) -> float:
        town = town_after(world, SCENARIOS["steady"], Fixed(cells, products, hundredths), seed)
        return float(town.offered.took[town.is_measured(town.offered.at_ms) & town.offered.first].mean())

    return float(np.log(share(110) / share(100)) / np.log(1.1))


def _outage(world: World, seed: int) -> tuple[float, float]:
    """Mean wait shown, minutes, and per cent unfulfilled of those who took the offer, while no count arrives."""
    scenario = replace(SCENARIOS["new-year"], silent_min=OUT_MIN)
    town = town_after(world, scenario, pricer_of("faretide", world, scenario), seed)
    then = _asked_between(town, OUT_MIN[0] + COMING_DOWN_MIN, OUT_MIN[1])
    lost, boarded = (int((then & (at_ms > 0)).sum()) for at_ms in (town.offered.gave_up_ms, town.offered.boarded_ms))
    return float(town.offered.eta_s[then].mean()) / 60.0, 100.0 * lost / max(lost + boarded, 1)


def _concert_wait_min(world: World, seed: int) -> float:
    """Mean wait of those picked up near the concert within its crowd's time."""
    scenario = SCENARIOS["stadium"]
    crowd = scenario.crowd
    assert crowd is not None
    town = town_after(world, scenario, pricer_of("faretide", world, scenario), seed)
    x, y = world.ground.history.plane.metres(np.array([crowd.lat]), np.array([crowd.lon]))
    near = (np.hypot(town.riders.x - x, town.riders.y - y) <= NEAR_M)[town.offered.rider]
    then = _asked_between(town, crowd.start_min, crowd.start_min + crowd.lasting_min)
    return float(town.offered.wait_s[near & then & (town.offered.boarded_ms > 0)].mean()) / 60.0


def _asked_between(town: Town, start_min: float, end_min: float) -> Any:  # noqa: ANN401  bool[2n], rows of `Offered`
    minute = (town.offered.at_ms - town.measured_ms) / MINUTE_MS
    return (minute >= start_min) & (minute < end_min)


Interval = tuple[float, float]


def _against_static(world: World, scenario: Scenario, seeds: range, kept: Path | None) -> dict[str, Interval]:
    """What `faretide` has more than a tuned fixed price, per cent of its revenue: mean and half an interval's width."""
    found = trials(world, scenario, ("static", "faretide"), seeds, kept=kept)

    def gain(measure: Callable[[Outcome], float]) -> Interval:
        pairs = zip(found["faretide"], found["static"], strict=True)
        return _mean([100.0 * (measure(ours) - measure(fixed)) / fixed.revenue for ours, fixed in pairs])

    return {
        "welfare_pct": gain(lambda each: each.welfare),
        "rider_surplus_pct": gain(lambda each: each.rider_surplus),
        "driver_surplus_pct": gain(lambda each: each.driver_surplus),
    }


def _mean(values: list[float]) -> Interval:
    return paired_interval(values)


def _told(interval: Interval, form: str) -> str:
    mean, half = interval
    return f"{form.format(mean)} ({form.format(mean - half)} to {form.format(mean + half)})"


def facts_table(directory: Path) -> str:
    """Markdown of the committed report.

    Raises FileNotFoundError if there is none.
    """
    document = orjson.loads((directory / FILE).read_bytes())
    rows = [
        f"| {each['use']} | {each['fact']} | {each['published']} ({each['source']}) | {each['here']} | "
        f"{'yes' if each['agrees'] else '**no**'} |"
        for each in document["facts"]
    ]
    return "\n".join((_HEAD, *rows))
