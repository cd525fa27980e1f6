"""Keep each zone's supply current.

Reads   DRIVER_PINGS   by driver
Writes  SUPPLY_CELLS   by zone: absolute counts of the zones that changed, snapshot complete, alive; now and then all
        LATE_EVENTS    pings after their pane's grace
        driver-pings.v1.dlq
Keeps   Fleet          last ping of each driver, in memory, rebuilt by reading one expiry and grace again

The rules are supply.fleet, supply.silence and supply.cells; nothing is decided here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

import numpy as np
from faust.types import TP

from agents.runtime import raw_fetch
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch
from agents.runtime.counting import Outgoing, Source
from agents.runtime.counting_inputs import wire_counting
from agents.runtime.intake import Intake
from agents.runtime.partitioning import partition_of
from agents.runtime.telemetry import Meter
from agents.runtime.worker import Worker
from supply.cells import SupplyBook
from supply.counts import CellCounts
from supply.fleet import Fleet, rewind_start
from supply.products import ProductAxis, mask_of
from supply.silence import Silence
from topics.arrays import Int64s
from topics.catalogue import DRIVER_PINGS, SUPPLY_CELLS
from topics.coded_counts import ZoneRows, coded_supply
from topics.columns import Columns
from topics.counts import SupplyCellsCounted
from topics.validity import check_pings
from windows.cell_map import CellMap
from windows.hexagons import zone_key
from windows.panes import is_late
from windows.zone_table import ZoneTable

SERVICE = "supply"
EVERYTHING_EVERY_MS = 600_000
"""A zone that does not change is told of so often: the topic's retention is hours, and who begins to read then must
find it, and a word that counts are complete."""

MOST_LISTS = 4_096
"""Lists of products remembered with their bits, give or take those of a batch: senders may name any."""


@dataclass(frozen=True, slots=True)
class Places:
    """What was found out about places: which cells points are in, and which zones need to know a cell."""

    cells: CellMap = field(default_factory=CellMap)
    zones: ZoneTable = field(default_factory=ZoneTable)


class SupplyPartition:
    """Drivers of one source partition."""

    def __init__(
        self,
        source: Source,
        *,
        source_partitions: int,
        zone_partitions: int,
        intake: Intake,
        meter: Meter,
        cells_id: int | None = None,
        places: Places | None = None,
    ) -> None:
        """Zone records are written as framed values of schema `cells_id`; None, as in replays, leaves them objects."""
        self._axis = ProductAxis()
        self._masks: dict[int, int] = {}
        self._fleet = Fleet()
        self._book = SupplyBook(
            source_partition=source.partition,
            source_partitions=source_partitions,
            epoch=source.epoch,
            products=self._axis,
        )
        self._zone_partitions = zone_partitions
        self._intake, self._meter, self._partition = intake, meter, source.partition
        self._cells_id, self._places = cells_id, places or Places()
        self._offset = -1
        self._has_read_all = partial(source.has_read_all, DRIVER_PINGS.name)
        self._appended_ms = 0
        self._silence = Silence()
        self._completed_ms = 0

    def know_products(self, products: Iterable[str]) -> None:
        """Begin with products met before, in that order, as a replay does that starts in the middle of an epoch."""
        mask = self._mask(list(products))
        one, nobody = np.zeros(1, np.int64), np.zeros(1, np.int8)
        # A ping as old as time counts nowhere; the fleet learns from it which products there are.
        self._fleet.observe(
            driver=one, at_ms=one, cell=one, status=nobody, products=np.array([mask], np.uint64), free_at_ms=one
        )

    def observe(self, batch: Batch) -> Iterable[Outgoing]:
        """Take in pings; return what is refused or late."""
        taken = self._intake.take(batch)
        columns, rows = taken.columns, taken.rows
        at_ms = columns.ints("at_ms")[rows]
        late = is_late(at_ms, taken.appended_ms)
        kept = rows[~late]
        self._fleet.observe(
            driver=columns.hashes("driver_id")[kept],
            at_ms=at_ms[~late],
            cell=self._places.cells.cells_of(columns.floats("lat")[kept], columns.floats("lon")[kept]),
            status=columns.ints("status")[kept].astype(np.int8),
            products=self._product_masks(columns, kept),
            free_at_ms=np.where(columns.present("free_at_ms")[kept], columns.ints("free_at_ms")[kept], -1),
        )
        self._offset = batch.last_offset
        self._appended_ms = batch.append_ms
        return chain(taken.refused, self._intake.late(taken, late, "driver_id"))

    def changes(self, now_ms: int) -> Iterable[Outgoing]:
        """Counts of the zones that changed; none while the pings do not come, since drivers would seem to leave."""
        if self._is_silent(now_ms):
            return []
        counts = self._fleet.counts(now_ms)
        self._silence.cars = _cars_of(counts)
        self._meter.gauge(f"drivers.{self._partition}", len(self._fleet))
        return self._addressed(self._zones_said(counts))

    def _zones_said(self, counts: CellCounts) -> Iterable[tuple[int, SupplyCellsCounted | bytes]]:
        if self._cells_id is None:
            return [(record.zone, record) for record in self._book.changes(counts, pings_offset=self._offset)]
        return self._book.coded_changes(
            counts, pings_offset=self._offset, schema_id=self._cells_id, table=self._places.zones
        )

    def snapshot_complete(self, now_ms: int) -> Iterable[Outgoing]:
        """To every zone partition: all this epoch knows stands above; said again, also what has not changed.

        Nothing while the pings do not come: a fleet that was not read yet is not an empty city.
        """
        if self._is_silent(now_ms):
            return []
        counts = self._fleet.counts(now_ms) if self._completed_ms else None
        self._completed_ms = now_ms
        unchanged = self._book.everything(counts, pings_offset=self._offset) if counts is not None else []
        complete = self._book.snapshot_complete(pings_offset=self._offset, now_ms=now_ms)
        return [*self._addressed((record.zone, record) for record in unchanged), *self._to_all(complete)]

    def alive(self, now_ms: int) -> Iterable[Outgoing]:
        """To every zone partition: this source partition is read; every ten minutes all that is known before it.

        Called after `changes` of the same instant. Nothing while the pings do not come: supply is missing then.
        """
        if self._is_silent(now_ms):
            return []
        again = self.snapshot_complete(now_ms) if abs(now_ms - self._completed_ms) >= EVERYTHING_EVERY_MS else ()
        return [*again, *self._to_all(self._book.alive(pings_offset=self._offset, now_ms=now_ms))]

    def _is_silent(self, now_ms: int) -> bool:
        """Whether a fleet has fallen silent and is not back, or this worker is far behind: what it knows is too old."""
        return self._silence.holds(
            now_ms,
            appended_ms=self._appended_ms,
            has_read_all=self._has_read_all,
            cars_at=lambda at_ms: _cars_of(self._fleet.counts(at_ms)),
        )

    def _addressed(self, said: Iterable[tuple[int, SupplyCellsCounted | bytes]]) -> Iterable[Outgoing]:
        for zone, record in said:
            key = zone_key(zone)
            yield Outgoing(SUPPLY_CELLS, partition_of(key, self._zone_partitions), key, record)

    def _to_all(self, record: SupplyCellsCounted) -> Iterable[Outgoing]:
        return [Outgoing(SUPPLY_CELLS, partition, b"*", record) for partition in range(self._zone_partitions)]

    def _product_masks(self, columns: Columns, rows: Int64s) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
        hashes = columns.hashes("products")[rows]
        sets, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        if len(self._masks) > MOST_LISTS:
            self._masks.clear()
        for hashed, row in zip(sets.tolist(), rows[first].tolist(), strict=True):
            if hashed not in self._masks:
                self._masks[hashed] = self._mask(columns.lists("products", [row])[0])
        masks = np.array([self._masks[hashed] for hashed in sets.tolist()], np.uint64)
        return masks[inverse] if sets.size else np.empty(0, np.uint64)

    def _mask(self, products: list[str]) -> int:
        """Bits of the products; one that no longer fits the axis counts for none, and that is told."""
        mask = 0
        for product in products:
            try:
                mask |= mask_of(self._axis, [product])
            except ValueError:
                self._meter.count("products_ignored")
        return mask


def _cars_of(counts: CellCounts) -> int:
    return int(counts.idle.sum() + counts.busy.sum())


def warm_up() -> None:
    """Compile or load the fleet's code before the group counts on this worker."""
    one = np.ones(1, np.int64)
    fleet = Fleet()
    fleet.observe(
        driver=one, at_ms=one, cell=one, status=one.astype(np.int8), products=one.astype(np.uint64), free_at_ms=one
    )
    fleet.counts(1)
    CellMap().cells_of(np.zeros(2), np.zeros(2))
    zone = ZoneRows(zones=one, bounds=np.array([0, 1]), rows=one - 1)
    coded_supply(1, (1,), zone, [], one, np.ones((1, 3), np.int64))
    raw_fetch.warm_up()


def register(app: WorkerApp, worker: Worker) -> None:
    """Wire the service to its topics."""
    places = Places()  # one for all partitions: drivers of each are everywhere
    intake = Intake(DRIVER_PINGS, worker.contracts.columns(DRIVER_PINGS), check_pings, worker)

    def open_partition(source: Source) -> SupplyPartition:
        return SupplyPartition(
            source,
            source_partitions=worker.partitions[DRIVER_PINGS.name],
            zone_partitions=worker.partitions[SUPPLY_CELLS.name],
            intake=intake,
            meter=worker.meter,
            cells_id=worker.contracts.schema_id(SUPPLY_CELLS),
            places=places,
        )

    async def lost(_partitions: set[TP]) -> None:
        worker.meter.forget_gauges("drivers.")

    wire_counting(app, worker, {DRIVER_PINGS: rewind_start}, open_partition, raw=True, sheds_detail=True)
    app.on_lost(lost)
