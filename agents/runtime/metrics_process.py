"""What the process itself costs: memory, and the garbage collector's pauses."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from agents.runtime.telemetry import Meter


def measure_process(meter: Meter) -> None:
    """Take note of memory and of collections so far; a few dozen microseconds."""
    meter.gauge("resident_bytes", psutil.Process().memory_info().rss)
    for generation, stats in enumerate(gc.get_stats()):
        meter.gauge(f"gc_collections.{generation}", stats["collections"])


@contextmanager
def measured_pauses(meter: Meter) -> Iterator[None]:
    """Measure every garbage collection of the block, in whichever thread it happens."""
    began_s = 0.0

    def note(phase: str, _info: dict[str, int]) -> None:
        nonlocal began_s
        if phase == "start":
            began_s = time.perf_counter()
        else:
            meter.latency("gc_ms", (time.perf_counter() - began_s) * 1000)

    gc.callbacks.append(note)
    try:
        yield
    finally:
        gc.callbacks.remove(note)
