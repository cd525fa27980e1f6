"""How policies fare in cities they were not made for: a table of all other people, as JSON and as text for the docs.

Every policy is as it was for the usual people; the riders, their answers or the streets are not.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from simulation.lockstep.people import OTHERS, world_with
from simulation.lockstep.scenarios import SCENARIOS
from simulation.lockstep.trials import POLICIES, World, differences, means, trials

# The two of the committed table: a local crowd, and a level that nobody expected.
PLAYED = ("stadium", "misforecast")
FILE = "simulation-misfits.json"
_COMPARED = ("welfare", "p90_wait_s", "completed")
_HEAD = (
    "| people or streets | scenario | `faretide` less | welfare, $ | p90 wait, s | trips |\n|---|---|---|---|---|---|"
)


def misfits(
    world: World, seeds: range, told: Callable[[str, int], None], *, kept: Path | None = None
) -> dict[str, dict[str, Any]]:
    """By people and scenario: means of each policy, and how `faretide` differs from every other one."""
    return {
        people: {
            scenario: _told(trials(world_with(people, world), SCENARIOS[scenario], POLICIES, seeds, told, kept=kept))
            for scenario in PLAYED
        }
        for people in OTHERS
    }


def _told(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "policies": {policy: means(outcomes) for policy, outcomes in found.items()},
        "differences": [asdict(each) for each in differences(found, POLICIES[-1]) if each.measure in _COMPARED],
    }


def misfits_table(directory: Path) -> str:
    """Markdown of the committed report.

    Raises FileNotFoundError if there is none.
    """
    document = orjson.loads((directory / FILE).read_bytes())
    rows = [
        row
        for people, scenarios in document["people"].items()
        for scenario, found in scenarios.items()
        for row in _rows(people, scenario, found)
    ]
    return "\n".join((_HEAD, *rows))


def _rows(people: str, scenario: str, found: dict[str, Any]) -> list[str]:
    """One row a policy; those whose cities were the same to the last digit share one."""
    told = {(each["other"], each["measure"]): each for each in found["differences"]}
    same: dict[str, list[str]] = {}
    for other in found["policies"]:
        if other != POLICIES[-1]:
            same.setdefault(" | ".join(_interval(told[other, name]) for name in _COMPARED), []).append(other)
    return [f"| {people} | {scenario} | {', '.join(others)} | {cells} |" for cells, others in same.items()]


def _interval(each: dict[str, Any]) -> str:
    mean, low, high = (round(each[name]) for name in ("mean", "low", "high"))  # whole numbers know no -0
    return f"{mean:+,} ({low:+,} to {high:+,})"
