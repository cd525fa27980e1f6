"""City totals taken in run by run, against taking in every record."""

import asyncio
from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.newest_totals import _HEAD, NewestTotals, _replaced
from agents.runtime.contracts import Contracts
from pricing.city_totals import CityTotals
from tests.unit.pricing.counts_log import CELL, START_MS, city, demand, demand_logs
from topics.catalogue import CITY_DEMAND
from topics.codec import ObjectCodec
from topics.schemas import schema_of

ID = 7
CODEC = ObjectCodec(CITY_DEMAND, ID)
WORKER = SimpleNamespace(
    contracts=Contracts({CITY_DEMAND.subject: ID}, {ID: schema_of(CITY_DEMAND)}),
    schema_ids=SimpleNamespace(known=lambda _schema_id: True),
)


def records_of(log):
    """The city's records of a log of zones, as they lie in the topic."""
    return [
        SimpleNamespace(key=b"%d" % one.source_partition, value=CODEC.encode(city(one)), offset=offset)
        for offset, one in enumerate(log)
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
@given(demand_logs(size=30, longest_step_ms=4_000), st.integers(1, 30), st.sets(st.integers(0, 29), max_size=3))
def test_totals_are_those_of_every_record(log, size, unreadable):
    """However the log is cut into runs, with snapshots, zombies and records that nobody can read among them."""
    records = records_of(log)
    for place in unreadable & set(range(len(records))):
        records[place].value = records[place].value[:-2]
    by_run, every = CityTotals(), CityTotals()
    asyncio.run(taken(NewestTotals(WORKER, by_run), records, size))
    for place, record in enumerate(records):
        if place not in unreadable:
            every.apply(CODEC.decode(record.value), record.offset)
    assert told(by_run) == told(every)


def test_only_the_last_counts_of_a_pane_are_decoded():
    """Of one source and pane; another source, another pane and what is no count stand for themselves."""
    log = [demand(offset=offset, asked={CELL: offset}) for offset in range(3)]
    log += [demand(source=1, asked={CELL: 1}), demand(pane=START_MS - 10_000, offset=3)]
    heads = WORKER.contracts.columns(CITY_DEMAND, ("kind", *_HEAD)).decode([one.value for one in records_of(log)])
    assert np.flatnonzero(_replaced(heads)).tolist() == [0, 1]
