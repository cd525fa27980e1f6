"""The committed results as a table for docs/pricing.md: a page repeats no number that a report could change."""

from pathlib import Path
from typing import Any

import orjson

from simulation.lockstep.report import COMPARED
from simulation.lockstep.scenarios import SCENARIOS

_HEAD = "| scenario | `faretide` less | welfare, $ | p90 wait, s | trips |\n|---|---|---|---|---|"


def differences_table(directory: Path) -> str:
    """Markdown of what `faretide` has more than each rival, with 95 % intervals, from simulation-*.json.

    Raises FileNotFoundError if a scenario's report is missing.
    """
    rows = [
        row for name in SCENARIOS for row in _rows(orjson.loads((directory / f"simulation-{name}.json").read_bytes()))
    ]
    return "\n".join((_HEAD, *rows))


def _rows(found: dict[str, Any]) -> list[str]:
    told = {(each["other"], each["measure"]): each for each in found["differences"] if each["policy"] == "faretide"}
    return [
        f"| {found['scenario']} | {other} | {' | '.join(_told(told[other, measure]) for measure, _ in COMPARED)} |"
        for other in found["policies"]
        if other != "faretide"
    ]


def _told(each: dict[str, Any]) -> str:
    return f"{each['mean']:+,.0f} ({each['low']:+,.0f} to {each['high']:+,.0f})"
