"""The ticks of one zone partition, each computed again from exactly the inputs it names.

    recorded tick ─> offsets ─> counts applied up to them ─┐
                 └─> market, policy, model, memory, previous tick, each by its offset ─> price_zone ─> tick again

The recorded ticks are the schedule. A tick of a lower epoch than its zone's newest is a zombie's: readers ignored it
then, and it is passed over now.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from pricing.city_totals import CityTotals
from pricing.markets import Market, market_of
from pricing.model_coverage import usable_in
from pricing.models import Choice, choice_of
from pricing.policy import Policy, built_in_policy, policy_of
from pricing.sources import Source, TopicProgress
from pricing.tick import price_zone
from pricing.tick_inputs import PricedBy, ZoneCounts, tick_inputs
from pricing.windows_of_zone import WindowsOfZone
from pricing.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zone_state import KEPT_MS
from replay.logs import Forward, every
from replay.recording import Raw, Recording, RecordingError
from topics.catalogue import (
    CITY_DEMAND,
    DEMAND_CELLS,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    SUPPLY_CELLS,
    SURGE,
    Topic,
)
from topics.control import ForecastStateKept
from topics.counts import CountKind
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.hexagons import zone_of
from windows.panes import PANE_MS

# How far back a worker reads the city's totals when it starts, as `agents.pricing` does.
CITY_BACK_MS = KEPT_MS + 60_000
# Of each zone so many ticks and memories are kept to be named as previous ones.
NAMED_BACK = 16
EVERY_ZONE: frozenset[int] = frozenset()
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Alternative:
    """What is to be otherwise than recorded: a policy for its market, or a model; None leaves it."""

    policy: Policy | None = None
    model: Choice | None = None

    @property
    def differs(self) -> bool:
        """Whether anything is otherwise."""
        return self.policy is not None or self.model is not None


AS_RECORDED = Alternative()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickAgain:
    """One recorded tick and the one computed from what it names."""

    raw: Raw
    recorded: SurgeTicked
    again: SurgeTicked


@dataclass(slots=True)
class ByOffset:
    """Versions of markets, policies and models by the offset that a tick names."""

    markets: dict[int, Market]
    policies: dict[int, Policy]
    models: dict[int, Choice]
    _zones: dict[int, frozenset[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, recording: Recording) -> Self:
        """Read all of them: they are few, and kept for ever."""
        return cls(
            markets=_compiled(recording, MARKETS, market_of),
            policies=_compiled(recording, PRICING_POLICY, policy_of),
            models=_compiled(recording, MODELS, choice_of),
        )

    def market(self, offset: int) -> Market:
        """The market of that offset. Raises RecordingError if it is not recorded."""
        return self.markets[_held(self.markets, MARKETS, offset)]

    def policy(self, offset: int, market: str) -> Policy:
        """The policy of that offset, the built-in one below any."""
        return built_in_policy(market) if offset < 0 else self.policies[_held(self.policies, PRICING_POLICY, offset)]

    def model(self, offset: int, fallback: str) -> Choice:
        """The model of that offset, or none and the recorded reason."""
        return Choice(None, -1, fallback) if offset < 0 else self.models[_held(self.models, MODELS, offset)]

    def zones_of(self, market: Market) -> frozenset[int]:
        """Every zone with a cell in the market."""
        if market.offset not in self._zones:
            self._zones[market.offset] = frozenset(zone_of(cell) for cell in market.jurisdiction_of)
        return self._zones[market.offset]


def _compiled(recording: Recording, topic: Topic, compile_one: Callable[[Any, int], T]) -> dict[int, T]:
    """Every version that can be compiled, by offset; another was never in force."""
    versions: dict[int, T] = {}
    for raw, record in every(recording, topic, 0):
        try:
            versions[raw.offset] = compile_one(record, raw.offset)
        except ValueError:
            continue
    return versions


def _held(versions: dict[int, T], topic: Topic, offset: int) -> int:
    if offset not in versions:
        raise RecordingError(f"the recording lacks {topic.name} 0@{offset}, which a tick names")
    return offset


class ZonePartition:
    """Recomputes the ticks of one partition number of `surge.v1`."""

    def __init__(
        self,
        recording: Recording,
        partition: int,
        *,
        zones: frozenset[int] = EVERY_ZONE,
        otherwise: Alternative = AS_RECORDED,
        versions: ByOffset | None = None,
    ) -> None:
        """Recompute the ticks of `zones`, all if none is named, with what is `otherwise`."""
        self._recording, self._partition, self._wanted, self._otherwise = recording, partition, zones, otherwise
        self._versions = versions or ByOffset.of(recording)
        self._state = PartitionState(partition)
        self._supply = self._cells(SUPPLY_CELLS)
        self._demand = self._cells(DEMAND_CELLS)
        self._city, self._totals = self._city_from(0)
        self._memories = Forward(recording, FORECAST_STATE, partition, self._remember)
        self._memory: dict[int, dict[int, ForecastStateKept]] = {}
        self._ticks: dict[int, dict[int, SurgeTicked]] = {}
        self._own: dict[int, SurgeTicked] = {}
        self._windows: dict[int, tuple[object, WindowsOfZone]] = {}
        self._newest: dict[int, Epoch] = {}
        self._epoch: Epoch | None = None

    def run(self) -> Iterator[TickAgain]:
        """Every tick of the recording's range that counts, in order of offset."""
        about = self._recording.about
        for raw, tick in every(self._recording, SURGE, self._partition):
            epoch = Epoch(tick.epoch_generation, tick.epoch_started_ms)
            if epoch < self._newest.get(tick.zone, epoch):
                continue
            self._newest[tick.zone] = epoch
            if about.from_ms <= raw.timestamp_ms < about.to_ms and self._is_wanted(tick.zone):
                yield self._again(raw, tick, epoch)
            _keep(self._ticks, tick.zone, raw.offset, tick)

    def _is_wanted(self, zone: int) -> bool:
        return not self._wanted or zone in self._wanted

    def _again(self, raw: Raw, tick: SurgeTicked, epoch: Epoch) -> TickAgain:
        self._supply.to(tick.supply_offset)
        self._demand.to(tick.demand_offset)
        self._memories.to(tick.forecast_offset)
        begun = self._epoch is not None and epoch > self._epoch
        self._epoch = max(epoch, self._epoch or epoch)
        if begun:
            again = self._after_start(tick, epoch)
        else:
            self._reach_city(tick.city_offset)
            again = self._priced(tick, epoch)
        self._own[tick.zone] = again
        return TickAgain(raw=raw, recorded=tick, again=again)

    def _after_start(self, tick: SurgeTicked, epoch: Epoch) -> SurgeTicked:
        """The first tick of a new epoch: its worker lived on, or started and read the city's totals back.

        The tick itself says which: both are tried. A worker that started knows the city from a later instant on.
        """
        self._reach_city(tick.city_offset)
        lived = self._priced(tick, epoch)
        if lived == tick:
            return lived
        kept = self._city, self._totals
        self._city, self._totals = self._city_from(self._started_at(epoch))
        self._totals.to(tick.city_offset)
        started = self._priced(tick, epoch)
        if started != tick and not self._otherwise.differs:
            self._city, self._totals = kept
            return lived
        return started

    def _started_at(self, epoch: Epoch) -> int:
        """First offset of the city's totals that a worker which started with this epoch read."""
        last_ms, offsets = 0, []
        for raw in self._recording.records(CITY_DEMAND.name, 0):
            if raw.timestamp_ms > epoch.started_ms:
                break
            last_ms = raw.timestamp_ms
            offsets.append((raw.timestamp_ms, raw.offset))
        return next((offset for at_ms, offset in offsets if at_ms >= last_ms - CITY_BACK_MS), 0)

    def _reach_city(self, offset: int) -> None:
        if offset < self._totals.reached:  # another worker, which had read less
            self._city, self._totals = self._city_from(0)
        self._totals.to(offset)

    def _priced(self, tick: SurgeTicked, epoch: Epoch) -> SurgeTicked:
        market = self._versions.market(tick.markets_offset)
        policy = self._versions.policy(tick.policy_offset, market.name)
        choice = self._versions.model(tick.models_offset, tick.fallback)
        otherwise = self._otherwise
        if otherwise.policy is not None and otherwise.policy.rules.market == market.name:
            policy = otherwise.policy
        if otherwise.model is not None:
            choice = usable_in(otherwise.model, market)
        counts = ZoneCounts(
            zone=tick.zone,
            partition=self._state,
            windows=self._windows_of(tick.zone, market),
            city=self._city,
            city_zones=self._versions.zones_of(market),
        )
        by = PricedBy(
            market=market,
            policy=policy,
            choice=choice,
            epoch=epoch,
            previous=self._previous(tick),
            previous_offset=tick.previous_offset,
            memory=self._named(self._memory, tick.zone, tick.forecast_offset, FORECAST_STATE),
            memory_offset=tick.forecast_offset,
        )
        return price_zone(tick_inputs(counts, by, tick.now_ms))

    def _previous(self, tick: SurgeTicked) -> SurgeTicked | None:
        """The tick before; where something is otherwise, limits in time go on from what came out here."""
        if self._otherwise.differs and tick.zone in self._own:
            return self._own[tick.zone]
        return self._named(self._ticks, tick.zone, tick.previous_offset, SURGE)

    def _named(self, kept: dict[int, dict[int, T]], zone: int, offset: int, topic: Topic) -> T | None:
        if offset < 0:
            return None
        found = kept.get(zone, {}).get(offset)
        if found is None:
            raise RecordingError(f"the recording lacks {topic.name} {self._partition}@{offset}, which a tick names")
        return found

    def _windows_of(self, zone: int, market: Market) -> WindowsOfZone:
        state = self._state.zone(zone)
        known = self._windows.get(zone)
        if known is None or known[0] is not state or known[1].products != market.product_ids:
            known = self._windows[zone] = state, WindowsOfZone(state, market.product_ids)
        return known[1]

    def _remember(self, memory: ForecastStateKept, offset: int) -> None:
        _keep(self._memory, memory.zone, offset, memory)

    def _cells(self, topic: Topic) -> Forward:
        progress = self._state.supply if topic is SUPPLY_CELLS else self._state.demand
        _let_stand(progress, self._recording, topic, self._partition)
        rule = apply_supply if topic is SUPPLY_CELLS else apply_demand
        return Forward(
            self._recording, topic, self._partition, lambda record, offset: rule(self._state, record, offset)
        )

    def _city_from(self, first: int) -> tuple[CityTotals, Forward]:
        """Totals read from that offset on: from the middle of the log only sources count that complete a snapshot."""
        city = CityTotals()
        if not first:
            _let_stand(city.progress, self._recording, CITY_DEMAND, 0)
        return city, Forward(self._recording, CITY_DEMAND, 0, city.apply, first=first)


def _keep(kept: dict[int, dict[int, T]], zone: int, offset: int, record: T) -> None:
    """Remember the newest few of a zone."""
    of_zone = kept.setdefault(zone, {})
    of_zone[offset] = record
    if len(of_zone) > NAMED_BACK:
        del of_zone[next(iter(of_zone))]


def _let_stand(progress: TopicProgress, recording: Recording, topic: Topic, partition: int) -> None:
    """Where the recording begins within the log, let the first epoch heard of each source stand.

    It did, or its records would not have been counted; unless its snapshot follows, which then says since when.
    """
    first = next(recording.records(topic.name, partition), None)
    if first is None or first.offset == 0:
        return
    heard: dict[int, tuple[Epoch, int]] = {}
    completed = set()
    for _, record in every(recording, topic, partition):
        epoch = Epoch(record.epoch_generation, record.epoch_started_ms)
        if record.kind is CountKind.SNAPSHOT_COMPLETE:
            completed.add((record.source_partition, epoch))
        heard.setdefault(record.source_partition, (epoch, record.now_ms))
    for source, (epoch, now_ms) in heard.items():
        if (source, epoch) not in completed:
            known_from_ms = -(-now_ms // PANE_MS) * PANE_MS
            progress.sources[source] = Source(newest=epoch, standing=epoch, known_from_ms=known_from_ms)
