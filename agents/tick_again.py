"""A tick computed again from the records it names, by the code that computed it, and compared with what was published.

    start ────────── records of the zone and of every source ──────────> offsets the tick names ──> the same tick

Counts are absolute, so a log may be read from anywhere before the longest window. Where the reading starts after a
source's "snapshot complete", the epoch that speaks first is taken to stand: it did, or its records would not have been
counted. Whether that was right shows: the tick comes out the same, or the fields that differ are named.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agents.pricing_desk import PricingDesk
from pricing.explaining.explanation import Recomputed, differing
from pricing.models.model_choice import CHAMPION, ModelBook
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.surge.tick import TickInputs, TickOffsets, price_zone
from pricing.zones.sources import Source, TopicProgress
from pricing.zones.zone_join import PartitionState
from topics.control import ForecastStateKept, ModelAnnounced
from topics.counts import CountKind
from topics.prices import SurgeTicked
from windows.epochs import Epoch
from windows.panes import PANE_MS

Log = Sequence[tuple[int, Any]]
"""Records of one partition with their offsets, in order."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TickRecords:
    """What a tick at `partition` of surge.v1 names; `small_models` are those of pickup time, acceptance and supply.

    `supply`, `demand` and `city` reach from before the longest window to the tick's offsets; records of other zones
    may be left out but for the last 30 s. `markets` and `policies` begin with the first version there is.
    """

    tick: SurgeTicked
    partition: int
    previous: SurgeTicked | None
    memory: ForecastStateKept | None
    model: ModelAnnounced | None
    markets: Log
    policies: Log
    supply: Log
    demand: Log
    city: Log
    small_models: Log = ()


def tick_again(records: TickRecords, *, zone_partitions: int, city_from_snapshot: bool = False) -> Recomputed | None:
    """The tick computed again; None if its zone was in no market by the records given.

    `city_from_snapshot` takes city totals only of sources whose snapshot is among the records, as a worker does that
    started after it.
    """
    tick = records.tick
    desk = _desk(records, zone_partitions)
    state = desk.partitions[records.partition]
    _stand(state.supply, records.supply)
    _stand(state.demand, records.demand)
    if not city_from_snapshot:
        _stand(desk.city.progress, records.city)
    _learn(lambda record, offset: desk.supply(records.partition, record, offset, tick.now_ms), records.supply)
    _learn(lambda record, offset: desk.demand(records.partition, record, offset, tick.now_ms), records.demand)
    _learn(desk.city_demand, records.city)
    inputs = desk.inputs(tick.zone, tick.now_ms)
    if inputs is None:
        return None
    named = as_named(inputs, tick)
    demand = state.zone(tick.zone).demand
    return Recomputed(inputs=named, demand=demand, differing=differing(price_zone(named), tick))


def _desk(records: TickRecords, zone_partitions: int) -> PricingDesk:
    """A desk that has learnt what the tick's worker had, but for the counts."""
    tick, markets, policies, models = records.tick, MarketBook(), PolicyBook(), ModelBook()
    _learn(markets.learn, records.markets)
    _learn(policies.learn, records.policies)
    if records.model is not None:
        models.learn(records.model, tick.models_offset)
    for offset, announced in records.small_models:
        models.learn(replace(announced, alias=CHAMPION), offset)
    desk = PricingDesk(markets=markets, policies=policies, models=models, zone_partitions=zone_partitions)
    epoch = Epoch(tick.epoch_generation, tick.epoch_started_ms)
    desk.assigned(epoch, [PartitionState(records.partition)])
    if records.previous is not None:
        desk.remember_tick(records.previous, tick.previous_offset, tick.now_ms)
    if records.memory is not None:
        desk.remember_memory(records.memory, tick.forecast_offset, tick.now_ms)
    desk.follow_markets(tick.now_ms)
    return desk


def _learn(learn: Callable[[Any, int], None], log: Log) -> None:
    for offset, record in log:
        with contextlib.suppress(ValueError):  # a version that does not count, or counts that contradict themselves
            learn(record, offset)


def _stand(progress: TopicProgress, log: Log) -> None:
    """Let the first epoch heard of each source stand if its snapshot lies before the records."""
    completed = {
        (one.source_partition, one.epoch_generation, one.epoch_started_ms)
        for _, one in log
        if one.kind is CountKind.SNAPSHOT_COMPLETE
    }
    firsts = {one.source_partition: one for _, one in reversed(log)}
    for source, one in firsts.items():
        if (source, one.epoch_generation, one.epoch_started_ms) not in completed:
            epoch = Epoch(one.epoch_generation, one.epoch_started_ms)
            known_from_ms = -(-one.now_ms // PANE_MS) * PANE_MS
            progress.sources[source] = Source(newest=epoch, standing=epoch, known_from_ms=known_from_ms)


def as_named(inputs: TickInputs, tick: SurgeTicked) -> TickInputs:
    """The inputs under the names the tick gives them: offsets, and why models were not applied."""
    return replace(
        inputs,
        offsets=offsets_named(tick),
        fallback=tick.fallback,
        behaviour=inputs.behaviour.as_named(tick.models_used),
    )


def offsets_named(tick: SurgeTicked) -> TickOffsets:
    """Where the tick says that its inputs stood."""
    return TickOffsets(
        previous=tick.previous_offset,
        supply=tick.supply_offset,
        demand=tick.demand_offset,
        city=tick.city_offset,
        models=tick.models_offset,
        forecast=tick.forecast_offset,
    )
