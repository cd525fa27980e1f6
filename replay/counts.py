"""The counts a zone partition had read when it made a tick: three logs, each applied up to the offset the tick names.

    supply-cells ──────┐
    demand-cells ──────┼──> exactly the named offsets ──> the zone's windows, the city's totals
    city-demand  ──────┘

A recording begins long after most sources have said "snapshot complete". A source says ALIVE only after that, so where
no epoch of a source stands, its ALIVE is taken for the snapshot; in a service it would not be.

City totals are kept by each worker as long as it runs, and no record says since when: a worker that started after a
source's snapshot had left the topic's last half hour does not count that source. So each epoch may go on with the
totals before it or begin anew; its first tick shows which it was.
"""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from pricing.models.memory import RecordSums
from pricing.surge.tick_inputs import ZoneCounts
from pricing.zones.city_totals import CityTotals
from pricing.zones.sources import TopicProgress
from pricing.zones.windows_of_zone import WindowsOfZone
from pricing.zones.zone_join import PartitionState, apply_demand, apply_supply
from pricing.zones.zone_state import KEPT_MS
from replay.contracts import Contracts
from replay.records import Cursor, Raw
from topics.catalogue import CITY_DEMAND, DEMAND_CELLS, SUPPLY_CELLS, Topic
from topics.counts import CountKind, DemandCellsCounted, SupplyCellsCounted
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.panes import MINUTE_MS, pane_start

ReadLog = Callable[[str, int], Iterator[Raw]]
"""Records of a topic and partition, in order of offset."""

CITY_BACK_MS = KEPT_MS + MINUTE_MS
"""How far back a worker that starts reads city totals, as in `agents.pricing`."""


@dataclass(slots=True)
class PartitionCounts:
    """The counts of one zone partition, as far as the last tick names them.

    `log` reads the records of a topic and partition. Where up to `places` of them stand at one offset, as made from
    events they may, each is applied under a number of its own: offset x places, and on from there.
    """

    contracts: Contracts
    number: int
    log: ReadLog
    places: int = 1
    state: PartitionState = field(init=False)
    city: CityTotals = field(default_factory=CityTotals)
    _logs: dict[str, Cursor] = field(default_factory=dict)
    _windows: dict[int, WindowsOfZone] = field(default_factory=dict)
    _sums: defaultdict[int, RecordSums] = field(default_factory=lambda: defaultdict(RecordSums))
    _forgotten_ms: int = 0

    def __post_init__(self) -> None:
        self.state = PartitionState(self.number)
        for topic, number in ((SUPPLY_CELLS, self.number), (DEMAND_CELLS, self.number), (CITY_DEMAND, 0)):
            self._logs[topic.name] = Cursor(self.log(topic.name, number))

    def read(self, tick: SurgeTicked) -> None:
        """Apply what the tick names and was not applied yet."""
        self._apply(SUPPLY_CELLS, tick.supply_offset, self.state.supply, self._take_supply)
        self.read_demand(tick.demand_offset)
        self.read_city(tick.city_offset)
        if tick.now_ms - self._forgotten_ms >= MINUTE_MS:
            self._forget(tick.now_ms)

    def read_demand(self, offset: int) -> None:
        """Apply demand up to that offset."""
        self._apply(DEMAND_CELLS, offset, self.state.demand, self._take_demand)

    def read_city(self, offset: int) -> None:
        """Apply city totals up to that offset."""
        for place, raw in self._numbered(self._logs[CITY_DEMAND.name].through(offset)):
            record = self.contracts.decode(CITY_DEMAND, raw.value)
            if record is not None:
                with contextlib.suppress(ValueError):  # arrays that contradict each other: it was passed over
                    self.city.apply(_standing(self.city.progress, record), place)

    def city_anew(self, epoch: Epoch) -> CityTotals:
        """What a worker that started with the epoch knows of the city's totals at the offset applied last."""
        anew = CityTotals()
        for place, raw in self._numbered(self.log(CITY_DEMAND.name, 0)):
            if place > self.city.progress.applied_offset:
                break
            if raw.appended_ms >= epoch.started_ms - CITY_BACK_MS:
                record = self.contracts.decode(CITY_DEMAND, raw.value)
                if record is not None:
                    with contextlib.suppress(ValueError):
                        anew.apply(record, place)
        return anew

    @property
    def city_offset(self) -> int:
        """Offset up to which the city's totals were read."""
        return self.city.progress.applied_offset // self.places

    def of_zone(self, zone: int, city_zones: frozenset[int], products: tuple[str, ...]) -> ZoneCounts:
        """The counts of one zone of a market with these zones and products."""
        windows = self._windows.get(zone)
        if windows is None or windows.products != products:
            windows = self._windows[zone] = WindowsOfZone(self.state.zone(zone), products)
        return ZoneCounts(
            zone=zone,
            partition=self.state,
            windows=windows,
            city=self.city,
            city_zones=city_zones,
            sums=self._sums[zone],
        )

    def _take_supply(self, record: SupplyCellsCounted, offset: int) -> None:
        apply_supply(self.state, record, offset)

    def _take_demand(self, record: DemandCellsCounted, offset: int) -> None:
        apply_demand(self.state, record, offset)

    def _apply(self, topic: Topic, offset: int, progress: TopicProgress, take: Callable[[Any, int], None]) -> None:
        for place, raw in self._numbered(self._logs[topic.name].through(offset)):
            record = self.contracts.decode(topic, raw.value, as_arrays=True)
            if record is not None:
                with contextlib.suppress(ValueError):  # arrays that contradict each other: it was dead-lettered
                    take(_standing(progress, record), place)

    def _numbered(self, records: Iterator[Raw]) -> Iterator[tuple[int, Raw]]:
        last, repeats = -1, 0
        for raw in records:
            repeats = repeats + 1 if raw.offset == last else 0
            last = raw.offset
            yield raw.offset * self.places + min(repeats, self.places - 1), raw

    def _forget(self, now_ms: int) -> None:
        """Drop what is out of the longest window, as the service does when it saves."""
        oldest_ms = pane_start(now_ms - KEPT_MS)
        for zone in self.state.zones.values():
            zone.forget(oldest_ms)
        self.city.forget(now_ms)
        self._forgotten_ms = now_ms


def _standing(progress: TopicProgress, record: Any) -> Any:  # noqa: ANN401  any of the three counts records
    """The record, an ALIVE as the snapshot it follows where no epoch of its source stands."""
    if record.kind is not CountKind.ALIVE:
        return record
    known = progress.sources.get(record.source_partition)
    if known is not None and known.standing is not None:
        return record
    if hasattr(record, "complete_from_ms"):
        return replace(record, kind=CountKind.SNAPSHOT_COMPLETE, complete_from_ms=0)
    return replace(record, kind=CountKind.SNAPSHOT_COMPLETE)
