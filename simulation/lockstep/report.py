"""The report of simulated cities: a page with tables and pictures, and the numbers of each scenario as JSON."""

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
td:first-child,th:first-child{text-align:left}.good{color:#0a7d33}.bad{color:#b3261e}img{max-width:100%;height:auto}"""


def write_report(directory: Path, document: dict[str, Any], world: World) -> None:
    """Write simulation-SCENARIO.json and pictures of each scenario, and a page of all scenarios found beside them.

    So scenarios may be played one by one, or by several processes; pictures are of the first seed.
    """
    directory.mkdir(parents=True, exist_ok=True)
    about = {key: value for key, value in document.items() if key != "scenarios"}
    for name, found in document["scenarios"].items():
        told = orjson.dumps({"scenario": name, **about, **found}, option=orjson.OPT_INDENT_2)
        (directory / f"simulation-{name}.json").write_bytes(told + b"\n")
        _draw(directory, name, found, world, seed=document["seeds"][0])
    write_page(directory)


def write_page(directory: Path) -> None:
    """Write simulation.html: a section for every scenario whose numbers lie in the directory."""
    files = [directory / f"simulation-{name}.json" for name in SCENARIOS]
    sections = [_section(orjson.loads(file.read_bytes())) for file in files if file.exists()]
    head = (
        "<p>Two hours after a warm-up of half an hour; every policy meets the same riders and drivers. Differences are "
        "means over seeds with 95 % intervals of paired seeds. The city's parameters and their sources: "
        "<code>simulation/lockstep/assumptions.py</code>.</p>"
    )
    body = "\n".join(sections)
    page = f"<!doctype html><html lang=en><meta charset=utf-8><title>Simulated cities</title><style>{STYLE}</style>"
    (directory / "simulation.html").write_text(
        f"{page}<h1>Simulated cities</h1>{head}{body}</html>\n", encoding="utf-8"
    )


def _draw(directory: Path, name: str, found: dict[str, Any], world: World, *, seed: int) -> None:
    scenario = SCENARIOS[name]
    towns = {each: town_after(world, scenario, pricer_of(each, world, scenario), seed) for each in found["policies"]}
    (directory / f"simulation-{name}.svg").write_text(over_time(towns), encoding="utf-8")
    (directory / f"simulation-{name}-map.svg").write_text(map_of(towns[list(towns)[-1]]), encoding="utf-8")


def _section(found: dict[str, Any]) -> str:
    """Tables and pictures of one scenario."""
    name, (first, last) = found["scenario"], found["seeds"]
    models = "".join(f", further model {html.escape(model)}" for model in found.get("models", ()))
    told = f"{found['drivers']:,} drivers, people: {html.escape(found['people'])}{models}, seeds {first} to {last}."
    about = f"{html.escape(SCENARIOS[name].about)} {told}"
    pictures = "".join(
        f"<p><img src='simulation-{name}{kind}.svg' alt='{shown}'></p>"
        for kind, shown in (("", "price, way to a rider and idle cars over time"), ("-map", "prices on the map"))
    )
    tables = _table(found["policies"]), _differences(found["differences"])
    return "\n".join((f"<h2>{html.escape(name)}</h2><p>{about}</p>", *tables, pictures))


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
