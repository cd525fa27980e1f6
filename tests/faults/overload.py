"""Far more work than a worker can do at once, ten minutes of records found at its start: what becomes of it.

    python -m tests.faults.overload [--backlog-minutes 10] [--pings 2000] [--requests 50] [--report DIR]

`make overload` starts it.

The services run under a steady load. Then SUPPLY, DEMAND and QUOTES are away; meanwhile as many records as the load has
in so many minutes are published as fast as they can be, and the load goes on. They come back, and from then on:

    normal before | away, backlog written | back ── first live answer ── backlog answered ── as fast as before
                                               every answer: priced within its deadline, or told that it came too late
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import psutil

from bench.machine import commit
from infra.clients.database import Database, open_database
from infra.embedded.stack import EmbeddedStack
from infra.migrations.versions import migrate
from tests.broker import kafka
from tests.broker.services import now_ms, prepared
from tests.broker.services_load import FAULT, Load, Size, loading
from tests.broker.services_seen import Seen, seen
from tests.broker.services_settling import settled
from tests.faults.claims import judged
from tests.faults.run import RECORDER, recorded, system
from tests.faults.supervised import Supervised
from topics.catalogue import QUOTE_REQUESTS, QUOTES, TELEMETRY
from topics.prices import QuoteOutcome

AWAY = ("supply-0", "demand-0", "quotes-0")
NORMAL_S, NORMAL_MS = 20.0, 10_000
AFTER_S = 30.0
WINDOW_MS = 1_000
NORMAL_WITHIN = 2.0
"""Answers count as normal again while a second's p99 is at most so many times that of the median second before.

Seconds are compared with seconds: of fifty answers, p99 is about the slowest.
"""
LOOK_EVERY_S = 0.5
STEP_S = 0.05


@dataclass(slots=True, kw_only=True)
class Overload:
    """What came of it; milliseconds count from the instant at which the workers were let go again."""

    backlog_pings: int
    backlog_requests: int
    normal_p99_ms: int
    first_live_answer_ms: int | None
    answered_after_it: int
    backlog_answered_ms: int
    normal_again_ms: int | None
    worked_off_ms: int
    p99_ms_by_second: dict[int, int]
    outcomes: dict[str, int]
    priced_after_deadline: int
    telemetry_per_s: dict[str, float]
    most_megabytes: dict[str, float]
    claims: dict[str, str] = field(default_factory=dict)


async def overloaded(stack: EmbeddedStack, logs: Path, asked: argparse.Namespace) -> Overload:
    """One run."""
    connection = await prepared(stack)
    database = Database(url=stack.database_url, keep_days=30)
    async with open_database(database) as opened:
        await migrate(opened)
    size = Size.of_rates(asked.pings, asked.requests)
    async with system(stack, logs, kafka.ROOT, second=False) as (workers, _pulse, _commits):
        async with loading(connection, asked.seed, size) as load:
            await asyncio.sleep(NORMAL_S)  # the normal case, to compare with
            away_ms = now_ms()
            for instance in AWAY:
                workers.gone(instance)
            written = await _backlog(load, round(asked.backlog_minutes * 60 / STEP_S))
            back_ms = now_ms()
            async with _watched(workers) as most:
                for instance in AWAY:
                    workers.back(instance)
                await _works(workers, back_ms)
                await asyncio.sleep(AFTER_S)  # until it is as it was
        await settled(connection)
        worked_off_ms = now_ms() - back_ms
        await workers.end([instance for instance in workers.processes if instance != RECORDER])
        found = await seen(connection)
        await recorded(found, database)
        await workers.end([RECORDER])
    done = _measured(found, written, away_ms=away_ms, back_ms=back_ms)
    done.worked_off_ms = worked_off_ms
    done.most_megabytes = {instance: round(megabytes, 1) for instance, megabytes in most.items()}
    done.claims = (await judged(stack, found, database)).claims | {
        "no quote is priced after its deadline": str(done.priced_after_deadline or ""),
        "the newest requests are answered first": "" if done.answered_after_it else "all those found came before",
        "answers are as fast as before within 10 s of the end of the backlog": _late(done),
    }
    return done


async def _backlog(load: Load, steps: int) -> tuple[int, int]:
    """Publish what the load has in so many steps, as fast as it can be made; how many pings and requests that were."""
    pings = requests = 0
    for step in range(steps):
        records = [*load.fleet.pings(step, load._broken_ping)]
        asked = [record for _ in range(load.size.requests) for record in load._requests()]
        await load.publisher.send([*records, *asked])
        pings, requests = pings + len(records), requests + len(asked)
    return pings, requests


async def _works(workers: Supervised, since_ms: int) -> None:
    """Wait until each of those that were away runs again."""
    for instance in AWAY:
        await workers.running(instance)
    assert now_ms() >= since_ms


@asynccontextmanager
async def _watched(workers: Supervised) -> AsyncIterator[dict[str, float]]:
    """The most megabytes each worker has while the block runs."""
    most: dict[str, float] = {}

    async def look() -> None:
        while True:
            for instance, pid in list(workers.pids.items()):
                try:
                    megabytes = psutil.Process(pid).memory_info().rss / 1e6
                except psutil.NoSuchProcess:
                    continue
                most[instance] = max(most.get(instance, 0.0), megabytes)
            await asyncio.sleep(LOOK_EVERY_S)

    looking = asyncio.create_task(look())
    try:
        yield most
    finally:
        looking.cancel()


def _measured(found: Seen, written: tuple[int, int], *, away_ms: int, back_ms: int) -> Overload:
    asked = _first_requests(found)
    answers = [(asked[e.record.request_id], e) for e in found.of(QUOTES) if e.record.request_id in asked]
    waits = [(r.timestamp_ms, a.timestamp_ms - r.timestamp_ms) for r, a in answers]
    before = _p99_by_second([(at_ms, wait) for at_ms, wait in waits if at_ms < away_ms - 1_000], away_ms - NORMAL_MS)
    normal = round(median(before.values())) if before else 0
    live = [a.timestamp_ms for r, a in answers if r.timestamp_ms >= back_ms]
    by_second = _p99_by_second(waits, back_ms)
    in_time = [(r, a) for r, a in answers if a.record.outcome is QuoteOutcome.PRICED]
    outcomes: dict[str, int] = {}
    for _, answer in answers:
        if back_ms <= answer.timestamp_ms:
            outcomes[str(answer.record.outcome)] = outcomes.get(str(answer.record.outcome), 0) + 1
    return Overload(
        backlog_pings=written[0],
        backlog_requests=written[1],
        normal_p99_ms=normal,
        first_live_answer_ms=min(live) - back_ms if live else None,
        answered_after_it=sum(r.timestamp_ms < back_ms and a.timestamp_ms > min(live) for r, a in answers)
        if live
        else 0,
        backlog_answered_ms=max((a.timestamp_ms for r, a in answers if r.timestamp_ms < back_ms), default=back_ms)
        - back_ms,
        normal_again_ms=_normal_again(by_second, normal),
        worked_off_ms=0,
        p99_ms_by_second=by_second,
        outcomes=outcomes,
        priced_after_deadline=sum(a.record.now_ms > _deadline_ms(r) for r, a in in_time),
        telemetry_per_s=_telemetry(found, away_ms, back_ms),
        most_megabytes={},
    )


def _first_requests(found: Seen) -> dict[str, Any]:
    asked: dict[str, Any] = {}
    for entry in found.of(QUOTE_REQUESTS):
        if not any(name == FAULT for name, _ in entry.headers):
            asked.setdefault(entry.record.request_id, entry)
    return asked


def _deadline_ms(request: Any) -> int:
    longest = request.record.at_ms + 30_000
    return min(request.record.deadline_ms or longest, longest)


def _p99_by_second(waits: list[tuple[int, int]], since_ms: int) -> dict[int, int]:
    """99 % of the answers to what was asked in each second from an instant on."""
    seconds: dict[int, list[int]] = {}
    for at_ms, wait in waits:
        if at_ms >= since_ms:
            seconds.setdefault((at_ms - since_ms) // WINDOW_MS, []).append(wait)
    return {second: _p99(found) for second, found in sorted(seconds.items())}


def _normal_again(p99_ms: dict[int, int], normal_ms: int) -> int | None:
    """From the return until the first second of requests from which on all seconds are as fast as before."""
    slow = [second for second, found in p99_ms.items() if found > NORMAL_WITHIN * normal_ms]
    after = [second for second in p99_ms if second > max(slow, default=-1)]
    return min(after) * WINDOW_MS if after else None


def _p99(values: list[int]) -> int:
    return round(quantiles(values, n=100)[98]) if len(values) > 1 else (values[0] if values else 0)


def _telemetry(found: Seen, away_ms: int, back_ms: int) -> dict[str, float]:
    """Samples a second of SUPPLY: before, and in the ten seconds after the return."""
    times = [e.timestamp_ms for e in found.entries.get(TELEMETRY.name, ()) if e.record.service == "supply"]
    spans = {"before": (away_ms - 10_000, away_ms), "after the return": (back_ms + 2_000, back_ms + 12_000)}
    return {name: sum(a <= at < b for at in times) / 10 for name, (a, b) in spans.items()}


def _late(done: Overload) -> str:
    if done.normal_again_ms is None:
        return "never"
    late_ms = done.normal_again_ms - done.backlog_answered_ms
    return "" if late_ms <= 10_000 else f"{late_ms} ms"


def page_of(done: Overload, asked: argparse.Namespace) -> str:
    """The report for people."""
    rows: list[tuple[str, Any]] = [
        ("pings found at the return", done.backlog_pings),
        ("requests found at the return", done.backlog_requests),
        ("99 % of answers before, the median second, ms", done.normal_p99_ms),
        ("first answer to a request made after the return, ms", done.first_live_answer_ms),
        ("requests found at the return and answered after that one", done.answered_after_it),
        ("last of those found is answered, ms", done.backlog_answered_ms),
        ("as fast as before for requests from, ms", done.normal_again_ms),
        ("everything counted and settled, load ended, ms", done.worked_off_ms),
        ("priced after their deadline", done.priced_after_deadline),
        *((f"answers after the return: {name.lower()}", count) for name, count in sorted(done.outcomes.items())),
        *((f"telemetry of SUPPLY a second, {name}", rate) for name, rate in done.telemetry_per_s.items()),
        *((f"most megabytes: {name}", most) for name, most in sorted(done.most_megabytes.items())),
    ]
    return "\n".join(
        [
            "# Overload",
            "",
            f"SUPPLY, DEMAND and QUOTES come back to {asked.backlog_minutes:g} minutes of {asked.pings:g} pings and",
            f"{asked.requests:g} requests a second, while that load goes on. Written by `make overload` at commit",
            f"{commit()}.",
            "",
            *("| claim | |", "| --- | --- |", *(f"| {name} | {why or 'holds'} |" for name, why in done.claims.items())),
            *("", "| measured | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows), ""),
        ]
    )


def main() -> int:
    """Run, report, and exit with 0 if everything holds."""
    parser = argparse.ArgumentParser(prog="make overload", description=__doc__)
    parser.add_argument("--backlog-minutes", type=float, default=10.0)
    parser.add_argument("--pings", type=float, default=2_000.0)
    parser.add_argument("--requests", type=float, default=50.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, default=None)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    state = Path(tempfile.mkdtemp(prefix="faretide-overload-"))
    state.chmod(0o711)
    (state / "logs").mkdir()
    begun_s = time.monotonic()
    with EmbeddedStack(state / "stack", cache_dir=kafka.ROOT / ".faretide" / "cache") as stack:
        done = asyncio.run(overloaded(stack, state / "logs", asked))
    page = page_of(done, asked)
    sys.stdout.write(f"{page}\n{time.monotonic() - begun_s:.0f} s\n")
    if asked.report:
        asked.report.mkdir(parents=True, exist_ok=True)
        (asked.report / "overload.md").write_text(page)
        (asked.report / "overload.json").write_text(json.dumps(asdict(done), indent=1) + "\n")
    return 1 if any(done.claims.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
