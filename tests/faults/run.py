"""One run: servers of its own, the five services, a load, the faults of a seed, and then the claims."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from infra.clients.database import Database, open_database
from infra.embedded.stack import EmbeddedStack
from infra.migrations.versions import migrate
from tests.broker import kafka
from tests.broker.services import Pulse, prepared
from tests.broker.services_checks import Seen, seen
from tests.broker.services_load import Size, loading
from tests.broker.services_settling import settled
from tests.faults.claims import binding, judged, record_places, row_places
from tests.faults.commits import Commits
from tests.faults.inflict import Surgeon
from tests.faults.plan import SERVICES, Fault, Kind
from tests.faults.stalls import silences_ms, zone_stalls_ms
from tests.faults.supervised import Supervised
from topics.catalogue import SURGE

START_LIMIT_S = 90.0
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
    silences_ms: dict[str, int] = field(default_factory=dict)
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
) -> Run:
    """Inflict faults on services from `tree`, under the load of that seed, and judge what is left.

    After the faults the load goes on until `meanwhile` is done.
    """
    begun_s = time.monotonic()
    connection = await prepared(stack)
    database = Database(url=stack.database_url, keep_days=30)
    async with open_database(database) as opened:
        await migrate(opened)
    async with _system(stack, logs, tree) as (workers, pulse, commits):
        surgeon = Surgeon(stack, workers, pulse)
        loaded_s = time.monotonic()
        failure = ""
        try:
            async with loading(connection, seed, size):
                await asyncio.sleep(WARM_S)  # so that there is state to lose
                await surgeon.inflict_all(faults)
                if meanwhile is not None:
                    await meanwhile(workers)
            loaded_s = time.monotonic() - loaded_s
            await settled(connection)
            await workers.end([instance for instance in workers.processes if instance != RECORDER])
            found = await seen(connection)
            await _recorded(found, database)
            await workers.end([RECORDER])
        except AssertionError as error:
            failure = str(error)
            loaded_s = time.monotonic() - begun_s
            workers.kill_all()
            found = await seen(connection)
        done = Run(seed=seed, kills=len(surgeon.done), **_rates(found, loaded_s))
        done.silences_ms = silences_ms(surgeon.done, pulse.history)
        done.faults = [asdict(one.fault) | {"at_ms": one.at_ms, "said": one.said} for one in surgeon.done]
        done.ends = [asdict(end) for end in workers.ends]
    verdict = await judged(stack, found, database)
    unasked = [f"{end.instance} ended with {end.code}: {end.said[-400:]}" for end in workers.ends if not end.expected]
    done.claims = verdict.claims | {
        "everything is worked off": failure,
        "committed offsets never decrease": "; ".join(commits.decreases[:5]),
        "each answer and decision is said once": _said_again(verdict.counted, faults),
    }
    done.counted = verdict.counted | {"ended_by_themselves": len(unasked)}
    done.zone_stalls_ms = zone_stalls_ms(binding(found)[0].of(SURGE), surgeon.done)
    done.seconds = round(time.monotonic() - begun_s, 1)
    return done


def _said_again(counted: dict[str, int], faults: list[Fault]) -> str:
    """What was repeated; a process that was stopped in the middle of a send may repeat itself when it wakes."""
    repeated = {name: counted[name] for name in ("repeated_answers", "repeated_decisions", "stale_ticks")}
    stopped = any(fault.kind in {Kind.ZOMBIE, Kind.PAUSE} for fault in faults)
    return "" if stopped or not any(repeated.values()) else str(repeated)


def _rates(found: Seen, seconds: float) -> dict[str, float]:
    counts = {name: len(found.entries[name]) for name in ("driver-pings.v1", "quote-requests.v1")}
    pings, requests = (round(count / max(seconds, 1.0), 1) for count in counts.values())
    return {"pings_per_s": pings, "requests_per_s": requests}


async def _recorded(found: Seen, database: Database) -> None:
    """Wait until every record of the recorded topics is a row."""
    wanted = {table: set(places) for table, places in record_places(found).items()}

    async def all_there() -> bool:
        rows = await row_places(database)
        return all(places <= set(rows[table]) for table, places in wanted.items())

    await kafka.until(all_there, "every record is a row", RECORDED_WITHIN_S)


@asynccontextmanager
async def _system(stack: EmbeddedStack, logs: Path, tree: Path) -> AsyncIterator[tuple[Supervised, Pulse, Commits]]:
    """The five services, supervised and watched; in the end none is left."""
    kept = ("PATH", "HOME", "LANG", "TZ", "NUMBA_")
    environment = {name: value for name, value in os.environ.items() if name.startswith(kept)}
    environment |= {
        "FARETIDE_BOOTSTRAP": stack.bootstrap,
        "FARETIDE_REGISTRY_URL": stack.registry_url,
        "FARETIDE_DATABASE_URL": stack.database_url,
        "FARETIDE_STATE_DIR": str(logs / "state"),
    }
    workers, pulse, commits = Supervised(environment, logs, tree=tree), Pulse(), Commits()
    watching = [
        asyncio.create_task(task)
        for task in (workers.supervise(), pulse.follow(stack.bootstrap), commits.watch(stack.bootstrap))
    ]
    try:
        for service in SERVICES:
            workers.start(f"{service}-0")
        ready = {"supply", "demand", "pricing"}
        await kafka.until(lambda: ready <= pulse.last_ms.keys(), "the services begin to write", START_LIMIT_S)
        yield workers, pulse, commits
        for task in watching:
            assert not task.done() or task.result()  # else what it watched for is not known
    finally:
        for task in watching:
            task.cancel()
        workers.kill_all()
