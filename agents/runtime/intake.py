"""A batch of outside records, decoded and judged: good rows as columns, the others as dead letters."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import structlog
from aiokafka import ConsumerRecord

from agents.runtime.batches import Batch
from agents.runtime.counting import Outgoing
from agents.runtime.record_run import parts_of
from agents.runtime.worker import Worker
from topics.arrays import Bools, Int64s
from topics.catalogue import LATE_EVENTS, Topic, dead_letters_of
from topics.columns import ColumnDecoder, Columns
from topics.columns_chunk import Joined
from topics.dead_letters import dead_letter, letter_key
from topics.partitioner_mixture import PartitionerMixture
from topics.partitioners import partitioner_of
from topics.refusals import BadRow
from topics.wire import client_of
from windows.lateness import arrived_late

_log = structlog.get_logger(__name__)
LOOKED_AT = 4
"""Of so many records one is looked at for its partitioner, whatever batches they come in, and of a large batch so many:
every client is met soon."""

Check = Callable[[Columns, Joined, Int64s], tuple[Bools, list[BadRow]]]


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """What a batch held.

    `columns` are its readable rows, `rows` int64[k] those that break no rule, `appended_ms` int64[k] their append
    times. `refused` are dead letters of its live records, made when they are asked for, once.
    """

    batch: Batch
    columns: Columns
    rows: Int64s
    appended_ms: Int64s
    refused: Iterable[Outgoing]

    def record_of(self, place: int) -> ConsumerRecord:
        """The record that the good row number `place` came from."""
        return self.batch.records[int(self.columns.source_row[self.rows[place]])]

    def is_live(self, place: int) -> bool:
        """Whether that record is at or above the committed offset, so that it may have effects."""
        return int(self.columns.source_row[self.rows[place]]) >= self.batch.replayed


class Intake:
    """Decodes and judges the batches of one topic."""

    def __init__(self, topic: Topic, decoder: ColumnDecoder, check: Check, worker: Worker) -> None:
        self._topic, self._decoder, self._check = topic, decoder, check
        self._service, self._meter = worker.service, worker.meter
        self._partitions = worker.partitions[topic.name]
        self._mixture, self._passed_over = PartitionerMixture(), 0
        self._dlq = dead_letters_of(topic)

    def take(self, batch: Batch) -> Taken:
        """Columns of the batch, the rows that may be used, and what was refused."""
        records, parts = batch.records, parts_of(batch.records)
        self.look_at_producers(records, batch.partition)
        columns = self._decoder.decode(parts.values, parts.broken)
        good, broken = self._check(columns, parts.keys, parts.appended_ms)
        rows = np.flatnonzero(good)
        bad_rows = [bad for bad in (*columns.bad, *broken) if bad.row >= batch.replayed]
        refused: Iterable[Outgoing] = ()
        if bad_rows:
            self._meter.count("dead_letters", len(bad_rows))
            refused = (self._dead(records[bad.row], bad) for bad in bad_rows)
        self._meter.read(
            self._topic.name,
            batch.partition,
            records=len(records) - batch.replayed,
            size=int((parts.values.ends - parts.values.starts).sum()),
            offset=batch.last_offset,
        )
        appended_ms = parts.appended_ms[columns.source_row[rows]]
        if rows.size:
            self._meter.latency("lateness_ms", max(0, int((appended_ms - columns.ints("at_ms")[rows]).max())))
        return Taken(batch, columns, rows, appended_ms, refused)

    def look_at_producers(self, records: Sequence[ConsumerRecord], partition: int) -> None:
        """Look at a few records of the batch: which client wrote them, and by which rule they stand here."""
        every, first = max(LOOKED_AT, len(records) // LOOKED_AT), -self._passed_over % LOOKED_AT
        self._passed_over = (self._passed_over + len(records)) % LOOKED_AT
        for place in range(first, len(records), every):
            record = records[place]
            rules = partitioner_of(record.key, partition, self._partitions)
            alert = self._mixture.observe(client_of(record.headers), rules)
            if alert:
                _log.warning("mixed partitioners", topic=self._topic.name, alert=alert)
                self._meter.count("partitioner_alerts")

    def late(self, taken: Taken, late: Bools, id_field: str) -> Iterable[Outgoing]:
        """Ledger entries of the live rows that `late` bool[k] marks, made when they are asked for, once."""
        places = [place for place in np.flatnonzero(late).tolist() if taken.is_live(place)]
        if not places:
            return ()
        self._meter.count("late_events", len(places))
        return self._entries(taken, places, id_field)

    def _entries(self, taken: Taken, places: list[int], id_field: str) -> Iterable[Outgoing]:
        rows = taken.rows[places]
        ids = taken.columns.texts(id_field, rows)
        for place, event_id, at_ms in zip(places, ids, taken.columns.ints("at_ms")[rows].tolist(), strict=True):
            record = taken.record_of(place)
            entry = arrived_late(
                topic=self._topic.name,
                partition=record.partition,
                offset=record.offset,
                event_id=event_id,
                at_ms=at_ms,
                appended_ms=record.timestamp,
                service=self._service,
            )
            yield Outgoing(LATE_EVENTS, 0, record.key or b"", entry)

    def _dead(self, record: ConsumerRecord, bad: BadRow) -> Outgoing:
        letter = dead_letter(record, self._topic, bad, service=self._service, now_ms=time.time_ns() // 1_000_000)
        return Outgoing(self._dlq, 0, letter_key(letter), letter)
