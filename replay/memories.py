"""Every long memory of one zone partition made again, between the ticks it was made between.

A memory names its instant and the last offset of demand it includes, but not how far city totals were read: somewhere
from where the tick before it had read them to where the next one had. The first offset of those that gives the
recorded memory is taken; if none does, the memory differs.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pricing.tick_inputs import memory_of
from replay.archive import Archive
from replay.contracts import Contracts
from replay.control import ControlHistory
from replay.counts import PartitionCounts
from replay.records import Raw
from topics.catalogue import FORECAST_STATE
from topics.control import ForecastStateKept
from topics.prices import SurgeTicked
from windows.epochs import Epoch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MemoryAgain:
    """One memory: as recorded, and as made again."""

    raw: Raw
    recorded: ForecastStateKept
    own: ForecastStateKept | None = None
    problem: str = ""


@dataclass(slots=True)
class MemoryLog:
    """Makes the memories of one partition again while its ticks are read."""

    archive: Archive
    contracts: Contracts
    control: ControlHistory
    number: int
    counts: PartitionCounts
    _waiting: deque[tuple[Raw, ForecastStateKept]] = field(init=False)
    _last: dict[int, ForecastStateKept] = field(default_factory=dict)
    _ticks: dict[int, SurgeTicked] = field(default_factory=dict)

    def __post_init__(self) -> None:
        decoded = (
            (raw, self.contracts.decode(FORECAST_STATE, raw.value))
            for raw in self.archive.log(FORECAST_STATE.name, self.number)
        )
        self._waiting = deque((raw, memory) for raw, memory in decoded if memory is not None)

    def before(self, tick: SurgeTicked) -> Iterator[MemoryAgain]:
        """Memories made before that tick and not told yet; the counts stand at the tick before it."""
        while self._waiting and _is_before(self._waiting[0][1], tick):
            raw, memory = self._waiting.popleft()
            zones = self.archive.about.zones
            if raw.appended_ms >= self.archive.about.from_ms and (not zones or memory.zone in zones):
                yield self._again(raw, memory, tick)
            self._last[memory.zone] = memory
        self._ticks[tick.zone] = tick

    def _again(self, raw: Raw, memory: ForecastStateKept, following: SurgeTicked) -> MemoryAgain:
        counts, tick = self.counts, self._ticks.get(memory.zone, following)
        market = self.control.market(tick.markets_offset)
        model = self.control.choice(following.models_offset, following.fallback, market).model
        if model is None:
            return MemoryAgain(raw=raw, recorded=memory, problem="no model was applied around it")
        counts.read_demand(memory.demand_offset)
        of_zone = counts.of_zone(memory.zone, self.control.zones(market), market.product_ids)
        own: ForecastStateKept | None = None
        for offset in range(counts.city_offset, following.city_offset + 1):
            counts.read_city(offset)
            own = memory_of(
                of_zone,
                self._last.get(memory.zone),
                model,
                epoch=Epoch(memory.epoch_generation, memory.epoch_started_ms),
                now_ms=memory.now_ms,
            )
            own = replace(own, demand_offset=own.demand_offset // counts.places)
            if own == memory:
                break
        return MemoryAgain(raw=raw, recorded=memory, own=own)


def _is_before(memory: ForecastStateKept, tick: SurgeTicked) -> bool:
    made = memory.epoch_generation, memory.epoch_started_ms, memory.now_ms
    return made < (tick.epoch_generation, tick.epoch_started_ms, tick.now_ms)
