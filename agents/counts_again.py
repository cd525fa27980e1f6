"""Counts of one source partition made again by the service that made them, without its transport.

    recorded events ──> observe, up to the offsets a flush names ──> said: what the service says at that instant

The services decide what they say; when they say it is told by whoever calls, as the flush loop would. Everything taken
in only builds state: dead letters and late events are not made again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from faust.types import TP

from agents.demand import DemandPartition
from agents.runtime.batches import Batch
from agents.runtime.contracts import Contracts
from agents.runtime.counting import Outgoing, Source, SourcePartition
from agents.runtime.intake import Intake
from agents.runtime.telemetry import Meter
from agents.runtime.worker import Worker
from agents.supply import SupplyPartition
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEMAND_CELLS,
    DRIVER_PINGS,
    QUOTE_REQUESTS,
    SUPPLY_CELLS,
    Topic,
)
from topics.counts import CountKind
from topics.schemas import Schema
from topics.validity import check_decisions, check_pings, check_requests

INPUTS: dict[str, tuple[Topic, ...]] = {"supply": (DRIVER_PINGS,), "demand": (QUOTE_REQUESTS, BOOKING_DECISIONS)}
OUTPUTS: dict[str, tuple[Topic, ...]] = {"supply": (SUPPLY_CELLS,), "demand": (DEMAND_CELLS, CITY_DEMAND)}
_CHECKS = {DRIVER_PINGS: check_pings, QUOTE_REQUESTS: check_requests, BOOKING_DECISIONS: check_decisions}
_NO_EFFECT = 1 << 62


class Delivered(NamedTuple):
    """One record as services read it."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


class _Known:
    """Schemas that are all at hand."""

    def known(self, schema_id: int) -> bool:  # noqa: ARG002  of the protocol
        return True

    async def lookup(self, schema_id: int) -> None:
        """Nothing is left to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountingAgain:
    """SUPPLY or DEMAND of a recording: `service` names it, `partitions` the partition count of each topic."""

    service: str
    partitions: Mapping[str, int]
    schemas: Mapping[int, Schema]

    def worker(self) -> Worker:
        """A worker without a broker."""
        return Worker(
            service=self.service,
            name="replay",
            partitions=self.partitions,
            contracts=Contracts({}, dict(self.schemas)),
            schema_ids=_Known(),
            meter=Meter(service=self.service, worker="replay"),
            bootstrap="",
            security={},
        )


class SourceAgain:
    """One source partition in one epoch."""

    def __init__(
        self, again: CountingAgain, source: Source, products: Sequence[str], worker: Worker, intakes: dict[str, Intake]
    ) -> None:
        self._source, self._epoch = source, source.epoch
        self._state: SourcePartition
        sizes = {topic: again.partitions[topic.name] for topic in (*INPUTS[again.service], *OUTPUTS[again.service])}
        if again.service == "supply":
            self._state = supply = SupplyPartition(
                source,
                source_partitions=sizes[DRIVER_PINGS],
                zone_partitions=sizes[SUPPLY_CELLS],
                intake=intakes[DRIVER_PINGS.name],
                meter=worker.meter,
            )
            supply.know_products(products)
        else:
            self._state = demand = DemandPartition(
                source,
                source_partitions=sizes[QUOTE_REQUESTS],
                zone_partitions=sizes[DEMAND_CELLS],
                intakes=intakes,
                worker=worker,
            )
            demand.know_products(products)

    def observe(self, topic: Topic, records: Sequence[Delivered]) -> None:
        """Take in consecutive records, at least one."""
        place = TP(topic.name, self._source.partition)
        batch = Batch.of(place, cast("Any", records), epoch=self._epoch, resume=_NO_EFFECT)
        for _ in self._state.observe(batch):  # dead letters and late events: it may be lazy
            pass

    def said(self, now_ms: int, kinds: AbstractSet[CountKind]) -> Iterator[Outgoing]:
        """What the service says in a flush at `now_ms`: counts, and control records of those kinds."""
        yield from self._state.changes(now_ms)
        if CountKind.SNAPSHOT_COMPLETE in kinds:
            yield from self._state.snapshot_complete(now_ms)
        if CountKind.ALIVE in kinds:
            alive = self._state.alive(now_ms)
            yield from (one for one in alive if one.record.kind is CountKind.ALIVE)


def opener(again: CountingAgain) -> Callable[[Source, Sequence[str]], SourceAgain]:
    """Opens source partitions; `products` are what their writer had met, in order."""
    worker = again.worker()
    intakes = {
        topic.name: Intake(topic, worker.contracts.columns(topic), _CHECKS[topic], worker)
        for topic in INPUTS[again.service]
    }

    def opened(source: Source, products: Sequence[str]) -> SourceAgain:
        return SourceAgain(again, source, products, worker, intakes)

    return opened
