"""Recovery: a worker is killed (SIGKILL) under load, and for a time nothing is written where it wrote.

    restart    the only worker of a service is killed, and its keeper starts the next one at once
    takeover   one of two PRICING workers is killed and stays away: its zones, and those of the one that lives on

Once a round, a minute after the start, and unless quick again when the same load has gone on for an hour.

Measured over all places that were written to at least once a second before (partitions, for PRICING zones), by the
broker's append time, the longest of all:

    ▪▪▪ ▪ ▪      ✗ killed                ▪▪▪▪▪
            ├──────── silence ──────────┤        of every service
                 ├──── after the kill ──┤        beside it for PRICING: a zone that has calmed down is priced every 5 s,
                                                 so its silence begins before the kill
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Hashable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from bench.asked import asking, riders
from bench.measured import Contestant, Figures, JobResult, Outcome
from bench.servers import Servers, servers
from bench.workers import Seed, Workers, fleet, working
from infra.clients.connection import kafka_consumer
from topics.catalogue import DEMAND_CELLS, DRIVER_PINGS, QUOTES, SUPPLY_CELLS, SURGE
from topics.codec import ObjectCodec
from topics.roles import PRICING_CHAIN

OUTPUT = {SUPPLY_CELLS.name: "supply", DEMAND_CELLS.name: "demand", SURGE.name: "pricing", QUOTES.name: "quotes"}
PINGS_PER_S, DRIVERS, REQUESTS_PER_S = 20_000.0, 80_000, 100.0
BEFORE_MS, LIVELY = 10_000, 10
"""Places written to so often in this time before a kill are expected to be written to again."""
WATCHED = 10
SETTLE_S, WITHIN_S, HOUR_S = 12.0, 60.0, 3_600.0

ROUNDS = 2
FACTS: dict[str, float | str] = {
    "silence": "last record before the kill to the first after it, the longest of all places, append time",
    "after_kill": "the kill to the first record after it, the longest of all zones",
}


def measure(cache_dir: Path, seed: Seed, *, quick: bool) -> JobResult:
    """Kill each service once a round; two minutes if `quick`, else an hour and a quarter."""
    return asyncio.run(_measure(cache_dir, seed, quick=quick))


async def _measure(cache_dir: Path, seed: Seed, *, quick: bool) -> JobResult:
    async with (
        servers(cache_dir) as running,
        working(running, seed, [f"{service}-0" for service in PRICING_CHAIN], keep=True) as workers,
        fleet(running, PINGS_PER_S, DRIVERS),
        riders(running) as ask,
        asking(ask, REQUESTS_PER_S),
        heard(running) as log,
    ):
        begun_s, begun_pings = time.monotonic(), await _pings(running)
        await _settled(log)
        rounds, facts = 1 if quick else ROUNDS, dict(FACTS)
        fresh = [await _round(workers, log) for _ in range(rounds)]
        outcomes = [Outcome(contestant=_contestant("ours"), rounds=fresh)]
        if not quick:
            await asyncio.sleep(begun_s + HOUR_S / 2 - time.monotonic())
            halfway = _resident_mb(workers)
            await asyncio.sleep(begun_s + HOUR_S - time.monotonic())
            then = _resident_mb(workers)
            aged = [await _round(workers, log) for _ in range(rounds)]
            outcomes.append(Outcome(contestant=_contestant("ours, an hour later"), rounds=aged))
            facts |= {
                f"{name}_mb": f"{halfway[name]:.0f} halfway, {then[name]:.0f} after the hour" for name in PRICING_CHAIN
            }
        pings = await _pings(running) - begun_pings
        facts["pings_per_s"] = f"{pings / (time.monotonic() - begun_s):,.0f} reached"
    return JobResult(
        job="recovery",
        about="A worker is killed: milliseconds without a record where it wrote",
        headline="restart_quotes_ms",
        outcomes=outcomes,
        facts=facts,
    )


def _contestant(name: str) -> Contestant:
    return Contestant(
        name=name,
        guarantee="counts exact, prices from the newest tick, one binding quote a request",
        configuration={"pings_per_s": PINGS_PER_S, "requests_per_s": REQUESTS_PER_S, "session_timeout_s": 5},
    )


async def _round(workers: Workers, log: "Log") -> Figures:
    figures: dict[str, float] = {}
    for service in PRICING_CHAIN:
        figures |= await _restart(workers, log, service)
    return figures | await _takeover(workers, log)


def _resident_mb(workers: Workers) -> dict[str, float]:
    return {service: workers.resident_mb(f"{service}-0") for service in PRICING_CHAIN}


class Log:
    """When each place was last written to, and every silence since the newest kill."""

    def __init__(self, schema_id: int) -> None:
        self._ticks = ObjectCodec(SURGE, schema_id)
        self._written_ms: defaultdict[str, dict[Hashable, deque[int]]] = defaultdict(dict)
        self.reads_epochs = False  # of ticks, which costs as much as to make them
        self.epoch_of: dict[Hashable, tuple[int, int]] = {}
        self._before: dict[Hashable, int] = {}
        self._service, self._killed_ms = "", 0.0
        self.silence_ms: dict[Hashable, int] = {}
        self.after_kill_ms: dict[Hashable, int] = {}

    def hear(self, record: ConsumerRecord) -> None:
        """Take in one record of an output topic."""
        service = OUTPUT[record.topic]
        place: Hashable = record.partition if service != "pricing" else record.key
        if service == "pricing" and self.reads_epochs:
            tick = self._ticks.decode(record.value)
            self.epoch_of[place] = tick.epoch_generation, tick.epoch_started_ms
        if service == self._service and record.timestamp > self._killed_ms and place in self._before:
            self.silence_ms.setdefault(place, record.timestamp - self._before[place])
            self.after_kill_ms.setdefault(place, round(record.timestamp - self._killed_ms))
        self._written_ms[service].setdefault(place, deque(maxlen=LIVELY)).append(record.timestamp)

    def lively(self, service: str, at_ms: float) -> dict[Hashable, int]:
        """Places that the service wrote to again and again before that instant, and when it last did."""
        return {
            place: written[-1]
            for place, written in self._written_ms[service].items()
            if len(written) == LIVELY and written[0] > at_ms - BEFORE_MS
        }

    def killed(self, service: str, at_ms: float) -> None:
        """Expect every lively place of the service to be written to again."""
        self._before, self._service, self._killed_ms = self.lively(service, at_ms), service, at_ms
        self.silence_ms, self.after_kill_ms = {}, {}

    def last_ms(self, service: str) -> dict[Hashable, int]:
        """When each place of the service was last written to."""
        return {place: written[-1] for place, written in self._written_ms[service].items()}

    @property
    def writers(self) -> set[str]:
        """Services that have written."""
        return {*self._written_ms}

    @property
    def complete(self) -> bool:
        """Whether all of them were."""
        return bool(self._before) and len(self.silence_ms) == len(self._before)

    @property
    def missing(self) -> str:
        """How many of them were not, and which."""
        left = [place for place in self._before if place not in self.silence_ms]
        return f"{len(left)} of {len(self._before)} are silent, such as {', '.join(map(str, left[:5]))}"


async def _restart(workers: Workers, log: Log, service: str) -> dict[str, float]:
    await _lively(log, service)
    log.killed(service, await asyncio.to_thread(workers.crash, f"{service}-0"))
    await _complete(workers, log, service)
    await asyncio.sleep(SETTLE_S)
    silence, after_kill = (float(max(found.values())) for found in (log.silence_ms, log.after_kill_ms))
    return {f"restart_{service}_ms": silence} | (
        {"restart_pricing_after_kill_ms": after_kill} if service == "pricing" else {}
    )


async def _takeover(workers: Workers, log: Log) -> dict[str, float]:
    """Two PRICING workers, one of whom dies; the zones of one worker carry one epoch."""
    log.reads_epochs = True
    workers.start(["pricing-1"])
    await _two_epochs(log)
    log.reads_epochs, epoch_of = False, dict(log.epoch_of)
    await _both_lively(log, epoch_of)
    log.killed("pricing", await asyncio.to_thread(workers.lose, "pricing-0"))
    await _complete(workers, log, "pricing")
    silences, waits = (_longest_by_epoch(epoch_of, found) for found in (log.silence_ms, log.after_kill_ms))
    workers.start(["pricing-0"])
    await asyncio.sleep(SETTLE_S)
    await asyncio.to_thread(workers.stop, ["pricing-1"])
    await asyncio.sleep(SETTLE_S)
    return {
        "takeover_after_kill_ms": max(waits),
        "takeover_affected_zones_ms": max(silences),
        "takeover_other_zones_ms": min(silences),
    }


def _longest_by_epoch(epoch_of: Mapping[Hashable, tuple[int, int]], found: Mapping[Hashable, int]) -> list[float]:
    """The longest of each worker's zones, milliseconds."""
    longest: dict[tuple[int, int], int] = defaultdict(int)
    for zone, ms in found.items():
        longest[epoch_of[zone]] = max(longest[epoch_of[zone]], ms)
    return [float(ms) for ms in longest.values()]


async def _two_epochs(log: Log) -> None:
    """Wait until two workers have ticked all zones between them since the newcomer came."""
    until_s = time.monotonic() + WITHIN_S
    while time.monotonic() < until_s:
        await asyncio.sleep(0.5)
        newest_ms = time.time() * 1000 - BEFORE_MS
        lively = [log.epoch_of.get(zone) for zone, at in log.last_ms("pricing").items() if at > newest_ms]
        told = [epoch for epoch in lively if epoch is not None]
        if len({*lively}) == 2 and len(told) == len(lively) and len({generation for generation, _ in told}) == 1:
            await asyncio.sleep(BEFORE_MS / 1000)
            return
    raise RuntimeError(f"two PRICING workers must share the zones within {WITHIN_S:.0f} s, got {set(lively)}")


async def _both_lively(log: Log, epoch_of: Mapping[Hashable, tuple[int, int]]) -> None:
    """Wait until zones of either worker tick often enough to be watched."""
    until_s = time.monotonic() + WITHIN_S
    while len({epoch_of.get(zone) for zone in log.lively("pricing", time.time() * 1000)}) < 2:
        if time.monotonic() > until_s:
            raise RuntimeError("zones of both PRICING workers must tick often before one of them is killed")
        await asyncio.sleep(0.1)


async def _complete(workers: Workers, log: Log, service: str) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not log.complete:
        if time.monotonic() > until_s:
            said = "\n".join(f"{instance}: {workers.said(instance)}" for instance in workers.processes)
            raise RuntimeError(
                f"{service} must write again within {WITHIN_S:.0f} s everywhere it wrote before: {log.missing}\n{said}"
            )
        await asyncio.sleep(0.1)


async def _pings(running: Servers) -> int:
    """How many were ever appended."""
    consumer: Any = kafka_consumer(running.connection.kafka(), group_id=None)
    await consumer.start()
    try:
        places = [TopicPartition(DRIVER_PINGS.name, number) for number in range(running.settings.driver_partitions)]
        ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    return sum(ends.values())


async def _lively(log: Log, service: str) -> None:
    """Wait until the service writes to some of its places often enough to be watched: most zones are calm."""
    until_s = time.monotonic() + WITHIN_S
    while len(log.lively(service, time.time() * 1000)) < min(WATCHED, len(log.last_ms(service))):
        if time.monotonic() > until_s:
            places = len(log.last_ms(service))
            raise RuntimeError(f"{service} must write often to {WATCHED} of its {places} places before it is killed")
        await asyncio.sleep(0.1)


async def _settled(log: Log) -> None:
    """Wait until all four services write."""
    until_s = time.monotonic() + 2 * WITHIN_S
    while len(log.writers) < len(PRICING_CHAIN):
        if time.monotonic() > until_s:
            raise RuntimeError(f"all services must write soon after the start, got {', '.join(log.writers)}")
        await asyncio.sleep(0.5)
    await asyncio.sleep(SETTLE_S)


@asynccontextmanager
async def heard(running: Servers) -> AsyncIterator[Log]:
    """Read every output topic from its end while the block lasts."""
    consumer: Any = kafka_consumer(running.connection.kafka(), group_id=None, fetch_max_wait_ms=50)
    log = Log(running.schema_ids[SURGE.name])
    await consumer.start()
    counts = {QUOTES.name: running.settings.rider_partitions}
    consumer.assign(
        [TopicPartition(t, p) for t in OUTPUT for p in range(counts.get(t, running.settings.zone_partitions))]
    )
    await consumer.seek_to_end()

    async def read() -> None:
        async for record in consumer:
            log.hear(record)

    reading = asyncio.create_task(read())
    try:
        yield log
    finally:
        reading.cancel()
        await consumer.stop()
