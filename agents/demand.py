"""Keep each zone's demand current.

Reads   QUOTE_REQUESTS       by rider
        BOOKING_DECISIONS    by rider, the same partition number
Writes  DEMAND_CELLS         by zone and pane: absolute counts of what changed, snapshot complete, alive
        CITY_DEMAND          per pane: riders per home zone
        LATE_EVENTS          requests and bookings after their pane's grace
        quote-requests.v1.dlq, booking-decisions.v1.dlq
Keeps   RiderBook            who asked where, in memory, rebuilt by reading back to before the oldest open pane

The rules are demand.riders and demand.cells; nothing is decided here.
"""

from collections.abc import Iterable
from itertools import chain

import numpy as np

from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch
from agents.runtime.counting import FETCHED_LATELY_MS, Outgoing, Source
from agents.runtime.counting_inputs import wire_counting
from agents.runtime.intake import Intake, Taken
from agents.runtime.partitioning import partition_of
from agents.runtime.worker import Worker
from demand.cells import DemandWriter, Included
from demand.rewind import complete_from, rewind_start
from demand.riders import RiderBook
from topics.arrays import Int64s
from topics.catalogue import BOOKING_DECISIONS, CITY_DEMAND, DEMAND_CELLS, QUOTE_REQUESTS
from topics.columns import Columns
from topics.counts import CityDemandCounted, DemandCellsCounted
from topics.prices import BookingOutcome
from topics.validity import check_decisions, check_requests
from windows.hexagons import cells_of, zone_key
from windows.products import OTHERS, ProductAxis

SERVICE = "demand"
# Of a topic read to its end all is known that was appended this long before the newest record of the other one; twice
# the age of the last fetch.
FETCHED_WITHIN_MS = 2 * FETCHED_LATELY_MS
COMPLETE_AGAIN_MS = 600_000
"""Who begins to read in the middle of a log, 34 minutes back, must find a word that counts are complete."""
MOST_NAMES = 4_096
"""Products remembered with their index, give or take those of a batch: senders may name any."""


class DemandPartition:
    """Riders of one source partition."""

    def __init__(
        self,
        source: Source,
        *,
        source_partitions: int,
        zone_partitions: int,
        intakes: dict[str, Intake],
        worker: Worker,
    ) -> None:
        self._source, self._zone_partitions, self._intakes = source, zone_partitions, intakes
        self._axis = ProductAxis()
        self._products: dict[int, int] = {}
        self._complete_from_ms = complete_from(source.stamp_ms) if source.stamp_ms is not None else 0
        self._book = RiderBook(complete_from_ms=self._complete_from_ms)
        self._writer = DemandWriter(
            source_partition=source.partition,
            source_partitions=source_partitions,
            epoch=source.epoch,
            products=self._axis,
        )
        self._offsets = {QUOTE_REQUESTS.name: -1, BOOKING_DECISIONS.name: -1}
        self._appended_ms = {QUOTE_REQUESTS.name: 0, BOOKING_DECISIONS.name: 0}
        self._completed_ms = 0
        self._meter = worker.meter

    def know_products(self, products: Iterable[str]) -> None:
        """Begin with products met before, in that order, as a replay does that starts in the middle of an epoch."""
        for product in products:
            self._axis.index_of(product)

    def observe(self, batch: Batch) -> Iterable[Outgoing]:
        """Take in requests or decisions; return what is refused or late."""
        intake = self._intakes[batch.topic]
        taken = intake.take(batch)
        late = self._ask(taken) if batch.topic == QUOTE_REQUESTS.name else self._book_accepted(taken)
        self._offsets[batch.topic] = batch.last_offset
        self._appended_ms[batch.topic] = batch.append_ms
        return chain(taken.refused, intake.late(taken, late, "rider_id"))

    def changes(self, now_ms: int) -> Iterable[Outgoing]:
        """Counts of the panes that changed; what can no longer change is forgotten."""
        panes = self._book.changes()
        included = self._included(now_ms)
        for record in self._writer.cells_counted(panes, included):
            key = zone_key(record.zone)
            yield Outgoing(DEMAND_CELLS, partition_of(key, self._zone_partitions), key, record)
        for total in self._writer.city_counted(panes, included):
            yield self._city(total)
        self._book.forget(min(self._known_until_ms(topic) for topic in self._offsets))

    def snapshot_complete(self, now_ms: int) -> Iterable[Outgoing]:
        """To every zone partition and the city: all this epoch knows stands above."""
        self._completed_ms = now_ms
        included = self._included(now_ms)
        return self._to_all(*self._writer.snapshot_complete(included, complete_from_ms=self._complete_from_ms))

    def alive(self, now_ms: int) -> Iterable[Outgoing]:
        """To every zone partition and the city: this source partition is read, and every ten minutes: all is told."""
        again = self.snapshot_complete(now_ms) if abs(now_ms - self._completed_ms) >= COMPLETE_AGAIN_MS else ()
        return [*again, *self._to_all(*self._writer.alive(self._included(now_ms)))]

    def _ask(self, taken: Taken) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        columns, rows = taken.columns, taken.rows
        return self._book.ask(
            rider=columns.hashes("rider_id")[rows],
            cell=cells_of(columns.floats("pickup_lat")[rows], columns.floats("pickup_lon")[rows]),
            product=self._product_indexes(columns, rows),
            at_ms=columns.ints("at_ms")[rows],
            appended_ms=taken.appended_ms,
        )

    def _book_accepted(self, taken: Taken) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Take the decisions that stand; a refused one counts nowhere, and cannot be late."""
        columns = taken.columns
        accepted = columns.is_symbol("outcome", BookingOutcome.ACCEPTED)[taken.rows]
        rows = taken.rows[accepted]
        late = np.zeros(taken.rows.size, np.bool_)
        late[accepted] = self._book.book(
            decision=columns.hashes("decision_id")[rows],
            cell=columns.ints("cell")[rows],
            product=self._product_indexes(columns, rows),
            at_ms=columns.ints("at_ms")[rows],
            appended_ms=taken.appended_ms[accepted],
        )
        return late

    def _product_indexes(self, columns: Columns, rows: Int64s) -> Int64s:
        """Index on the product axis of each row."""
        hashes = columns.hashes("product")[rows]
        names, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
        if len(self._products) > MOST_NAMES:
            self._products.clear()
        for hashed, row in zip(names.tolist(), rows[first].tolist(), strict=True):
            if hashed not in self._products:
                self._products[hashed] = self._index_of(columns.texts("product", [row])[0])
        indexes = np.array([self._products[hashed] for hashed in names.tolist()], np.int64)
        return indexes[inverse] if names.size else np.empty(0, np.int64)

    def _index_of(self, product: str) -> int:
        """Index of the product; what no longer fits the axis counts for no product that is sold, and that is told."""
        index = self._axis.index_or_others(product)
        if self._axis.ids[index] == OTHERS:
            self._meter.count("products_ignored")
        return index

    def _known_until_ms(self, topic: str) -> int:
        """Append time up to which everything of the topic was taken.

        By what was appended to either topic, and not by this machine's clock: one that is ahead would close panes whose
        events are still to come.
        """
        if self._source.has_read_all(topic):
            return max(self._appended_ms[topic], max(self._appended_ms.values()) - FETCHED_WITHIN_MS)
        return self._appended_ms[topic]

    def _included(self, now_ms: int) -> Included:
        return Included(self._offsets[QUOTE_REQUESTS.name], self._offsets[BOOKING_DECISIONS.name], now_ms)

    def _to_all(self, zones: DemandCellsCounted, city: CityDemandCounted) -> Iterable[Outgoing]:
        to_zones = [Outgoing(DEMAND_CELLS, partition, b"*", zones) for partition in range(self._zone_partitions)]
        return [*to_zones, self._city(city)]

    def _city(self, total: CityDemandCounted) -> Outgoing:
        return Outgoing(CITY_DEMAND, 0, str(self._source.partition).encode(), total)


def warm_up() -> None:
    """Compile or load the rider book's code before the group counts on this worker."""
    one = np.ones(1, np.int64)
    book = RiderBook()
    book.ask(rider=one, cell=one, product=one, at_ms=one, appended_ms=one)
    book.changes()
    book.forget(1_000_000)


def register(app: WorkerApp, worker: Worker) -> None:
    """Wire the service to its topics."""
    checks = {QUOTE_REQUESTS: check_requests, BOOKING_DECISIONS: check_decisions}
    intakes = {
        topic.name: Intake(topic, worker.contracts.columns(topic), check, worker) for topic, check in checks.items()
    }

    def open_partition(source: Source) -> DemandPartition:
        return DemandPartition(
            source,
            source_partitions=worker.partitions[QUOTE_REQUESTS.name],
            zone_partitions=worker.partitions[DEMAND_CELLS.name],
            intakes=intakes,
            worker=worker,
        )

    wire_counting(app, worker, {QUOTE_REQUESTS: rewind_start, BOOKING_DECISIONS: rewind_start}, open_partition)
