"""Runs of faults from the command line: `faretide faults` and `make faults` start this.

    python -m tests.faults --seed 1 --kills 200 [--pings 300] [--requests 20] [--state DIR] [--cache DIR]
                           [--each 12] [--report DIR [--resume]] [--minutes M] [--json]

Kills are shared out to runs of `--each` at most, each with a seed and servers of its own, so that what a run leaves
behind is small enough to be recounted. The report is written after each; with `--resume` the runs that it holds stay
and count, and those that are missing follow. Exit code 0 if every claim holds in every run, 1 if one does not.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from pathlib import Path

from infra.embedded.stack import EmbeddedStack
from tests.broker import kafka
from tests.broker.services_load import Size
from tests.faults.plan import plan
from tests.faults.report import Report
from tests.faults.run import Run, run


def main() -> int:
    """Run and report."""
    asked = _arguments()
    logging.disable(logging.CRITICAL)  # clients complain while servers are away, which is what they are for here
    report = Report(asked.pings, asked.requests)
    if asked.resume and asked.report:
        report.resume(asked.report)
    left, seed, begun_s = asked.kills - sum(run.kills for run in report.runs), asked.seed, time.monotonic()
    while left > 0 and time.monotonic() - begun_s < asked.minutes * 60:
        if any(run.seed == seed for run in report.runs):
            seed += 1
            continue
        kills = min(left, asked.each)
        one = _run(asked, seed, kills)
        report.runs.append(one)
        if asked.report:
            report.write(asked.report)
        _say(one, as_json=asked.json)
        left, seed = left - kills, seed + 1
    if asked.json:
        sys.stdout.write(json.dumps(report.content()) + "\n")
    return 0 if report.holds else 1


def _run(asked: argparse.Namespace, seed: int, kills: int) -> Run:
    state = Path(tempfile.mkdtemp(prefix="faretide-faults-", dir=asked.state))
    state.chmod(0o711)
    (state / "logs").mkdir()
    size = Size.of_rates(asked.pings, asked.requests)
    with EmbeddedStack(state / "stack", cache_dir=asked.cache) as stack:
        one = asyncio.run(run(stack, state / "logs", plan(seed, kills), seed=seed, size=size, tree=asked.tree))
    if one.holds:
        shutil.rmtree(state, ignore_errors=True)
    else:
        sys.stderr.write(f"kept for a look: {state}\n")
    return one


def _say(one: Run, *, as_json: bool) -> None:
    broken = [f"  {name}: {why}" for name, why in one.claims.items() if why]
    said = f"seed {one.seed}: {one.kills} faults in {one.seconds:.0f} s, " + ("not exact" if broken else "all exact")
    out = sys.stderr if as_json else sys.stdout
    out.write("\n".join([said, *broken]) + "\n")
    out.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="faretide faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--pings", type=float, default=300.0)
    parser.add_argument("--requests", type=float, default=20.0)
    parser.add_argument("--minutes", type=float, default=24 * 60.0)
    parser.add_argument("--state", type=Path, default=None)
    parser.add_argument("--cache", type=Path, default=kafka.ROOT / ".faretide" / "cache")
    parser.add_argument("--tree", type=Path, default=kafka.ROOT)
    parser.add_argument("--report", type=Path, default=None)
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
