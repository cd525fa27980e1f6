"""An outside client that never waits for the one who answers: requests go out when they are meant to.

A client that sends the next request after the last answer hides every stall, since it stops asking while it lasts
("coordinated omission", Gil Tene). So the instants are drawn beforehand, time counts from the *intended* instant, and a
request without an answer counts with the whole time it was waited for.

    meant    |  |     | |    |        Poisson arrivals, from a seed
    sent     |  |     .....||||       a stall delays sending; the clock of each runs from where it was meant
    timer    ||||||||||  ...  |||     every millisecond, does nothing: what this machine and client add by themselves
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from bench.measured import percentile

Floats = NDArray[np.float64]
TIMEOUT_S = 5.0
TIMER_S = 0.001
SETTLED_MS = 100.0
"""A queue that grows by two hundredths of the rate is beyond this median in the last quarter of six seconds."""
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999}


class Said(TypedDict):
    """What a client says of one phase: milliseconds from the intended send, and of the timer that does nothing."""

    per_s: float
    sent: int
    timeouts: int
    repeats: int
    settled: bool
    latency: dict[str, float]
    timer: dict[str, float]


def arrivals(per_s: float, seconds: float, seed: int) -> Floats:
    """Instants of a Poisson process, seconds from its start, ascending."""
    dice = np.random.default_rng(seed)
    gaps = dice.exponential(1.0 / per_s, round(per_s * seconds))
    instants: Floats = np.cumsum(gaps)
    return instants


@dataclass(slots=True)
class Phase:
    """One run at one rate; `due_s` and `answered_s` are instants of the loop's clock, NaN without an answer."""

    per_s: float
    due_s: Floats
    answered_s: Floats = field(init=False)
    timer_ms: list[float] = field(default_factory=list)
    repeats: int = 0
    open: int = field(init=False)
    all_answered: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.answered_s = np.full(self.due_s.size, np.nan)
        self.open = self.due_s.size

    def answer(self, number: int, now_s: float) -> None:
        """Note the first answer to a request; later ones are repeats."""
        if not np.isnan(self.answered_s[number]):
            self.repeats += 1
            return
        self.answered_s[number] = now_s
        self.open -= 1
        if not self.open:
            self.all_answered.set()

    def said(self) -> Said:
        """Percentiles of all requests, those without an answer counted with the whole time waited."""
        waited_ms = (np.where(np.isnan(self.answered_s), self.due_s + TIMEOUT_S, self.answered_s) - self.due_s) * 1000
        last_quarter = waited_ms[waited_ms.size * 3 // 4 :]
        return Said(
            per_s=self.per_s,
            sent=self.due_s.size,
            timeouts=self.open,
            repeats=self.repeats,
            settled=not self.open and float(np.median(last_quarter)) <= SETTLED_MS,
            latency=_percentiles(waited_ms.tolist()),
            timer=_percentiles(self.timer_ms),
        )


def _percentiles(values_ms: list[float]) -> dict[str, float]:
    return {name: round(percentile(values_ms, share), 3) for name, share in _SHARES.items()} | {
        "max": round(max(values_ms), 3)
    }


async def run_phase(phase: Phase, send: Callable[[int, int], Awaitable[None]]) -> Said:
    """Have `send(first, last)` called with the requests that are due, then wait for what is still open."""
    loop = asyncio.get_running_loop()
    timer = asyncio.create_task(_do_nothing(phase))
    phase.due_s += loop.time() + 0.05
    done = 0
    while done < phase.due_s.size:
        due = int(np.searchsorted(phase.due_s, loop.time(), "right"))
        if due > done:
            await send(done, due)
            done = due
        else:
            await asyncio.sleep(phase.due_s[done] - loop.time())
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await phase.all_answered.wait()
    except TimeoutError:
        pass
    timer.cancel()
    return phase.said()


async def _do_nothing(phase: Phase) -> None:
    """Wake every millisecond and note how late: this is what the machine and this client add to any latency."""
    loop = asyncio.get_running_loop()
    due_s = loop.time()
    while True:
        due_s += TIMER_S
        await asyncio.sleep(max(0.0, due_s - loop.time()))
        phase.timer_ms.append(max(0.0, loop.time() - due_s) * 1000)
