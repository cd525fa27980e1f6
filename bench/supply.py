"""The supply job from Kafka to Kafka: Avro pings in, idle cars per cell and zone out, by everyone in turn.

A turn: the topic is emptied, the entrant's backlog published, its process started; once all is committed and if it can
hold the pace, 20,000 pings a second follow. In the end what it wrote last must equal a count of what was sent.

    backlog ──> start ──> catch up (slope of processor time over commits) ──> live (processor time per ping) ──> equal?
"""

import asyncio
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete
from aiokafka.errors import NotLeaderForPartitionError

from bench.city import read_places
from bench.entrants import FLUSH_S, ROOT, Entrant, Run, entrants
from bench.idle_counts import IdleCounts
from bench.measured import Figures, JobResult, Outcome, turns
from bench.ping_load import DRIVERS, PingLoad
from bench.processor_time import used
from bench.progress import Watcher, slope
from bench.servers import Servers, servers
from infra.clients.connection import kafka_admin
from infra.embedded.processes import start_bound
from topics.catalogue import DRIVER_PINGS, SUPPLY_CELLS

LIVE_PER_S = 20_000
ABLE_PER_S = 1.5 * LIVE_PER_S
"""Who reads a backlog slower than this is not given the live load: two cores carry the load and the broker too."""
SETTLE_S, LEADS_WITHIN_S = 3.0, 15.0
ATTEMPTS = 2
"""A peer that fails may try once more: a stock worker dies now and then when its new changelog has no leader yet."""
CATCH_UP_WITHIN_S, EQUAL_WITHIN_S, STOP_WITHIN_S = 180.0, 20.0, 15.0


class PeerFailedError(RuntimeError):
    """A peer ended by itself, stood still or counted wrong."""


@dataclass(slots=True)
class _Standing:
    """One entrant's rounds so far, or why it is out."""

    entrant: Entrant
    rounds: list[Figures] = field(default_factory=list)
    out: str = ""


def measure(cache_dir: Path, *, quick: bool) -> JobResult:
    """Measure everyone who can be started; some five minutes if `quick`, on a machine with nothing else to do."""
    return asyncio.run(_measure(cache_dir, quick=quick))


async def _measure(cache_dir: Path, *, quick: bool) -> JobResult:
    rounds, live_s = (2, 8.0) if quick else (3, 20.0)
    async with servers(cache_dir) as running:
        standings = [
            _Standing(each, out=each.missing)
            for each in await asyncio.to_thread(entrants, running, cache_dir, quick=quick)
        ]
        load = PingLoad(running, read_places())
        await load.start()
        try:
            for number, order in enumerate(turns(standings, rounds)):
                for standing in order:
                    await _take_turn(running, load, standing, number, live_s)
        finally:
            await load.stop()
    return _result(standings)


async def _take_turn(running: Servers, load: PingLoad, standing: _Standing, number: int, live_s: float) -> None:
    if standing.out:
        return
    ours = standing.entrant.contestant.name == "ours"
    for attempt in range(1 if ours else ATTEMPTS):
        try:
            standing.rounds.append(await turn(running, load, standing.entrant, number + 100 * attempt, live_s))
        except PeerFailedError as error:
            if ours:
                raise
            failed = str(error)
        else:
            return
    standing.out = failed


def _result(standings: Sequence[_Standing]) -> JobResult:
    return JobResult(
        job="supply",
        about="The supply job, Kafka to Kafka: records a second and core",
        headline="records_per_s_core",
        outcomes=[
            Outcome(
                contestant=standing.entrant.contestant,
                rounds=() if standing.out else standing.rounds,
                not_run=standing.out,
            )
            for standing in standings
        ],
        facts={
            "drivers": DRIVERS,
            "live_pings_per_s": LIVE_PER_S,
            "warm_up": "a fifth of the backlog is not counted, three fifths of it for the JVM",
            "counts": "of everyone named with figures, equal to a count of what was sent",
            "live figures": "only of those who read a backlog at half as much again",
        },
    )


async def turn(running: Servers, load: PingLoad, entrant: Entrant, number: int, live_s: float) -> Figures:
    """One round of one entrant. Raises PeerFailedError."""
    run = entrant.run(running, number)
    async with AsyncExitStack() as ending:
        first = await _emptied(running, run.output)
        heard = IdleCounts(running, run.output)
        await heard.start()
        ending.push_async_callback(heard.stop)
        watcher = await ending.enter_async_context(Watcher(running, DRIVER_PINGS.name, run.group))
        await load.publish(entrant.backlog)
        process = _started(running, run)
        ending.callback(_stopped, process)
        seen = await watcher.watch(
            process.pid, first, entrant.backlog, within_s=CATCH_UP_WITHIN_S, alive=lambda: _check(process, running, run)
        )
        if seen[-1].records < entrant.backlog:
            raise PeerFailedError(
                f"it read {seen[-1].records} of {entrant.backlog} records in {CATCH_UP_WITHIN_S:.0f} s"
            )
        one, other = slope(seen, entrant.skip)
        records, cpu_s = other.records - one.records, other.used.cpu_s - one.used.cpu_s
        figures = {
            "records_per_s_core": records / cpu_s,
            "us_per_record": cpu_s / records * 1e6,
            "wall_records_per_s": records / (other.used.at_s - one.used.at_s),
            "resident_mb": seen[-1].used.resident / 2**20,
        }
        if live_s and figures["wall_records_per_s"] >= ABLE_PER_S:
            figures |= await _live(load, process.pid, live_s)
        await asyncio.sleep(4 * FLUSH_S)
        await load.publish(1)  # who has no timer writes what changed when the next record comes
        wrong = await heard.differing(load.idle_per_cell(), within_s=EQUAL_WITHIN_S)
        if wrong:
            raise PeerFailedError(f"{wrong} cells differ from a count of what was sent")
    return figures


async def _live(load: PingLoad, pid: int, seconds: float) -> Figures:
    """Processor time per ping at an even pace, after some seconds to settle."""
    await load.publish_at(LIVE_PER_S, SETTLE_S)
    before = used(pid)
    await load.publish_at(LIVE_PER_S, seconds)
    after = used(pid)
    cpu_s = after.cpu_s - before.cpu_s
    return {
        "live_us_per_ping": cpu_s / (LIVE_PER_S * seconds) * 1e6,
        "live_core_share": cpu_s / (after.at_s - before.at_s),
    }


async def _emptied(running: Servers, output: str) -> int:
    """Empty the input, make the output topic if it is a peer's; the sum of the input's offsets."""
    admin = kafka_admin(running.connection.kafka())
    await admin.start()
    try:
        if output != SUPPLY_CELLS.name:
            await admin.create_topics([NewTopic(output, running.settings.zone_partitions, 1)])
        places = [TopicPartition(DRIVER_PINGS.name, number) for number in range(running.settings.driver_partitions)]
        first = await _deleted(admin, places)
        return sum(first[place] for place in places)
    finally:
        await admin.close()


async def _deleted(admin: Any, places: list[TopicPartition]) -> dict[TopicPartition, int]:  # noqa: ANN401  no types
    """Delete all records; a broker that has just started says for a while that it does not lead yet."""
    until_s = time.monotonic() + LEADS_WITHIN_S
    while True:
        try:
            first: dict[TopicPartition, int] = await admin.delete_records(
                {place: RecordsToDelete(before_offset=-1) for place in places}
            )
        except NotLeaderForPartitionError:
            if time.monotonic() > until_s:
                raise
            await asyncio.sleep(0.2)
        else:
            return first


def _started(running: Servers, run: Run) -> subprocess.Popen[bytes]:
    return start_bound(run.command, log=_log(running, run), cwd=ROOT, environment=run.environment)


def _log(running: Servers, run: Run) -> Path:
    return running.directory / f"{run.group}.log"


def _check(process: subprocess.Popen[bytes], running: Servers, run: Run) -> None:
    """Raise PeerFailedError with the end of its log if the process ended by itself."""
    if process.poll() is not None:
        said = _log(running, run).read_text(errors="replace").strip().splitlines()
        raise PeerFailedError(f"it ended with code {process.returncode}: {' / '.join([*said[:6], *said[-2:]])[-900:]}")


def _stopped(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
