"""From the counts of a zone and what it is priced by to the inputs of its tick, or of its next long memory.

Whoever makes a tick goes through here: the service with what stands now, a replay with what a recorded tick names. So
the two can only differ in what they are given.
"""

from dataclasses import dataclass

from pricing.models.behaviour_models import ASSUMED, BehaviourChoice
from pricing.models.demand_model import DemandModel
from pricing.models.memory import PanesSince, RecordSums, memory_at, next_memory, since_ms
from pricing.models.model_choice import Choice
from pricing.rules.markets import Market
from pricing.rules.policy import Policy
from pricing.surge.tick import TickInputs, TickOffsets, unmeasured_model
from pricing.zones.city_totals import CityTotals
from pricing.zones.windows_of_zone import WindowsOfZone, view_of
from pricing.zones.zone_join import PartitionState
from pricing.zones.zone_view import CityView
from topics.control import ForecastStateKept
from topics.prices import SurgeTicked
from windows.epochs import Epoch


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ZoneCounts:
    """What was counted: the zone's partition, the reader of its windows, and the city's totals over `city_zones`.

    `sums` reads the zone's long memory.
    """

    zone: int
    partition: PartitionState
    windows: WindowsOfZone
    city: CityTotals
    city_zones: frozenset[int]
    sums: RecordSums


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricedBy:
    """What a zone is priced by at one instant; `choice` and `behaviour` are usable in the market, or say why not.

    `previous` and `memory` are the zone's newest tick and long memory with their offsets, None and -1 if it has none.
    """

    market: Market
    policy: Policy
    choice: Choice
    epoch: Epoch
    previous: SurgeTicked | None = None
    previous_offset: int = -1
    memory: ForecastStateKept | None = None
    memory_offset: int = -1
    behaviour: BehaviourChoice = ASSUMED


def tick_inputs(counts: ZoneCounts, by: PricedBy, now_ms: int) -> TickInputs:
    """Everything the zone's tick at `now_ms` depends on."""
    windows = counts.windows.read(counts.partition, now_ms)
    model = by.choice.model or unmeasured_model(by.market.time_zone)
    record = by.memory if by.choice.model else None
    memory = memory_at(record, counts.zone, model, _panes(counts, record, now_ms), now_ms, sums=counts.sums)
    sums = memory.cells
    view = view_of(
        windows,
        counts.partition,
        city_complete=counts.city.progress.is_complete(now_ms),
        memory_observed=sums.observed,
        memory_expected=sums.expected,
    )
    return TickInputs(
        view=view,
        city=CityView(observed=memory.city.observed, expected=memory.city.expected),
        market=by.market,
        policy=by.policy,
        model=by.choice.model,
        fallback=by.choice.fallback,
        previous=by.previous,
        epoch=by.epoch,
        offsets=_offsets(counts, by),
        behaviour=by.behaviour,
    )


def memory_of(
    counts: ZoneCounts, last: ForecastStateKept | None, model: DemandModel, *, epoch: Epoch, now_ms: int
) -> ForecastStateKept:
    """The zone's long memory that follows `last`, taken at `now_ms`."""
    counts.windows.read(counts.partition, now_ms)
    return next_memory(
        last,
        counts.zone,
        model,
        _panes(counts, last, now_ms),
        epoch=epoch,
        now_ms=now_ms,
        demand_offset=counts.partition.demand.applied_offset,
    )


def _offsets(counts: ZoneCounts, by: PricedBy) -> TickOffsets:
    return TickOffsets(
        previous=by.previous_offset,
        supply=counts.partition.supply.applied_offset,
        demand=counts.partition.demand.applied_offset,
        city=counts.city.progress.applied_offset,
        models=by.choice.offset,
        forecast=by.memory_offset,
    )


def _panes(counts: ZoneCounts, record: ForecastStateKept | None, now_ms: int) -> PanesSince:
    """Panes of the zone and the city that the record lacks; the zone's windows were read at `now_ms`."""
    known_from = counts.partition.demand.known_from_ms(), counts.city.progress.known_from_ms()
    both_ms = None if None in known_from else max(at_ms or 0 for at_ms in known_from)
    start_ms = since_ms(record, now_ms=now_ms, known_from_ms=both_ms)
    starts, riders = counts.windows.requests_since(now_ms, start_ms)
    _, asked = counts.city.requests_since(now_ms, start_ms, counts.city_zones)
    return PanesSince(since_ms=start_ms, starts=starts, zone=riders, city=asked)
