"""Does a ping cost more when there are more drivers, and what do two workers do: the supply service alone.

The same backlog of pings comes from 10,000, 100,000 and 1,000,000 drivers in turn, and from 100,000 to two workers that
share the partitions. The table of drivers outgrows the caches on the way; the counts must be right each time.
"""

import asyncio
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from bench.city import Places, read_places
from bench.entrants import Entrant, Run, ours
from bench.measured import Contestant, Figures, JobResult, Outcome, turns
from bench.ping_load import PingLoad
from bench.servers import Servers, servers
from bench.supply import turn

FEWEST, MORE, MOST = 10_000, 100_000, 1_000_000
BACKLOG, QUICK_BACKLOG = 4_000_000, 2_000_000
_TWICE = """trap 'kill $one $two' TERM; "$@" & one=$!; "$@" & two=$!; wait $one $two; wait"""


@dataclasses.dataclass(frozen=True, slots=True)
class _Case:
    """So many drivers, read by so many workers."""

    drivers: int
    workers: int = 1

    @property
    def name(self) -> str:
        """In reports."""
        return f"{self.drivers}_drivers" if self.workers == 1 else f"{self.workers}_workers_{self.drivers}_drivers"


CASES = (_Case(FEWEST), _Case(MORE), _Case(MOST), _Case(MORE, workers=2))


def measure(cache_dir: Path, *, quick: bool) -> JobResult:
    """Measure every case; some four minutes if `quick`."""
    return asyncio.run(_measure(cache_dir, quick=quick))


async def _measure(cache_dir: Path, *, quick: bool) -> JobResult:
    found: dict[str, list[Figures]] = {case.name: [] for case in CASES}
    async with servers(cache_dir) as running:
        for number, order in enumerate(turns(CASES, 2 if quick else 3)):
            for case in order:
                figures = await _case(running, read_places(), case, number, QUICK_BACKLOG if quick else BACKLOG)
                found[case.name].append(figures)
    return _result(found)


async def _case(running: Servers, places: Places, case: _Case, number: int, backlog: int) -> Figures:
    load = PingLoad(running, places, drivers=case.drivers)
    await load.start()
    try:
        return await turn(running, load, _entrant(case, backlog), number, live_s=0.0)
    finally:
        await load.stop()


def _entrant(case: _Case, backlog: int) -> Entrant:
    alone = ours(backlog)

    def run(servers: Servers, number: int) -> Run:
        one = alone.run(servers, number)
        if case.workers == 1:
            return one
        return dataclasses.replace(one, command=["/bin/sh", "-c", _TWICE, "-", *one.command])

    return dataclasses.replace(alone, run=run)


def _result(found: dict[str, list[Figures]]) -> JobResult:
    guarantee = ours(1).contestant.guarantee
    return JobResult(
        job="scale",
        about="The supply service with more drivers and more workers: records a second and core",
        headline="records_per_s_core",
        outcomes=[
            Outcome(
                contestant=Contestant(
                    name=case.name,
                    guarantee=guarantee,
                    configuration={"drivers": case.drivers, "workers": case.workers},
                ),
                rounds=found[case.name],
            )
            for case in CASES
        ],
        facts={
            "ratios": "cost of a ping in each case, as a multiple of that with 10,000 drivers",
            "bytes_per_driver": round(_bytes_per_driver(found[CASES[0].name], found[CASES[2].name])),
            "counts": "equal to a count of what was sent, in each case",
        },
    )


def _bytes_per_driver(few: Sequence[Figures], many: Sequence[Figures]) -> float:
    """By the difference of resident memory, smallest of the rounds: what a fetch holds comes and goes."""
    least = [min(each["resident_mb"] for each in rounds) for rounds in (few, many)]
    return (least[1] - least[0]) * 2**20 / (MOST - FEWEST)
