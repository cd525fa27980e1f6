"""What one PRICING worker knows of the zones it was assigned, and the ticks it owes them.

Holds the joined state of each partition number, the newest tick and the long memory of each zone, and the city's
totals. Every rule stands in `pricing`; this module keeps their inputs together and names their offsets.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from agents.runtime.partitioning import partition_of
from pricing.models.memory import RecordSums, due_memory
from pricing.models.model_choice import ModelBook
from pricing.models.model_coverage import usable_in
from pricing.rules.markets import Market, MarketBook
from pricing.rules.policy import PolicyBook
from pricing.surge.tick import TickInputs, price_zone
from pricing.surge.tick_inputs import PricedBy, ZoneCounts, memory_of, tick_inputs
from pricing.zones.city_totals import CityTotals
from pricing.zones.schedule import Due, due_zones, first_due
from pricing.zones.windows_of_zone import WindowsOfZone
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_state import ZoneState
from pricing.zones.zone_view import layout_of
from topics.control import ForecastStateKept
from topics.counts import CityDemandCounted, DemandCellsCounted, SupplyCellsCounted
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.hexagons import zone_key, zone_of

NO_EPOCH = Epoch(0, 0)


@dataclass(slots=True)
class _Zone:
    """One assigned zone.

    When it is due, its newest tick and memory with their offsets, and the reader of its windows.
    """

    due: Due
    tick: SurgeTicked | None = None
    tick_offset: int = -1
    memory: ForecastStateKept | None = None
    memory_offset: int = -1
    state: ZoneState | None = None
    windows: WindowsOfZone | None = None
    sums: RecordSums = field(default_factory=RecordSums)


@dataclass(slots=True)
class _MarketZones:
    """The zones of one market version: all of them for city totals."""

    market: Market
    zones: frozenset[int]


@dataclass(slots=True)
class PricingDesk:
    """State of the assigned partitions; empty between assignments."""

    markets: MarketBook
    policies: PolicyBook
    models: ModelBook
    zone_partitions: int
    epoch: Epoch = NO_EPOCH
    partitions: dict[int, PartitionState] = field(default_factory=dict)
    city: CityTotals = field(default_factory=CityTotals)
    _zones: dict[int, _Zone] = field(default_factory=dict)
    _floor: dict[int, tuple[int, int]] = field(default_factory=dict)
    _has_read_back: bool = False
    _market_zones: dict[str, _MarketZones] = field(default_factory=dict)
    _followed: list[Market] = field(default_factory=list)
    _market_of: dict[int, Market | None] = field(default_factory=dict)

    def assigned(self, epoch: Epoch, states: Iterable[PartitionState]) -> None:
        """Begin an epoch with what the table held of each partition; nothing is due before `read_back`.

        A zone whose newest tick or memory is not known yet would be priced, or remembered, as one that has none.
        """
        self.epoch = epoch
        self.partitions = {state.partition: state for state in states}
        self._zones = {}
        self._has_read_back = False
        self._floor = {number: _furthest(state) for number, state in self.partitions.items()}

    def revoked(self) -> None:
        """Price nothing until the next assignment."""
        self.partitions = {}
        self._zones = {}
        self._has_read_back = False

    def partition_of_zone(self, zone: int) -> int:
        """Number of the partition that holds the zone in all zone topics."""
        return partition_of(zone_key(zone), self.zone_partitions)

    # ---- inputs

    def supply(self, partition: int, record: SupplyCellsCounted, offset: int, now_ms: int) -> None:
        """Take in a record of supply-cells."""
        self._heard(apply_supply(self.partitions[partition], record, offset), now_ms)

    def demand(self, partition: int, record: DemandCellsCounted, offset: int, now_ms: int) -> None:
        """Take in a record of demand-cells."""
        self._heard(apply_demand(self.partitions[partition], record, offset), now_ms)

    def city_demand(self, record: CityDemandCounted, offset: int) -> None:
        """Take in a record of city-demand."""
        self.city.apply(record, offset)

    def remember_tick(self, tick: SurgeTicked, offset: int, now_ms: int) -> None:
        """Learn a tick read back from the topic: of several epochs the highest, of one the last, is the newest.

        The zone is due when it would have been: one whose worker died since long, one that keeps its worker not yet.
        A zone of a partition that went meanwhile is passed over.
        """
        if not self._holds(tick.zone):
            return
        zone = self._zone(tick.zone, now_ms)
        if zone.tick is None or _epoch_of(tick) >= _epoch_of(zone.tick):
            zone.tick, zone.tick_offset = tick, offset
            zone.due.ticked_ms = min(tick.now_ms, now_ms)

    def remember_memory(self, memory: ForecastStateKept, offset: int, now_ms: int) -> None:
        """Learn a zone's long memory read back from the topic, if its partition did not go meanwhile."""
        if not self._holds(memory.zone):
            return
        zone = self._zone(memory.zone, now_ms)
        if zone.memory is None or memory.through_ms >= zone.memory.through_ms:
            zone.memory, zone.memory_offset = memory, offset

    def follow_markets(self, now_ms: int) -> None:
        """Have every zone of every market in force priced, be it quiet or not."""
        self._followed = self.markets.in_force(now_ms)
        self._market_of.clear()
        for market in self._followed:
            known = self._market_zones.get(market.name)
            if known is None or known.market is not market:
                zones = frozenset(zone_of(cell) for cell in market.jurisdiction_of)
                self._market_zones[market.name] = known = _MarketZones(market, zones)
            for zone in known.zones:
                if self._holds(zone):
                    self._zone(zone, now_ms)

    def _follow_begun(self, now_ms: int) -> None:
        """Follow markets whose next version has begun since: no record tells of that instant."""
        if self.markets.in_force(now_ms) != self._followed:
            self.follow_markets(now_ms)

    # ---- ticks

    def due(self, now_ms: int) -> list[int]:
        """Zones to price now, of partitions that have read what their newest ticks had, the longest waiting first."""
        if not self._has_read_back:
            return []
        self._follow_begun(now_ms)
        ready = {number for number, state in self.partitions.items() if self._has_caught_up(number, state)}
        zones = ((zone, known.due) for zone, known in self._zones.items() if self.partition_of_zone(zone) in ready)
        return due_zones(zones, now_ms)

    def tick(self, zone: int, now_ms: int) -> SurgeTicked | None:
        """The zone's tick; None outside every market, and for a zone that has been lost since it was due.

        It counts once `ticked` says that it was written.
        """
        known = self._zones.get(zone)
        if known is None:
            return None
        known.due.ticked(now_ms)
        inputs = self.inputs(zone, now_ms)
        return None if inputs is None else price_zone(inputs)

    def inputs(self, zone: int, now_ms: int) -> TickInputs | None:
        """What the zone's tick would be made of; None outside every market, and for a zone that is not assigned."""
        self._follow_begun(now_ms)
        known = self._zones.get(zone)
        return None if known is None else self._inputs(zone, known, now_ms)

    def ticked(self, tick: SurgeTicked, offset: int) -> None:
        """Note that the broker has the tick."""
        known = self._zones.get(tick.zone)
        if known is not None:
            known.tick, known.tick_offset = tick, offset

    def memories(self, now_ms: int) -> list[ForecastStateKept]:
        """Long memories that are due: of each zone whose newest one is ten minutes old."""
        due = []
        self._follow_begun(now_ms)
        for zone, known in self._zones.items() if self._has_read_back else ():
            if not due_memory(known.memory, now_ms):
                continue
            market = self._market(zone, now_ms)
            model = usable_in(self.models.champion(), market).model if market else None
            if market is None or model is None:
                continue
            counts = self._counts(zone, known, market)
            due.append(memory_of(counts, known.memory, model, epoch=self.epoch, now_ms=now_ms))
        return due

    def remembered(self, memory: ForecastStateKept, offset: int) -> None:
        """Note that the broker has the memory."""
        known = self._zones.get(memory.zone)
        if known is not None:
            known.memory, known.memory_offset = memory, offset

    # ---- parts

    def _holds(self, zone: int) -> bool:
        """Whether the partition that holds the zone is assigned."""
        return self.partition_of_zone(zone) in self.partitions

    def _inputs(self, zone: int, known: _Zone, now_ms: int) -> TickInputs | None:
        market = self._market(zone, now_ms)
        if market is None:
            return None
        by = PricedBy(
            market=market,
            policy=self.policies.at(market.name, now_ms),
            choice=usable_in(self.models.champion(), market),
            epoch=self.epoch,
            previous=known.tick,
            previous_offset=known.tick_offset,
            memory=known.memory,
            memory_offset=known.memory_offset,
            behaviour=self.models.behaviour(market.name),
        )
        return tick_inputs(self._counts(zone, known, market), by, now_ms)

    def _counts(self, zone: int, known: _Zone, market: Market) -> ZoneCounts:
        return ZoneCounts(
            zone=zone,
            partition=self.partitions[self.partition_of_zone(zone)],
            windows=self._windows(zone, known, market),
            city=self.city,
            city_zones=self._market_zones[market.name].zones,
            sums=known.sums,
        )

    def _heard(self, zones: Iterable[int], now_ms: int) -> None:
        """Note news of zones, but for those outside every market: anybody can ping there, and they are never priced."""
        for zone in zones:
            if (known := self._zones.get(zone)) is not None:
                known.due.heard(now_ms)

    def _zone(self, zone: int, now_ms: int) -> _Zone:
        known = self._zones.get(zone)
        if known is None:
            known = self._zones[zone] = _Zone(first_due(zone, now_ms))
        return known

    def _windows(self, zone: int, known: _Zone, market: Market) -> WindowsOfZone:
        state = self.partitions[self.partition_of_zone(zone)].zones.get(zone)
        stale = known.windows is None or known.state is not state or known.windows.products != market.product_ids
        if stale or known.windows is None:
            known.state = state
            known.windows = WindowsOfZone(state or ZoneState(zone), market.product_ids)
        return known.windows

    def _market(self, zone: int, now_ms: int) -> Market | None:
        """The market that prices the zone; remembered until the next one begins."""
        if zone not in self._market_of:
            in_one = any(zone in known.zones for known in self._market_zones.values())
            self._market_of[zone] = self.markets.of_zone(layout_of(zone).home_cells, now_ms) if in_one else None
        return self._market_of[zone]

    def _has_caught_up(self, number: int, state: PartitionState) -> bool:
        supply, demand = self._floor[number]
        return state.supply.applied_offset >= supply and state.demand.applied_offset >= demand

    def read_back(self) -> None:
        """Ticks were read back: price no zone of a partition before it has read what its newest ticks had."""
        self._has_read_back = True
        for zone, known in self._zones.items():
            if known.tick is not None:
                number = self.partition_of_zone(zone)
                supply, demand = self._floor[number]
                self._floor[number] = max(supply, known.tick.supply_offset), max(demand, known.tick.demand_offset)


def _epoch_of(tick: SurgeTicked) -> tuple[int, int]:
    return tick.epoch_generation, tick.epoch_started_ms


def _furthest(state: PartitionState) -> tuple[int, int]:
    """The last offsets any zone of the partition includes; zones may be ahead of the partition after a restart."""
    zones = state.zones.values()
    supply = max((zone.supply_offset for zone in zones), default=-1)
    demand = max((zone.demand_offset for zone in zones), default=-1)
    return supply, demand
