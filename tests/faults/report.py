"""What came of all runs, as JSON and as a page."""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.machine import commit
from tests.faults.run import Run

NAME = "faults"


@dataclass(slots=True)
class Report:
    """Runs at stated rates."""

    pings_per_s: float
    requests_per_s: float
    runs: list[Run] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every claim holds in every run."""
        return bool(self.runs) and all(run.holds for run in self.runs)

    @property
    def faults(self) -> Counter[str]:
        """How often each kind of fault was inflicted."""
        return Counter(str(fault["kind"]) for run in self.runs for fault in run.faults)

    def content(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "holds": self.holds,
            "asked_for": {"pings_per_s": self.pings_per_s, "requests_per_s": self.requests_per_s},
            "faults": dict(self.faults),
            "counted": dict(sum((Counter(run.counted) for run in self.runs), Counter())),
            "silences_ms": _together(run.silences_ms for run in self.runs),
            "zone_stalls_ms": _longest(run.zone_stalls_ms for run in self.runs),
            "runs": [asdict(run) for run in self.runs],
        }

    def resume(self, directory: Path) -> None:
        """Take over the runs of an earlier report at the same rates, if there is one."""
        file = directory / f"{NAME}.json"
        known = json.loads(file.read_text()) if file.exists() else {}
        if known.get("asked_for") == {"pings_per_s": self.pings_per_s, "requests_per_s": self.requests_per_s}:
            self.runs = [Run(**run) for run in known["runs"]]

    def write(self, directory: Path) -> None:
        """Both forms, over those of an earlier run."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / f"{NAME}.json").write_text(json.dumps(self.content(), indent=1) + "\n")
        (directory / f"{NAME}.md").write_text(self.page())

    def page(self) -> str:
        """The report for people."""
        said = self.content()
        return "\n".join(
            [
                *("# Faults", "", *self._about(), ""),
                *_table(("claim", "runs in which it holds"), self._kept()),
                *_table(("fault", "times"), sorted(self.faults.items())),
                *_table(("counted over all runs", ""), sorted(said["counted"].items())),
                *_of_several_answers(said["counted"]),
                "From the fault until every partition of the service that spoke before it speaks again; after one of a",
                "server from its return on, which itself took as long as is said.",
                "",
                *_table(("fault: who", "times", "median, ms", "longest, ms"), _spread(said["silences_ms"])),
                *_table(("longest time a zone had no tick", "ms"), sorted(said["zone_stalls_ms"].items())),
                *("Affected: PRICING, the broker or the registry was hit. One worker prices all zones here.", ""),
                *_table(
                    ("seed", "faults", "s", "result"),
                    [(run.seed, run.kills, round(run.seconds), _result(run)) for run in self.runs],
                ),
            ]
        )

    @property
    def command(self) -> str:
        """What makes these runs, in one go where they were made by several."""
        kills = [run.kills for run in self.runs]
        asked = {
            "seed": min((run.seed for run in self.runs), default=1),
            "kills": sum(kills),
            "each": max(kills, default=0),
            "pings": self.pings_per_s,
            "requests": self.requests_per_s,
        }
        return "faretide faults " + " ".join(f"--{name} {value:g}" for name, value in asked.items())

    def _about(self) -> list[str]:
        pings, requests = _span(run.pings_per_s for run in self.runs), _span(run.requests_per_s for run in self.runs)
        return [
            f"{sum(self.faults.values())} faults in {len(self.runs)} runs on a real broker, under load. Written by",
            f"`{self.command}`; a seed",
            "gives the same faults in the same order, their instants are the machine's.",
            f"Asked for {self.pings_per_s:g} pings and {self.requests_per_s:g} requests a second; reached, outages",
            f"included, {pings} and {requests}. About 1 % of the records are broken, 3 % repeated, a quarter",
            f"out of order by up to 20 s, 2 % late. Written at commit {commit()}.",
        ]

    def _kept(self) -> list[tuple[str, str]]:
        claims = list(self.runs[0].claims) if self.runs else []
        kept = {name: sum(not run.claims.get(name, "not tried") for run in self.runs) for name in claims}
        return [(name, f"{holds} of {len(self.runs)}") for name, holds in kept.items()]


def _of_several_answers(counted: dict[str, int]) -> list[str]:
    if not any(name.startswith(("repeated_", "conflicting_")) for name in counted):
        return []
    return ["Repeated and conflicting answers are those after the first, which is the binding one.", ""]


def _result(run: Run) -> str:
    broken = [name for name, why in run.claims.items() if why]
    return "exact" if not broken else "not: " + ", ".join(broken)


def _longest(several: Any) -> dict[str, int]:
    longest: dict[str, int] = {}
    for durations in several:
        for name, value in durations.items():
            longest[name] = max(longest.get(name, 0), value)
    return longest


def _together(several: Any) -> dict[str, list[int]]:
    together: dict[str, list[int]] = {}
    for durations in several:
        for name, values in durations.items():
            together.setdefault(name, []).extend(values)
    return together


def _spread(durations: dict[str, list[int]]) -> list[tuple[Any, ...]]:
    return [(name, len(found), round(median(found)), max(found)) for name, found in sorted(durations.items())]


def _span(values: Any) -> str:
    found = list(values)
    return f"{min(found):.0f}–{max(found):.0f}/s" if found else "none"


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return [*(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines), ""]
