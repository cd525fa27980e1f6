"""The report of simulated cities: a page with tables and pictures, and the numbers beside it as JSON."""

import html
from pathlib import Path
from typing import Any

import orjson

from simulation.lockstep.pictures import map_of, over_time
from simulation.lockstep.scenarios import SCENARIOS
from simulation.lockstep.trials import World, pricer_of, town_after

# What a table shows, with its heading and digits.
COLUMNS = (
    ("mean_wait_s", "mean wait, s", 0),
    ("p90_wait_s", "p90 wait, s", 0),
    ("unfulfilled_pct", "unfulfilled, %", 1),
    ("completed", "trips", 0),
    ("mean_multiplier", "mean price, ×", 2),
    ("rider_surplus", "rider surplus, $", 0),
    ("driver_earnings_per_h", "drivers earn, $/h", 2),
    ("welfare", "welfare, $", 0),
    ("volatility", "moves, 0.01/min", 1),
    ("at_cap_pct", "at cap, %", 1),
)
COMPARED = (("welfare", 0), ("p90_wait_s", 0), ("completed", 0))
STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
table{border-collapse:collapse;margin:.6em 0}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}
td:first-child,th:first-child{text-align:left}.good{color:#0a7d33}.bad{color:#b3261e}svg{max-width:100%;height:auto}"""


def write_report(directory: Path, document: dict[str, Any], world: World) -> None:
    """Write simulation.json, simulation.html and a picture per scenario; pictures are of the first seed."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "simulation.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    sections = [_section(directory, name, document, world) for name in document["scenarios"]]
    first, last = document["seeds"]
    head = (
        f"<p>{document['drivers']:,} drivers, two hours after a warm-up of half an hour, seeds {first} to {last}; "
        "every policy meets the same riders and drivers. Differences are means over seeds with 95 % intervals of "
        "paired seeds. The city's parameters and their sources: <code>simulation/lockstep/assumptions.py</code>.</p>"
    )
    body = "\n".join(sections)
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Simulated cities</title><style>{STYLE}</style>"
    (directory / "simulation.html").write_text(
        f"{page}<h1>Simulated cities</h1>{head}{body}</html>\n", encoding="utf-8"
    )


def _section(directory: Path, name: str, document: dict[str, Any], world: World) -> str:
    """Tables and pictures of one scenario; its picture over time is also a file of its own, for other pages."""
    scenario, found = SCENARIOS[name], document["scenarios"][name]
    policies, seed = found["policies"], document["seeds"][0]
    towns = {each: town_after(world, scenario, pricer_of(each, world, scenario), seed) for each in policies}
    picture = over_time(towns)
    (directory / f"simulation-{name}.svg").write_text(picture, encoding="utf-8")
    head = f"<h2>{html.escape(name)}</h2><p>{html.escape(scenario.about)}</p>"
    tables = _table(policies), _differences(found["differences"])
    return "\n".join((head, *tables, picture, map_of(towns[list(towns)[-1]])))


def _table(policies: dict[str, Any]) -> str:
    head = "".join(f"<th>{title}</th>" for _, title, _ in COLUMNS)
    rows = [
        f"<tr><td>{policy}</td>"
        + "".join(f"<td>{told['mean'][key]:,.{digits}f}</td>" for key, _, digits in COLUMNS)
        + "</tr>"
        for policy, told in policies.items()
    ]
    return f"<table><tr><th>policy</th>{head}</tr>{''.join(rows)}</table>"


def _differences(differences: list[dict[str, Any]]) -> str:
    rows = []
    for measure, digits in COMPARED:
        for each in differences:
            if each["measure"] == measure:
                better = each["high"] < 0 if measure == "p90_wait_s" else each["low"] > 0
                worse = each["low"] > 0 if measure == "p90_wait_s" else each["high"] < 0
                told = f"{each['mean']:+,.{digits}f} ({each['low']:+,.{digits}f} to {each['high']:+,.{digits}f})"
                look = "good" if better else "bad" if worse else ""
                rows.append(
                    f"<tr><td>{measure}: {each['policy']} − {each['other']}</td><td class='{look}'>{told}</td></tr>"
                )
    return f"<table>{''.join(rows)}</table>" if rows else ""
