"""The tick: what it costs to price a city of 2,009 cells and three products, zone by zone, in one process.

No server takes part. Each round a tenth of the cars move and riders ask, the desk hears what SUPPLY and DEMAND say of
it, and every zone is priced once: joined counts to windows, forecast, optimiser, guardrails, record. A tick is one step
of the service's event loop, so the longest one is what everything else in that process waits for.
"""

import gc
import time
from collections.abc import Mapping, Sequence
from statistics import median

from agents.runtime.partitioning import partition_of
from bench.city import DRIVERS, PRODUCTS, REQUESTS_PER_S, CityInMemory, Places, read_places
from bench.measured import Contestant, Figures, JobResult, Outcome, percentile
from pricing.zones.schedule import MAX_INTERVAL_MS, MIN_INTERVAL_MS
from topics.catalogue import SURGE
from topics.codec import ObjectCodec
from topics.control import ModelAnnounced
from topics.prices import SurgeTicked
from windows.hexagons import zone_key

ROUNDS, QUICK_ROUNDS, UNCOUNTED = 40, 8, 2
ROUND_MS = 1_000
WORKERS = (2, 4, 8)
ZONE_PARTITIONS = 32
"""Enough to spread 41 zones over eight workers; fewer bound the workers."""


def measure(model: ModelAnnounced, *, quick: bool) -> JobResult:
    """Measure the tick of this process; about ten seconds if `quick`, else half a minute."""
    places = read_places()
    city = CityInMemory(places, model)
    codec = ObjectCodec(SURGE, schema_id=1)
    gc.collect()
    gc.freeze()  # as the worker does once it has started: what it loaded is not looked at again
    rounds: list[Figures] = []
    offset = 0
    for number in range(UNCOUNTED + (QUICK_ROUNDS if quick else ROUNDS)):
        offset += len(city.zones)
        figures = _round(city, codec, offset)
        if number >= UNCOUNTED:
            rounds.append(figures)
    gc.unfreeze()
    contestant = Contestant(
        name="ours",
        guarantee="a pure function of the offsets a tick names: after a crash the next worker says the same",
        configuration={"drivers": DRIVERS, "requests_per_s": REQUESTS_PER_S, "model": f"{model.name} {model.version}"},
    )
    return JobResult(
        job="tick",
        about=f"Price {len(city.zones)} zones, {_cells(city)} cells x {len(PRODUCTS)} products once",
        headline="city_ms",
        outcomes=[Outcome(contestant=contestant, rounds=rounds)],
        facts={"zones": len(city.zones), "cells": _cells(city), **shares(places)},
    )


def _round(city: CityInMemory, codec: ObjectCodec, offset: int) -> Figures:
    """Milliseconds of processor time: hearing what changed, pricing every zone, encoding the ticks."""
    heard = _timed(city, ROUND_MS)
    steps, ticks = [], []
    for place, zone in enumerate(city.zones):
        begun = time.thread_time_ns()
        tick = city.desk.tick(zone, city.now_ms)
        steps.append((time.thread_time_ns() - begun) / 1e6)
        assert tick is not None, "a zone of the market is priced"
        assert tick.model, f"the model applies, else another rule is measured: {tick.fallback}"
        city.desk.ticked(tick, offset + place)
        ticks.append(tick)
    begun = time.thread_time_ns()
    size = sum(len(codec.encode(tick)) for tick in ticks)
    encode_ms = (time.thread_time_ns() - begun) / 1e6
    return {
        "city_ms": sum(steps),
        "zone_p50_ms": median(steps),
        "zone_p99_ms": percentile(steps, 0.99),
        "longest_step_ms": max(steps),
        "hear_ms": heard,
        "encode_ms": encode_ms,
        "tick_kb": size / len(ticks) / 1024,
        "moved_prices": float(_moved(ticks)),
    }


def _timed(city: CityInMemory, after_ms: int) -> float:
    """Let time pass; milliseconds for the desk to hear what changed."""
    records = city.pass_time(after_ms)
    begun = time.thread_time_ns()
    for record in records:
        city.hear(record)
    return (time.thread_time_ns() - begun) / 1e6


def _moved(ticks: Sequence[SurgeTicked]) -> int:
    """Multipliers that are not 1.00: that something was computed at all."""
    return sum(value != 100 for tick in ticks for value in tick.multiplier_hundredths)


def _cells(city: CityInMemory) -> int:
    ticks = (city.desk.tick(zone, city.now_ms) for zone in city.zones)
    return sum(len(tick.cells) for tick in ticks if tick is not None)


def shares(places: Places) -> dict[str, float]:
    """Share of all ticks that the busiest of n workers makes, by the recorded skew of the zones; at best 1/n."""
    rates = tick_rates(places.zones)
    return {f"hottest_of_{workers}_workers": round(hottest_share(rates, workers), 3) for workers in WORKERS}


def tick_rates(zones: Mapping[int, int], requests_per_s: float = REQUESTS_PER_S) -> dict[int, float]:
    """Ticks a second of each zone when news of it comes in proportion to its pickups: requests and a ping for each."""
    total = sum(zones.values())
    fastest, slowest = 1_000 / MIN_INTERVAL_MS, 1_000 / MAX_INTERVAL_MS
    news = {zone: 2 * requests_per_s * count / total for zone, count in zones.items()}
    return {zone: min(fastest, max(slowest, rate)) for zone, rate in news.items()}


def hottest_share(rates: Mapping[int, float], workers: int, partitions: int = ZONE_PARTITIONS) -> float:
    """Share of the work on the busiest of `workers`, partitions dealt out in turn.

    >>> hottest_share({1: 2.0, 2: 2.0}, workers=1)
    1.0
    """
    load = [0.0] * workers
    for zone, rate in rates.items():
        load[partition_of(zone_key(zone), partitions) % workers] += rate
    return max(load) / sum(load)
