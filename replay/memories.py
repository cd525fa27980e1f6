"""Every long memory of one zone partition made again, between the ticks it was made between.

A memory names its instant and the last offset of demand it includes, but not how far city totals were read: somewhere
from where the tick before it had read them to where the next one had, or to what was there when it was appended if it
is the last. The first offset of those that gives the recorded memory is taken; if none does, the memory differs.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pricing.surge.tick_inputs import memory_of
from replay.archive import Archive
from replay.contracts import Contracts
from replay.control import ControlHistory
from replay.counts import PartitionCounts
from replay.records import Raw
from replay.verdict import Unread
from topics.catalogue import CITY_DEMAND, FORECAST_STATE
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
    is_older: bool = False


@dataclass(slots=True)
class MemoryLog:
    """Makes the memories of one partition again while its ticks are read."""

    archive: Archive
    contracts: Contracts
    control: ControlHistory
    number: int
    counts: PartitionCounts
    _waiting: deque[tuple[Raw, ForecastStateKept | None]] = field(init=False)
    _last: dict[int, ForecastStateKept] = field(default_factory=dict)
    _ticks: dict[int, SurgeTicked] = field(default_factory=dict)
    _newest: SurgeTicked | None = None

    def __post_init__(self) -> None:
        self._waiting = deque(
            (raw, self.contracts.decode(FORECAST_STATE, raw.value))
            for raw in self.archive.log(FORECAST_STATE.name, self.number)
        )

    def before(self, tick: SurgeTicked) -> Iterator[MemoryAgain | Unread]:
        """Memories made before that tick and not told yet; the counts stand at the tick before it."""
        while self._waiting and _is_before(self._waiting[0][1], tick):
            yield from self._next(tick, tick.city_offset)
        self._ticks[tick.zone] = self._newest = tick

    def after_all(self) -> Iterator[MemoryAgain | Unread]:
        """Memories made after the last tick; the counts stand at it."""
        while self._waiting:
            yield from self._next(self._newest, self._city_offset_at(self._waiting[0][0].appended_ms))

    def _next(self, beside: SurgeTicked | None, city_offset: int) -> Iterator[MemoryAgain | Unread]:
        """The memory that waits longest if it is wanted, by the tick it was made beside."""
        raw, memory = self._waiting.popleft()
        about = self.archive.about
        is_wanted = raw.appended_ms >= about.from_ms
        if memory is None:
            if is_wanted:
                yield Unread(topic=FORECAST_STATE, raw=raw)
            return
        if is_wanted and (not about.zones or memory.zone in about.zones):
            yield self._again(raw, memory, beside, city_offset)
        self._last[memory.zone] = memory

    def _city_offset_at(self, appended_ms: int) -> int:
        """The last offset of city totals that was there at that time."""
        raws = self.archive.log(CITY_DEMAND.name, 0)
        return max((raw.offset for raw in raws if raw.appended_ms <= appended_ms), default=-1)

    def _again(self, raw: Raw, memory: ForecastStateKept, beside: SurgeTicked | None, city_offset: int) -> MemoryAgain:
        if beside is None:
            return MemoryAgain(raw=raw, recorded=memory, problem="no tick is held that says what it was made of")
        counts, tick = self.counts, self._ticks.get(memory.zone, beside)
        market = self.control.market(tick.markets_offset)
        model = self.control.choice(beside.models_offset, beside.fallback, market).model
        if model is None:
            return MemoryAgain(raw=raw, recorded=memory, problem="no model was applied around it")
        counts.read_demand(memory.demand_offset)
        of_zone = counts.of_zone(memory.zone, self.control.zones(market), market.product_ids)
        own: ForecastStateKept | None = None
        for offset in range(counts.city_offset, max(counts.city_offset, city_offset) + 1):
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
        before = tick.forecast_offset if tick.zone == memory.zone else -1
        if own != memory and self.archive.about.is_older(FORECAST_STATE.name, self.number, before):
            named = f"{FORECAST_STATE.name} {self.number}@{before}"
            problem = f"the memory before, {named}, is not held"
            return MemoryAgain(raw=raw, recorded=memory, problem=problem, is_older=True)
        return MemoryAgain(raw=raw, recorded=memory, own=own)


def _is_before(memory: ForecastStateKept | None, tick: SurgeTicked) -> bool:
    """Whether the memory was made before the tick; one that cannot be read keeps nobody waiting."""
    if memory is None:
        return True
    made = memory.epoch_generation, memory.epoch_started_ms, memory.now_ms
    return made < (tick.epoch_generation, tick.epoch_started_ms, tick.now_ms)
