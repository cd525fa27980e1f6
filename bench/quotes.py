"""The quote round trip: from the intended send of a request to its quote in the hands of an outside consumer.

Riders ask in an open loop from a process of their own (`bench.open_loop`), between recorded pickups, so zones are as
uneven as they were. Each round measures three rates alone and with 50,000 pings a second on the machine, then, without
pings, the highest rate at which no queue grows, of ours and of the request-driven baseline.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median

from bench.asked import Ask, highest, riders
from bench.entrants import PEER_PYTHON
from bench.measured import Contestant, JobResult, Outcome
from bench.open_loop import Said
from bench.processor_time import used
from bench.rest_chain import rest_chain
from bench.servers import Servers, servers
from bench.workers import Seed, Workers, fleet, working

RATES = (100.0, 1_000.0, 3_000.0)
PINGS_PER_S, DRIVERS = 50_000.0, 200_000
SUSTAINED = (2_000.0, *(float(rate) for rate in range(4_000, 30_001, 2_000)))
REST_SUSTAINED = (50.0, *(float(rate) for rate in range(100, 1_001, 50)))
WARM_S, SETTLE_S, SEARCH_S = 1.0, 6.0, 4.0
WARM_TRIES = 60
BROKER_WARM_S = 60.0
INSTANCES = ("supply-0", "demand-0", "pricing-0", "quotes-0")
BESIDE = ("supply-0", "demand-0")
"""Ended before the search: they would share two cores with the one worker whose limit is wanted."""
Heard = dict[str, list[Said]]


def measure(cache_dir: Path, seed: Seed, *, quick: bool) -> JobResult:
    """Measure ours and the baseline; some two minutes if `quick`, on a machine with nothing else to do."""
    return asyncio.run(_measure(cache_dir, seed, quick=quick))


async def _measure(cache_dir: Path, seed: Seed, *, quick: bool) -> JobResult:
    rounds, seconds = (1, 3.0) if quick else (2, 8.0)
    heard: Heard = defaultdict(list)
    ours: list[dict[str, float]] = []
    rest: list[dict[str, float]] = []
    async with servers(cache_dir) as running:
        for _ in range(rounds):
            ours.append(await _our_round(running, seed, heard, seconds))
            if PEER_PYTHON.exists():
                rest.append(await _rest_round(running))
    return _result(ours, rest, heard)


async def _our_round(running: Servers, seed: Seed, heard: Heard, seconds: float) -> dict[str, float]:
    async with working(running, seed, INSTANCES) as workers, riders(running) as ask:
        await _warm(ask)
        alone = await _rates(ask, "alone", heard, seconds)
        async with fleet(running, PINGS_PER_S, DRIVERS):
            await asyncio.sleep(SETTLE_S)
            busy = await _rates(ask, "busy", heard, seconds)
        await asyncio.to_thread(workers.stop, BESIDE)
        sustained, us_per_quote = await _sustained(ask, workers)
    named = {"sustained_per_s": sustained, "us_per_quote": us_per_quote}
    return named | {name: value for name, value in (alone | busy).items() if name in _TOLD}


_TOLD = ("busy_1000_p50_ms", "busy_1000_p99_ms", "busy_1000_p999_ms", "busy_3000_p99_ms", "busy_3000_p999_ms")
"""What the page's first table has room for; the facts have all of it."""


async def _warm(ask: Ask) -> None:
    """Ask until everyone is answered, soon; then until the broker's compiler has seen what it is asked for.

    A broker that began a minute ago needs twice the processor time for a request of one that has been running.
    """
    for _ in range(WARM_TRIES):
        said = await ask(100.0, WARM_S)
        if said["settled"]:
            break
    else:
        raise RuntimeError(f"quotes must come within {WARM_TRIES} s of the start, got {said}")
    await ask(RATES[-1], BROKER_WARM_S)


async def _rates(ask: Ask, load: str, heard: Heard, seconds: float) -> dict[str, float]:
    figures: dict[str, float] = {}
    for per_s in RATES:
        said = await ask(per_s, seconds)
        heard[f"{load}_{per_s:.0f}"].append(said)
        figures |= {f"{load}_{per_s:.0f}_{name}_ms": value for name, value in said["latency"].items()}
    return figures


async def _sustained(ask: Ask, workers: Workers) -> tuple[float, float]:
    """The highest rate without a growing queue, and microseconds of processor time a quote there."""
    pid = workers.pid("quotes-0")
    reached, _ = await highest(ask, SUSTAINED, SEARCH_S)
    before = used(pid)
    said = await ask(max(SUSTAINED[0], reached * 0.9), SEARCH_S)
    cpu_s = used(pid).cpu_s - before.cpu_s
    workers.pid("quotes-0")
    return reached, cpu_s / max(1, said["sent"] - said["timeouts"]) * 1e6


async def _rest_round(running: Servers) -> dict[str, float]:
    async with rest_chain(running) as ask:
        for _ in range(3):
            await ask(50.0, WARM_S)
        reached, _ = await highest(ask, REST_SUSTAINED, SEARCH_S)
    return {"sustained_per_s": reached}


def _result(ours: list[dict[str, float]], rest: list[dict[str, float]], heard: Heard) -> JobResult:
    us = Contestant(
        name="ours",
        guarantee="one binding quote a request: read back from the topic, answered again if it is not there",
        configuration={"workers": 1, "acks": "all", "partitions": 4, "compression": "none"},
    )
    chain = Contestant(
        name="rest_chain",
        guarantee="none: a request underway is lost, nothing is stored",
        configuration={"services": 3, "server": "FastAPI, uvicorn, uvloop, httptools", "client": "httpx, pooled"},
    )
    missing = "" if rest else "its packages are not installed: `make bench` does that"
    if rest and not all(each["sustained_per_s"] for each in rest):
        missing, rest = f"it did not keep {REST_SUSTAINED[0]:.0f} a second without a growing queue", []
    return JobResult(
        job="quotes",
        about="The quote round trip, from the intended send to the quote in an outside consumer's hands",
        headline="sustained_per_s",
        outcomes=[
            Outcome(contestant=us, rounds=ours),
            Outcome(contestant=chain, rounds=rest, not_run=missing),
        ],
        facts={"latency_ms": "p50 / p95 / p99 / p99.9, then the timer that does nothing", **_facts(heard)},
    )


def _facts(heard: Mapping[str, list[Said]]) -> Mapping[str, str]:
    """One line for each rate and load: medians over the rounds."""
    return {name: _line(phases) for name, phases in heard.items()}


def _line(phases: list[Said]) -> str:
    latency, timer = (
        " / ".join(f"{median(phase[kind][name] for phase in phases):.1f}" for name in ("p50", "p95", "p99", "p999"))
        for kind in ("latency", "timer")
    )
    lost = sum(phase["timeouts"] for phase in phases)
    return f"{latency}; timer {timer}; {sum(phase['sent'] for phase in phases)} asked, {lost} without an answer"
