"""How long replays take and how much memory: recordings of a city of growing length, each run in processes of its own.

    python -m infra.cli.replaying.measuring [--cases cells:1,events:1] [--report DIR]      `make replays`
    … --recordings DIR [--only-record]      keeps what was recorded, to be measured again, or by another checkout

The recordings are made in memory (`bench.recorded_city`), since an hour of a broker takes an hour. Each case is written
down as soon as it is measured, beside those measured before. Times hold for a machine that does nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from bench.city import read_places
from bench.drifting_cars import PING_EVERY_MS
from bench.recorded_city import Traffic, record
from infra.cli.seeding import shipped_model
from topics.catalogue import SURGE

CASES = "cells:1,cells:10,cells:60,events:1,events:10"
LOOK_EVERY_S = 0.1
WARM_S = 30
SCHEMA = "replays/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One case: `minutes` of traffic from cells or events, how long it took, and the most memory of all processes."""

    start: str
    minutes: float
    drivers: int
    requests_per_s: float
    zones: int
    ticks: int
    seconds: float
    cpu_s: float
    peak_mb: float
    identical: bool
    load: float

    @property
    def times_real(self) -> float:
        """How many times real time."""
        return self.minutes * 60 / self.seconds


def main() -> None:
    """Measure and report."""
    asked = _arguments()
    with tempfile.TemporaryDirectory(prefix="faretide-replays-", dir=asked.state) as place:
        for case in asked.cases.split(","):
            start, _, minutes = case.partition(":")
            file = (asked.recordings or Path(place)) / f"{start}-{minutes}.faretide"
            if not file.exists():
                _say(f"{case}: recording")
                _record(file, asked, float(minutes), with_events=start == "events")
            if asked.only_record:
                continue
            _say(f"{case}: replaying")
            found = _measured(file, asked, start, float(minutes))
            if not asked.recordings:
                file.unlink()
            _say(json.dumps(asdict(found) | {"times_real": round(found.times_real, 1)}))
            if asked.report:
                _write(asked.report, found)


def _record(file: Path, asked: argparse.Namespace, minutes: float, *, with_events: bool) -> None:
    traffic = Traffic(
        drivers=asked.drivers,
        requests_per_s=asked.requests,
        seconds=round(minutes * 60),
        warm_s=WARM_S,
        with_events=with_events,
    )
    model = shipped_model(traffic.begin_ms - 60_000)
    record(
        file, traffic, read_places(asked.zones), model, lambda second: None if second % 60 else _say(f"  {second} s")
    )


def _measured(file: Path, asked: argparse.Namespace, start: str, minutes: float) -> Measured:
    """Verify the file as a user does, looked at from outside."""
    command = [sys.executable, "-m", "infra.cli", "replay", "verify", str(file), "--json"]
    command += ["--from-events"] if start == "events" else []
    begun_s, before = time.monotonic(), os.times()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603  the interpreter that runs this
        peak = _Peak(running.pid)
        looking = threading.Thread(target=peak.look_on, args=(running,))
        looking.start()
        said = json.loads(running.communicate()[0])
        looking.join()
    seconds, after = time.monotonic() - begun_s, os.times()
    return Measured(
        start=start,
        minutes=minutes,
        drivers=asked.drivers,
        requests_per_s=asked.requests,
        zones=asked.zones,
        ticks=next(one["records"] for one in said["topics"] if one["topic"] == SURGE.name),
        seconds=round(seconds, 1),
        cpu_s=round(after.children_user + after.children_system - before.children_user - before.children_system, 1),
        peak_mb=round(peak.size / 1e6),
        identical=said["identical"],
        load=round(os.getloadavg()[0], 1),
    )


class _Peak:
    """The most resident memory that a process and its children had at one look, shared pages counted once."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.size = 0

    def look_on(self, running: "subprocess.Popen[str]") -> None:
        """Look until it has ended."""
        while running.poll() is None:
            size = 0
            for process in [self._process, *_children(self._process)]:
                try:
                    size += process.memory_full_info().uss
                except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
                    continue  # it ended meanwhile
            self.size = max(self.size, size)
            time.sleep(LOOK_EVERY_S)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _write(directory: Path, found: Measured) -> None:
    """Add one case to the report, in place of the same one measured before."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "replays.json"
    known = json.loads(file.read_text(encoding="utf-8"))["cases"] if file.exists() else []
    case = (found.start, found.minutes, found.drivers, found.zones)
    kept = [one for one in known if (one["start"], one["minutes"], one["drivers"], one["zones"]) != case]
    cases = sorted([*kept, asdict(found)], key=lambda one: (-one["drivers"], one["start"], one["minutes"]))
    file.write_text(json.dumps({"schema": SCHEMA, "cases": cases}, indent=1) + "\n", encoding="utf-8")
    rows = "".join(_row(Measured(**one)) for one in cases)
    (directory / "replays.md").write_text(HEAD + rows, encoding="utf-8")


def _row(one: Measured) -> str:
    cpu_ms = one.cpu_s * 1_000 / max(one.ticks, 1)
    return (
        f"| {one.start} | {one.minutes:g} | {one.drivers * 1_000 / PING_EVERY_MS:,.0f} | {one.zones} | {one.ticks:,} "
        f"| {one.seconds:,.0f} | {one.times_real:.1f} | {cpu_ms:.1f} | {one.peak_mb:,.0f} "
        f"| {'yes' if one.identical else 'NO'} | {one.load:g} |\n"
    )


HEAD = """# Replays: time and memory

`make replays`. Recordings are made in memory by the services' own rules at append times that are made up, half a minute
of warm-up before the minutes that count; each is then verified by `faretide replay verify`. Memory is the most that all
its processes together had, shared pages left out. The last column is the machine's load average at the end: above the
number of its cores other work slowed the run, and the times say less.

| from | minutes | pings/s | zones | ticks | seconds | times real time | CPU ms per tick | MB | identical | load |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.cli.replaying.measuring", description=__doc__)
    parser.add_argument("--cases", default=CASES)
    parser.add_argument("--drivers", type=int, default=80_000)
    parser.add_argument("--requests", type=float, default=50.0)
    parser.add_argument("--zones", type=int, default=41)
    parser.add_argument("--state", type=Path, default=None)
    parser.add_argument("--report", type=Path, default=None)
    parser.add_argument("--recordings", type=Path, default=None, help="where recordings are kept and found again")
    parser.add_argument("--only-record", action="store_true", help="measure another time, when nothing else runs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
