"""What a job found, as one JSON line for programs and as a page with a picture for people."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.measured import JobResult, Outcome

Machine = Mapping[str, str | float]


def content(result: JobResult, machine: Machine, *, quick: bool) -> dict[str, Any]:
    """The result as plain values: medians over the rounds, their spread, and ratios within the rounds."""
    return {
        "job": result.job,
        "about": result.about,
        "headline": result.headline,
        "quick": quick,
        "contestants": {each.contestant.name: _outcome(each) for each in result.outcomes},
        "ratios": {name: _short(value) for name, value in result.ratios().items()},
        "facts": dict(result.facts),
        "machine": dict(machine),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    who = {"guarantee": outcome.contestant.guarantee, "configuration": dict(outcome.contestant.configuration)}
    if not outcome.rounds:
        return {"not_run": outcome.not_run, **who}
    medians = outcome.medians()
    return {
        **{name: _short(value) for name, value in medians.items()},
        "rounds": len(outcome.rounds),
        "spread": {name: round(outcome.spread(name), 3) for name in medians},
        **who,
    }


def write(said: dict[str, Any], directory: Path) -> None:
    """JSON, page and picture of one job, over those of an earlier run."""
    from bench.picture import draw  # noqa: PLC0415  a drawing library, needed here only

    directory.mkdir(parents=True, exist_ok=True)
    name = f"bench-{said['job']}"
    (directory / f"{name}.json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    (directory / f"{name}.svg").write_bytes(draw(said))
    (directory / f"{name}.md").write_text(page(said), encoding="utf-8")


def page(said: dict[str, Any]) -> str:
    """The report for people."""
    ran = {name: each for name, each in said["contestants"].items() if "not_run" not in each}
    figures = [name for name in next(iter(ran.values()), {}) if name not in _ABOUT]
    rows = [(name, *(_cell(each, figure) for figure in figures)) for name, each in ran.items()]
    return "\n".join(
        [
            *(f"# {said['about']}", ""),
            f"Written by `faretide bench {said['job']}{' --quick' if said['quick'] else ''}`. Medians over the rounds,",
            "in brackets the distance from the smallest to the largest round as a share of it.",
            *("", f"![{said['headline']} of each contestant](bench-{said['job']}.svg)", ""),
            *_table(("contestant", *figures), rows),
            *_table((f"{said['headline']}: ours is … times that of", "ratio"), said["ratios"].items()),
            *_table(("contestant", "after a crash", "configuration"), _who(said["contestants"])),
            *_table(("not run", "why"), _missing(said["contestants"])),
            *_table(("fact", ""), said["facts"].items()),
            *_table(("machine", ""), said["machine"].items()),
        ]
    )


_ABOUT = ("rounds", "spread", "guarantee", "configuration", "not_run")


def _cell(each: Mapping[str, Any], figure: str) -> str:
    if figure not in each:
        return ""
    return f"{each[figure]:,g} ({each['spread'][figure]:.0%})" if each["rounds"] > 1 else f"{each[figure]:,g}"


def _who(contestants: Mapping[str, Any]) -> Iterable[tuple[str, str, str]]:
    for name, each in contestants.items():
        yield name, each["guarantee"], ", ".join(f"{key} {value}" for key, value in each["configuration"].items())


def _missing(contestants: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    return ((name, each["not_run"]) for name, each in contestants.items() if "not_run" in each)


def _short(value: float) -> float:
    """Four digits: more were never measured.

    >>> _short(1234567.0), _short(0.0123456)
    (1235000.0, 0.01235)
    """
    return float(f"{value:.4g}")


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    found = list(rows)
    lines = [head, tuple("---" for _ in head), *found]
    return [*(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines), ""] if found else []
