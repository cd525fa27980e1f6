"""A soak: a steady load for long, and kills at its end: whether anything grows, and whether the counts are exact.

    python -m tests.faults.soak --minutes 30 [--pings 300] [--requests 20] [--report DIR]      `make soak`

Every ten seconds each worker's memory and open files are read. The first third is for warming up; what counts is the
last third beside the middle one. In the end all must be worked off within a minute, and is recounted as after faults.
"""

import argparse
import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from bench.machine import commit
from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker.services_load import Size
from tests.faults.plan import Fault, Kind
from tests.faults.run import Run, run
from tests.faults.supervised import Supervised
from topics.roles import PRICING_CHAIN

LOOK_EVERY_S = 10.0
# More than the noise of a garbage collector between two thirds of a run.
GROWTH = 1.10
FILES = 5
KILLS = [Fault(kind=Kind.KILL, hit=service, wait_s=1.0, lasts_s=0.0, steady=True) for service in PRICING_CHAIN]
"""In the end, so that recovery is measured with all the state that gathered."""


@dataclass(slots=True)
class Watched:
    """Looks at every worker, in order of time: resident megabytes and open files."""

    megabytes: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def look(self, workers: Supervised) -> None:
        """One look at each."""
        for instance, pid in list(workers.pids.items()):
            try:
                seen = psutil.Process(pid)
                self.megabytes[instance].append(seen.memory_info().rss / 1e6)
                self.files[instance].append(seen.num_fds())
            except psutil.NoSuchProcess:  # told by the run: nobody was to end
                continue

    def rows(self) -> list[dict[str, object]]:
        """Per worker: megabytes and files in the middle and in the last third."""
        return [
            {
                "worker": instance,
                "megabytes": [round(mean, 1) for mean in _thirds(self.megabytes[instance])],
                "files": [round(mean, 1) for mean in _thirds(self.files[instance])],
                "most_megabytes": round(max(self.megabytes[instance]), 1),
            }
            for instance in sorted(self.megabytes)
        ]

    def claims(self) -> dict[str, str]:
        """What must hold, each with what speaks against it."""
        fat = [name for name, seen in self.megabytes.items() if _grew(seen, lambda a, b: b > a * GROWTH)]
        open_files = [name for name, seen in self.files.items() if _grew(seen, lambda a, b: b > a + FILES)]
        return {
            "memory is flat": f"grew: {', '.join(fat)}" if fat else "",
            "open files are flat": f"grew: {', '.join(open_files)}" if open_files else "",
        }


def _thirds(seen: Sequence[float]) -> tuple[float, float]:
    """Means of the middle and of the last third."""
    third = max(1, len(seen) // 3)
    return statistics.fmean(seen[third : 2 * third] or seen), statistics.fmean(seen[-third:])


def _grew(seen: Sequence[float], more: Callable[[float, float], bool]) -> bool:
    return more(*_thirds(seen))


def main() -> int:
    """Run, report, and exit with 0 if everything holds."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--pings", type=float, default=300.0)
    parser.add_argument("--requests", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=None)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    state = Path(tempfile.mkdtemp(prefix="faretide-soak-"))
    state.chmod(0o711)
    (state / "logs").mkdir()
    watched = Watched()

    async def watch(workers: Supervised) -> None:
        end_s = time.monotonic() + asked.minutes * 60
        while time.monotonic() < end_s:
            watched.look(workers)
            await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, end_s - time.monotonic())))

    with EmbeddedStack(state / "stack", cache_dir=kafka.ROOT / ".faretide" / "cache") as stack:
        size = Size.of_rates(asked.pings, asked.requests)
        done = asyncio.run(
            run(stack, state / "logs", [], seed=asked.seed, size=size, meanwhile=watch, afterwards=[*KILLS])
        )
    done.claims |= watched.claims()
    page = page_of(done, watched, asked.minutes)
    sys.stdout.write(page)
    if asked.report:
        asked.report.mkdir(parents=True, exist_ok=True)
        (asked.report / "soak.md").write_text(page)
        content = {"run": asdict(done), "workers": watched.rows(), "minutes": asked.minutes}
        (asked.report / "soak.json").write_text(json.dumps(content, indent=1) + "\n")
    return 0 if done.holds else 1


def page_of(done: Run, watched: Watched, minutes: float) -> str:
    """The report for people."""
    lines = [
        "# Soak",
        "",
        f"{minutes:g} minutes on a real broker at {done.pings_per_s:g} pings and {done.requests_per_s:g} requests a",
        f"second, nothing killed; then each service once. Written by `make soak` at commit {commit()}.",
        "",
        "| claim | |",
        "| --- | --- |",
        *(f"| {claim} | {against or 'holds'} |" for claim, against in done.claims.items()),
        "",
        "| worker | megabytes, middle and last third | open files | most megabytes |",
        "| --- | --- | --- | --- |",
    ]
    for row in watched.rows():
        thirds = [f"{a} → {b}" for a, b in (row["megabytes"], row["files"])]  # type: ignore[misc]
        lines.append(f"| {row['worker']} | {thirds[0]} | {thirds[1]} | {row['most_megabytes']} |")
    lines += ["", "| killed in the end: all its partitions speak again after | ms |", "| --- | --- |"]
    lines += [f"| {name.partition(': ')[2]} | {max(waits)} |" for name, waits in sorted(done.silences_ms.items())]
    lines += ["", "| counted | |", "| --- | --- |", *(f"| {name} | {count} |" for name, count in done.counted.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
