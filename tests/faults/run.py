"""One run: servers of its own, the five services, a load, the faults of a seed, and then the claims."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.clients.connection import Connection
from infra.clients.database import Database, open_database
from infra.embedded.stack import EmbeddedStack
from infra.migrations.versions import migrate
from tests.broker import kafka
from tests.broker.services import KILLED, Pulse, prepared
from tests.broker.services_load import Size, loading
from tests.broker.services_seen import Seen, seen
from tests.broker.services_settling import settled
from tests.faults.claims import Recounted, binding, judged, record_places, recounting, row_places
from tests.faults.commits import Commits
from tests.faults.inflict import Surgeon
from tests.faults.plan import PAIRS, Fault, Kind
from tests.faults.stalls import silences_ms, spoken, zone_stalls_ms
from tests.faults.supervised import Supervised
from topics.catalogue import QUOTE_REQUESTS, SURGE
from topics.roles import SERVICES

START_LIMIT_S = 240.0
RECORDED_WITHIN_S = 90.0
RECORDER = "recorder-0"
WARM_S = 3.0
Meanwhile = Callable[[Supervised], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class Run:
    """What a run was and what came of it; durations in milliseconds."""

    seed: int
    kills: int
    pings_per_s: float
    requests_per_s: float
    seconds: float = 0.0
    claims: dict[str, str] = field(default_factory=dict)
    counted: dict[str, int] = field(default_factory=dict)
    faults: list[dict[str, object]] = field(default_factory=list)
    ends: list[dict[str, object]] = field(default_factory=list)
    silences_ms: dict[str, list[int]] = field(default_factory=dict)
    zone_stalls_ms: dict[str, int] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether every claim does."""
        return bool(self.claims) and not any(self.claims.values())


async def run(
    stack: EmbeddedStack,
    logs: Path,
    faults: list[Fault],
    *,
    seed: int,
    size: Size,
    tree: Path = kafka.ROOT,
    meanwhile: Meanwhile | None = None,
    afterwards: Sequence[Fault] = (),
) -> Run:
    """Inflict faults on services from `tree`, under the load of that seed, and judge what is left.

    After the faults the load goes on until `meanwhile` is done, and during those that come `afterwards`.
    """
    begun_s = time.monotonic()
    connection, database = await prepared(stack), Database(url=stack.database_url, keep_days=30)
    async with open_database(database) as opened:
        await migrate(opened)
    second, failure = any(fault.kind in {Kind.JOIN, Kind.TAKEOVER} for fault in faults), ""
    async with system(stack, logs, tree, second=second) as (workers, pulse, commits):
        surgeon, loaded_s = Surgeon(stack, workers, pulse), time.monotonic()
        try:
            async with loading(connection, seed, size):
                await asyncio.sleep(WARM_S)  # so that there is state to lose
                await surgeon.inflict_all(faults)
                if meanwhile is not None:
                    await meanwhile(workers)
                    await surgeon.inflict_all([*afterwards])
            loaded_s = time.monotonic() - loaded_s
            found, recounted = await _worked_off(stack, connection, workers, database)
        except AssertionError as error:
            failure, loaded_s = str(error), time.monotonic() - loaded_s
            workers.kill_all()
            recounted = recounting(stack)
            found = await seen(connection)
    verdict = await judged(stack, found, database, recounted)
    done = Run(seed=seed, kills=len(surgeon.done), **_rates(found, loaded_s))
    done.claims = verdict.claims | {
        "everything is worked off": failure,
        "committed offsets never decrease": "; ".join(commits.decreases[:5]),
        "each answer and decision is said once": _said_again(verdict.counted, faults),
    }
    done.counted = verdict.counted | _ended(workers)
    done.faults = [asdict(one.fault) | {"at_ms": one.at_ms, "said": one.said} for one in surgeon.done]
    done.ends = [asdict(end) for end in workers.ends]
    done.silences_ms = silences_ms(surgeon.done, spoken(found))
    done.zone_stalls_ms = zone_stalls_ms(binding(found)[0].of(SURGE), surgeon.done)
    done.seconds = round(time.monotonic() - begun_s, 1)
    return done


def _ended(workers: Supervised) -> dict[str, int]:
    return {
        "ended_by_themselves": sum(not end.expected for end in workers.ends),
        "workers_killed": sum(end.code == KILLED for end in workers.ends),
    }


async def _worked_off(
    stack: EmbeddedStack, connection: Connection, workers: Supervised, database: Database
) -> tuple[Seen, Recounted]:
    """Wait until all is done, end the workers in order; what there is then, and its recount, which has begun.

    Raises AssertionError saying what was not done in time.
    """
    await settled(connection)
    for instance in [each for each in workers.processes if each.endswith("-1")]:
        await workers.leave(instance)
    await workers.end([instance for instance in workers.processes if instance != RECORDER])
    recounted = recounting(stack)
    found = await seen(connection)
    await recorded(found, database)
    await workers.end([RECORDER])
    return found, recounted


def _said_again(counted: dict[str, int], faults: list[Fault]) -> str:
    """What was repeated; a process that was stopped in the middle of a send may repeat itself when it wakes."""
    repeated = {name: counted[name] for name in ("repeated_answers", "repeated_decisions", "stale_ticks")}
    stopped = any(fault.kind in {Kind.ZOMBIE, Kind.PAUSE} for fault in faults)
    return "" if stopped or not any(repeated.values()) else str(repeated)


def _rates(found: Seen, seconds: float) -> dict[str, float]:
    counts = found.ping_count, len(found.of(QUOTE_REQUESTS))
    pings, requests = (round(count / max(seconds, 1.0), 1) for count in counts)
    return {"pings_per_s": pings, "requests_per_s": requests}


async def recorded(found: Seen, database: Database) -> None:
    """Wait until every record of the recorded topics is a row."""
    wanted = {table: set(places) for table, places in record_places(found).items()}

    async def all_there() -> bool:
        rows = await row_places(database)
        return all(places <= set(rows[table]) for table, places in wanted.items())

    await kafka.until(all_there, "every record is a row", RECORDED_WITHIN_S)


def environment_of(stack: EmbeddedStack, logs: Path) -> dict[str, str]:
    """What a worker needs to know."""
    kept = ("PATH", "HOME", "LANG", "TZ", "NUMBA_")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    return environment | {
        "FARETIDE_BOOTSTRAP": stack.bootstrap,
        "FARETIDE_REGISTRY_URL": stack.registry_url,
        "FARETIDE_DATABASE_URL": stack.database_url,
        "FARETIDE_STATE_DIR": str(logs / "state"),
    }


@asynccontextmanager
async def system(
    stack: EmbeddedStack, logs: Path, tree: Path, *, second: bool
) -> AsyncIterator[tuple[Supervised, Pulse, Commits]]:
    """The five services, supervised and watched, and `second` workers that stand ready; in the end none is left."""
    workers, pulse, commits = Supervised(environment_of(stack, logs), logs, tree=tree), Pulse(), Commits()
    watching = [
        asyncio.create_task(task)
        for task in (workers.supervise(), pulse.follow(stack.bootstrap), commits.watch(stack.bootstrap))
    ]
    try:
        for service in SERVICES:
            workers.start(f"{service}-0")
        for service in PAIRS if second else ():
            workers.start(f"{service}-1", waits=True)
        ready = {"supply", "demand", "pricing"}
        await kafka.until(lambda: ready <= pulse.last_ms.keys(), "the services begin to write", START_LIMIT_S)
        yield workers, pulse, commits
        for task in watching:
            assert not task.done() or task.result()  # else what it watched for is not known
    finally:
        for task in watching:
            task.cancel()
        workers.kill_all()
