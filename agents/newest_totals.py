"""City totals of a run of records, of which only the last counts of each pane are decoded whole.

A worker that begins reads half an hour of them, and of each source and pane there is one record for every publication.
All are heard (who speaks, how far the topic was read); counts that the same run replaces, and records that say no more
than that their writer is alive, are passed over, at a tenth of the time. Where a run tells of another epoch or of a
snapshot, the order matters and every record is taken in; so it is where counts contradict themselves, and replace none.
"""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
from aiokafka import ConsumerRecord

from agents.runtime.control import look_up_schemas
from agents.runtime.worker import Worker
from pricing.zones.city_totals import CityTotals, counts_of
from topics.arrays import Bools, Int64s
from topics.catalogue import CITY_DEMAND
from topics.columns import Columns
from topics.counts import CityDemandCounted, CountKind

_HEAD = (
    "source_partition", "source_partitions", "epoch_generation", "epoch_started_ms", "requests_offset",
    "decisions_offset", "now_ms", "complete_from_ms", "pane_start_ms",
)  # fmt: skip
"""Whole-number fields of a record besides its counts."""
_ORDER = ("source_partition", "pane_start_ms", "requests_offset", "decisions_offset", "now_ms")


class NewestTotals:
    """Takes runs of records into `totals`."""

    def __init__(self, worker: Worker, totals: CityTotals) -> None:
        self._worker, self._totals = worker, totals
        self._heads = worker.contracts.columns(CITY_DEMAND, ("kind", *_HEAD))

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Take in a run of one partition, in order.

        What cannot be read, and arrays that contradict each other, are passed over, since their writer is our own.
        """
        await look_up_schemas(self._worker, records)
        if len({record.key for record in records}) == len(records):  # keys are sources: nothing is replaced
            self._apply(records)
            return
        heads = self._heads.decode([record.value for record in records])
        rows = [records[row] for row in heads.source_row.tolist()]
        passed_over = (_replaced(heads) | heads.is_symbol("kind", CountKind.ALIVE)).tolist()
        try:
            said = [None if passed else self._said(row) for row, passed in zip(rows, passed_over, strict=True)]
        except ValueError:
            self._apply(records)
            return
        for record, head, counts in zip(rows, _heads_of(heads), said, strict=True):
            if counts is None:
                self._totals.hear(head, record.offset)
            else:
                self._totals.apply(counts, record.offset)

    def _said(self, record: ConsumerRecord) -> CityDemandCounted:
        """What the record says. Raises ValueError if it cannot be read or its arrays contradict each other."""
        said: CityDemandCounted = self._worker.contracts.decode(CITY_DEMAND, record.value)
        counts_of(said)
        return said

    def _apply(self, records: Sequence[ConsumerRecord]) -> None:
        """Take in every record; of one whose arrays contradict each other, that its writer spoke."""
        for record in records:
            with contextlib.suppress(ValueError):  # Undecodable is one
                self._totals.apply(self._worker.contracts.decode(CITY_DEMAND, record.value), record.offset)


def _heads_of(heads: Columns) -> Iterator[CityDemandCounted]:
    """Each row without its counts, if it tells of counts or that its writer is alive."""
    kinds = np.where(heads.is_symbol("kind", CountKind.ALIVE), CountKind.ALIVE, CountKind.CELLS).tolist()
    for kind, *fields in zip(kinds, *(heads.ints(name).tolist() for name in _HEAD), strict=True):
        yield CityDemandCounted(kind=CountKind(kind), **dict(zip(_HEAD, fields, strict=True)))


def _replaced(heads: Columns) -> Bools:
    """Rows whose counts a later row of the run replaces."""
    source, pane, *order = (heads.ints(name) for name in _ORDER)
    replaced = np.zeros(source.size, np.bool_)
    cells = heads.is_symbol("kind", CountKind.CELLS)
    if heads.is_symbol("kind", CountKind.SNAPSHOT_COMPLETE).any() or _epochs_change(heads, source):
        return replaced
    rows = np.flatnonzero(cells)
    # Of equal ones the first stays, as where every record is applied.
    ascending = rows[np.lexsort((-rows, *(column[rows] for column in reversed(order)), pane[rows], source[rows]))]
    same = (np.diff(source[ascending]) == 0) & (np.diff(pane[ascending]) == 0)
    replaced[ascending[:-1][same]] = True
    return replaced


def _epochs_change(heads: Columns, source: Int64s) -> bool:
    """Whether any source speaks under two epochs."""
    generation, started_ms = heads.ints("epoch_generation").tolist(), heads.ints("epoch_started_ms").tolist()
    epochs = {*zip(source.tolist(), generation, started_ms, strict=True)}
    return len(epochs) > len({*source.tolist()})
