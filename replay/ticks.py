"""Every tick of one zone partition made again, in the order of the log, from what each names.

A tick follows the newest own one of its zone, not the recorded one: outputs are withheld from the run. Those of a lower
epoch than the partition has heard of are a zombie's: no tick follows them, and they stay as recorded.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from agents.tick_again import offsets_named
from pricing.surge.tick import TickInputs, price_zone
from pricing.surge.tick_inputs import PricedBy, tick_inputs
from replay.archive import Archive
from replay.contracts import Contracts
from replay.control import ControlHistory, NotHeldError
from replay.counts import PartitionCounts
from replay.memories import MemoryAgain, MemoryLog
from replay.records import Raw, Recent
from replay.verdict import Unread
from topics.catalogue import FORECAST_STATE, SURGE, Topic
from topics.control import ForecastStateKept
from topics.prices import SurgeTicked
from windows.epochs import Epoch

NO_EPOCH = Epoch(-1, -1)
KEPT_PER_ZONE = 64
MEMORIES_AT_HAND = 512
MEMORIES_KEPT_MS = 4 * 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickAgain:
    """One tick of the log: as recorded, its numbers in arrays, and as made again.

    `own` is None where the tick only warms up or could not be made, then `problem` says why. `is_older` if that is
    because it names what is older than all that is held.
    """

    raw: Raw
    recorded: SurgeTicked
    own: SurgeTicked | None = None
    inputs: TickInputs | None = None
    problem: str = ""
    is_older: bool = False


@dataclass(slots=True)
class TickLog:
    """Makes the ticks of one partition again; `zombies` counts those passed over.

    `anew` collects epochs whose worker had begun its city totals anew (see `counts`). Where a change makes every tick
    differ from the recorded one, `known_anew` says it instead, as a run without the change found it. `as_arrays` may
    give the numbers of own ticks as recorded ones have them.
    """

    archive: Archive
    contracts: Contracts
    control: ControlHistory
    number: int
    counts: PartitionCounts
    zones: frozenset[int] = frozenset()
    known_anew: frozenset[Epoch] | None = None
    zombies: int = 0
    anew: set[Epoch] = field(default_factory=set)
    memories: MemoryLog | None = None
    as_arrays: bool = False
    _epoch: Epoch = NO_EPOCH
    _begun: Epoch = NO_EPOCH
    _own: dict[int, dict[int, SurgeTicked]] = field(default_factory=dict)
    _decoded: dict[int, ForecastStateKept] = field(default_factory=dict)
    _kept: Recent = field(init=False)

    def __post_init__(self) -> None:
        self._kept = Recent(self.archive.log(FORECAST_STATE.name, self.number), MEMORIES_KEPT_MS)

    def outputs(self) -> Iterator[TickAgain | MemoryAgain | Unread]:
        """The effective ticks, those that warm up included, in order of offset, and the memories made between them."""
        for raw in self.archive.log(SURGE.name, self.number):
            tick = self.contracts.decode(SURGE, raw.value, as_arrays=True)
            if tick is None:
                if raw.appended_ms >= self.archive.about.from_ms:
                    yield Unread(topic=SURGE, raw=raw)
                continue
            epoch = Epoch(tick.epoch_generation, tick.epoch_started_ms)
            if epoch < self._epoch:
                self.zombies += self._is_wanted(raw, tick)
                yield TickAgain(raw=raw, recorded=tick)  # whoever had not heard of the newer epoch quoted by it
                continue
            self._epoch = epoch
            if self.memories is not None:
                yield from self.memories.before(tick)
            again = TickAgain(raw=raw, recorded=tick)
            if self._is_wanted(raw, tick):
                self.counts.read(tick)
                again = self._again(raw, tick)
            self._remember(raw.offset, again.own or tick)
            yield again
        if self.memories is not None:
            yield from self.memories.after_all()

    def _is_wanted(self, raw: Raw, tick: SurgeTicked) -> bool:
        return raw.appended_ms >= self.archive.about.from_ms and (not self.zones or tick.zone in self.zones)

    def _again(self, raw: Raw, tick: SurgeTicked) -> TickAgain:
        try:
            if self._epoch != self._begun:
                first = self._first_of_epoch(raw, tick)
                self._begun = self._epoch  # only now: one that names what is not held shows nothing
                return first
            return self._made(raw, tick, as_arrays=self.as_arrays)
        except NotHeldError as error:
            return TickAgain(raw=raw, recorded=tick, problem=str(error), is_older=error.is_older)

    def _made(self, raw: Raw, tick: SurgeTicked, *, as_arrays: bool = False) -> TickAgain:
        inputs = self._inputs(tick)
        return TickAgain(raw=raw, recorded=tick, own=price_zone(inputs, as_arrays=as_arrays), inputs=inputs)

    def _first_of_epoch(self, raw: Raw, tick: SurgeTicked) -> TickAgain:
        """The tick by the city totals that its worker had: those before, or those begun anew."""
        counts, recorded = self.counts, self.contracts.decode(SURGE, raw.value)
        continued, anew = counts.city, counts.city_anew(self._epoch)
        made = self._made(raw, tick)
        counts.city = anew
        other = self._made(raw, tick)
        is_anew = (
            self._epoch in self.known_anew
            if self.known_anew is not None
            else made.own != recorded and other.own == recorded
        )
        if is_anew:
            self.anew.add(self._epoch)
            return other
        counts.city = continued
        return made

    def _inputs(self, tick: SurgeTicked) -> TickInputs:
        market = self.control.market(tick.markets_offset)
        by = PricedBy(
            market=market,
            policy=self.control.policy(market.name, tick.policy_offset),
            choice=self.control.choice(tick.models_offset, tick.fallback, market),
            epoch=self._epoch,
            previous=self._previous(tick),
            previous_offset=tick.previous_offset,
            memory=self._memory(tick.forecast_offset),
            memory_offset=tick.forecast_offset,
            behaviour=self.control.behaviour(tick.models_used, market),
        )
        counts = self.counts.of_zone(tick.zone, self.control.zones(market), market.product_ids)
        return replace(tick_inputs(counts, by, tick.now_ms), offsets=offsets_named(tick), fallback=tick.fallback)

    def _previous(self, tick: SurgeTicked) -> SurgeTicked | None:
        if tick.previous_offset < 0:
            return None
        own = self._own.get(tick.zone, {})
        if tick.previous_offset not in own:
            raise self._not_held("previous tick", SURGE, tick.previous_offset)
        return own[tick.previous_offset]

    def _memory(self, offset: int) -> ForecastStateKept | None:
        if offset < 0:
            return None
        if offset not in self._decoded:
            raw = self._kept.at(offset)
            memory = None if raw is None else self.contracts.decode(FORECAST_STATE, raw.value)
            if memory is None:
                raise self._not_held("memory", FORECAST_STATE, offset)
            self._decoded[offset] = memory
            if len(self._decoded) > MEMORIES_AT_HAND:
                del self._decoded[next(iter(self._decoded))]
        return self._decoded[offset]

    def _not_held(self, what: str, topic: Topic, offset: int) -> NotHeldError:
        return NotHeldError(
            f"the {what}, {topic.name} {self.number}@{offset}, is not held",
            is_older=self.archive.about.is_older(topic.name, self.number, offset),
        )

    def _remember(self, offset: int, tick: SurgeTicked) -> None:
        own = self._own.setdefault(tick.zone, {})
        own[offset] = tick
        if len(own) > KEPT_PER_ZONE:
            del own[next(iter(own))]
