"""City totals taken in run by run, against taking in every record."""

import asyncio
import contextlib
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.newest_totals import _HEAD, NewestTotals, _replaced
from agents.runtime.contracts import Contracts
from pricing.zones.city_totals import CityTotals
from tests.unit.pricing.counts_log import CELL, START_MS, ZONE, city, demand, demand_logs
from topics.catalogue import CITY_DEMAND
from topics.codec import ObjectCodec
from topics.counts import CountKind
from topics.schemas import schema_of

ID = 7
PLACES = st.sets(st.integers(0, 29), max_size=3)
CODEC = ObjectCodec(CITY_DEMAND, ID)
WORKER = SimpleNamespace(
    contracts=Contracts({CITY_DEMAND.subject: ID}, {ID: schema_of(CITY_DEMAND)}),
    schema_ids=SimpleNamespace(known=lambda _schema_id: True),
)


def records_of(log, contradicting=()):
    """The city's records of a log of zones, as they lie in the topic; those at some places name a zone too many."""
    said = [city(one) for one in log]
    for place in contradicting:
        said[place] = replace(said[place], zones=[*said[place].zones, ZONE])
    return [
        SimpleNamespace(key=b"%d" % one.source_partition, value=CODEC.encode(one), offset=offset)
        for offset, one in enumerate(said)
    ]


def told(totals):
    """All that the totals know, their counts as lists."""
    by_pane = [
        (pane, source, counts.order, counts.at.tolist(), counts.requests.tolist(), counts.bookings.tolist())
        for pane, by_source in totals.panes.standing.items()
        for source, counts in by_source.items()
    ]
    held = [
        (source, pane, counts.order, counts.requests.tolist())
        for source, by_pane_held in totals.panes.held.items()
        for pane, counts in by_pane_held.items()
    ]
    return totals.progress, sorted(by_pane), sorted(held)


async def taken(newest, records, size):
    """Take the log in by runs of that size."""
    for start in range(0, len(records), size):
        await newest.take(records[start : start + size])


@settings(max_examples=30, deadline=None)
@given(demand_logs(size=30, longest_step_ms=4_000), st.integers(1, 30), PLACES, PLACES)
def test_totals_are_those_of_every_record(log, size, unreadable, contradicting):
    """However the log is cut into runs, with snapshots, zombies and records among them that nobody can take in.

    One whose arrays contradict each other says that its writer is alive, and replaces no counts.
    """
    records = records_of(log, contradicting & set(range(len(log))))
    for place in unreadable & set(range(len(records))):
        records[place].value = records[place].value[:-2]
    by_run, every = CityTotals(), CityTotals()
    asyncio.run(taken(NewestTotals(WORKER, by_run), records, size))
    for record in records:
        with contextlib.suppress(ValueError):
            every.apply(CODEC.decode(record.value), record.offset)
    assert told(by_run) == told(every)


def test_counts_that_contradict_themselves_replace_none():
    """The newest of a run has a zone too many: the counts before it stand."""
    log = [demand(CountKind.SNAPSHOT_COMPLETE), demand(offset=1, asked={CELL: 1}), demand(offset=2, asked={CELL: 2})]
    log += [demand(offset=3, asked={CELL: 3})]
    totals = CityTotals()
    asyncio.run(NewestTotals(WORKER, totals).take(records_of(log, [3])))
    assert totals.panes.standing[START_MS][0].requests_offset == 2
    assert totals.progress.applied_offset == 3


def test_only_the_last_counts_of_a_pane_are_decoded():
    """Of one source and pane; another source, another pane and what is no count stand for themselves."""
    log = [demand(offset=offset, asked={CELL: offset}) for offset in range(3)]
    log += [demand(source=1, asked={CELL: 1}), demand(pane=START_MS - 10_000, offset=3)]
    heads = WORKER.contracts.columns(CITY_DEMAND, ("kind", *_HEAD)).decode([one.value for one in records_of(log)])
    assert np.flatnonzero(_replaced(heads)).tolist() == [0, 1]
