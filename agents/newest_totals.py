"""City totals of a run of records, of which only the last counts of each pane are decoded whole.

A worker that begins reads half an hour of them, and of each source and pane there is one record for every publication.
All are heard (who speaks, how far the topic was read); counts that the same run replaces are passed over, at a tenth of
the time. Where a run tells of another epoch or of a snapshot, the order matters and every record is taken in.
"""

import contextlib
from collections.abc import Iterator, Sequence

import numpy as np
from aiokafka import ConsumerRecord

from agents.runtime.control import look_up_schemas
from agents.runtime.worker import Worker
from pricing.city_totals import CityTotals, Said
from topics.arrays import Bools, Int64s
from topics.catalogue import CITY_DEMAND
from topics.columns import Columns
from topics.counts import CountKind
from topics.refusals import Undecodable

_KINDS = list(CountKind)
_ORDER = ("source_partition", "pane_start_ms", "requests_offset", "decisions_offset", "now_ms")


class NewestTotals:
    """Takes runs of records into `totals`."""

    def __init__(self, worker: Worker, totals: CityTotals) -> None:
        self._worker, self._totals = worker, totals
        self._heads = worker.contracts.columns(CITY_DEMAND, Said._fields)

    async def take(self, records: Sequence[ConsumerRecord]) -> None:
        """Take in a run of one partition, in order; what cannot be read is passed over, since its writer is our own."""
        await look_up_schemas(self._worker, records)
        heads = self._heads.decode([record.value for record in records])
        for record, said, replaced in zip(_of(heads, records), _said(heads), _replaced(heads).tolist(), strict=True):
            if replaced:
                self._totals.hear(said, record.offset)
                continue
            with contextlib.suppress(Undecodable):
                self._totals.apply(self._worker.contracts.decode(CITY_DEMAND, record.value), record.offset)


def _of(heads: Columns, records: Sequence[ConsumerRecord]) -> Iterator[ConsumerRecord]:
    return (records[row] for row in heads.source_row.tolist())


def _said(heads: Columns) -> Iterator[Said]:
    kinds = (_KINDS[number] for number in heads.ints("kind").tolist())
    others = (heads.ints(name).tolist() for name in Said._fields if name != "kind")
    return (Said(*fields) for fields in zip(kinds, *others, strict=True))


def _replaced(heads: Columns) -> Bools:
    """Rows whose counts a later row of the run replaces."""
    source, pane, *order = (heads.ints(name) for name in _ORDER)
    replaced = np.zeros(source.size, np.bool_)
    cells = heads.is_symbol("kind", CountKind.CELLS)
    if heads.is_symbol("kind", CountKind.SNAPSHOT_COMPLETE).any() or _epochs_change(heads, source):
        return replaced
    rows = np.flatnonzero(cells)
    ascending = rows[np.lexsort((rows, *(column[rows] for column in reversed(order)), pane[rows], source[rows]))]
    same = (np.diff(source[ascending]) == 0) & (np.diff(pane[ascending]) == 0)
    replaced[ascending[:-1][same]] = True
    return replaced


def _epochs_change(heads: Columns, source: Int64s) -> bool:
    """Whether any source speaks under two epochs."""
    generation, started_ms = heads.ints("epoch_generation").tolist(), heads.ints("epoch_started_ms").tolist()
    epochs = {*zip(source.tolist(), generation, started_ms, strict=True)}
    return len(epochs) > len({*source.tolist()})
