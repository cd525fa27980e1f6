"""Distinct riders against the slow definition, and against their own past."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demand.rewind import complete_from, rewind_start
from demand.riders import RiderBook
from tests.strategies import NEAR_CELLS, Ask, compiling, demand_logs
from tests.unit.demand.riders_log import Known, counts_of, feed, slow_counts

HERE, THERE = NEAR_CELLS[:2]


def request(at_s, *, rider=1, cell=HERE, product=0, appended_s=None):
    appended_s = at_s if appended_s is None else appended_s
    return Ask(rider, cell, product, int(at_s * 1_000), int(appended_s * 1_000), booked=False)


@compiling
@given(demand_logs(most_disorder_ms=60_000))
def test_counts_equal_the_slow_definition(log):
    """Each pane holds the distinct riders and bookings that the definition counts, and the late ones are returned."""
    book = RiderBook()
    late = feed(book, log)
    assert Known().apply(book.changes()).from_pane(0) == slow_counts(log)
    assert sorted(late, key=repr) == sorted(
        (ask for ask in log if ask.appended_ms > ask.at_ms // 10_000 * 10_000 + 30_000), key=repr
    )


@compiling
@given(demand_logs(most_disorder_ms=60_000), st.randoms(use_true_random=False))
def test_neither_order_nor_duplicates_matter(log, chance):
    """A shuffled log with every third record repeated gives the same counts."""
    shuffled = log + log[::3]
    chance.shuffle(shuffled)
    assert counts_of(shuffled) == counts_of(log)


@compiling
@given(demand_logs(), st.integers(2, 4))
def test_counts_of_partitions_add_up(log, partitions):
    """Riders counted per source partition add up to the whole, since each rider lives in one."""
    parts = [counts_of([ask for ask in log if ask.who % partitions == number]) for number in range(partitions)]
    requests, bookings = (sum(map(type(whole), column), type(whole)()) for whole, column in _columns(log, parts))
    assert (requests, bookings) == slow_counts(log)


def _columns(log, parts):
    return zip(slow_counts(log), zip(*parts, strict=True), strict=True)


@compiling
@given(demand_logs(), st.integers(1, 9))
def test_forgetting_changes_nothing(log, size):
    """Publishing and forgetting after every batch leaves a reader with the counts of the whole log."""
    book, known = RiderBook(), Known()
    for start in range(0, len(log), size):
        batch = log[start : start + size]
        feed(book, batch, size=size)
        known.apply(book.changes())
        book.forget(batch[-1].appended_ms)
    assert known.from_pane(0) == slow_counts(log)


@compiling
@given(demand_logs(), st.integers(1, 9))
def test_forgetting_before_publishing_loses_nothing(log, size):
    """Panes with changes not yet taken are kept whole, bookings beside requests, until they are taken."""
    book = RiderBook()
    for start in range(0, len(log), size):
        batch = log[start : start + size]
        feed(book, batch, size=size)
        book.forget(batch[-1].appended_ms)
    assert Known().apply(book.changes()).from_pane(0) == slow_counts(log)


@compiling
@given(demand_logs(size=90), st.data())
def test_rewinding_from_any_commit_gives_the_same_panes(log, data):
    """Cut at any instant, a new epoch that rewinds knows every pane from `complete_from` on as if never interrupted.

    The former epoch had published everything up to the commit, so a reader of both knows all panes.
    """
    if not log:
        return
    committed = data.draw(st.integers(1, len(log)))
    stamp_ms = log[committed - 1].appended_ms
    former = RiderBook()
    feed(former, log[:committed])
    known = Known().apply(former.changes())

    successor = RiderBook(complete_from_ms=complete_from(stamp_ms))
    feed(successor, [ask for ask in log if ask.appended_ms >= rewind_start(stamp_ms)])
    panes = successor.changes()

    assert all(pane.start_ms >= complete_from(stamp_ms) for pane in panes)
    whole = slow_counts(log)
    from_start = [
        {key: count for key, count in counts.items() if key[0] >= complete_from(stamp_ms)} for counts in whole
    ]
    assert list(Known().apply(panes).from_pane(0)) == from_start
    assert known.apply(panes).from_pane(0) == whole


@pytest.mark.parametrize(
    ("asked_s", "committed_s", "again_s", "panes"),
    [
        # asks ─> everything committed up to ─> asks again        panes the successor counts, its bucket from 120 s on
        (125, 160, 170, {120: 1}),  # pane 120 has closed, yet the second request is of the same rider and bucket
        (125, 149, 170, {120: 1}),  # pane 120 is open
        (115, 160, 170, {170: 1}),  # the first lies in the bucket before: published by the former epoch
        (125, 280, 290, {290: 1}),  # the first bucket is over
    ],
)
def test_a_rewind_reaches_to_the_start_of_the_bucket(asked_s, committed_s, again_s, panes):
    """A rider who asked before the commit and again after it is not counted again in the same two minutes."""
    log = [request(asked_s), request(committed_s, rider=2, cell=THERE), request(again_s)]
    stamp_ms = committed_s * 1_000
    again = [ask for ask in log if ask.appended_ms >= rewind_start(stamp_ms)]
    requests, _ = counts_of(again, complete_from_ms=complete_from(stamp_ms))
    assert {pane // 1_000: count for (pane, cell, _), count in requests.items() if cell == HERE} == panes


@pytest.mark.parametrize(
    ("timeline", "panes"),
    [
        # seconds at which one rider asks, in order of arrival ─> {pane: riders}
        ([5, 12, 19], {0: 1}),
        ([12, 5], {0: 1}),
        ([19, 12, 5, 5], {0: 1}),
        ([119, 120], {110: 1, 120: 1}),  # a new bucket
        ([5, 125, 130], {0: 1, 120: 1}),
    ],
)
def test_a_rider_counts_once_per_bucket_in_the_earliest_pane(timeline, panes):
    """Asking again within two minutes adds nothing, whichever request came first."""
    requests, _ = counts_of([request(at_s) for at_s in timeline])
    assert {pane // 1_000: count for (pane, _, _), count in requests.items()} == panes


def test_cells_and_products_are_told_apart():
    """One rider who asks in two cells and for two products counts in each."""
    requests, _ = counts_of([request(5), request(6, cell=THERE), request(7, product=1)])
    assert requests == {(0, HERE, 0): 1, (0, THERE, 0): 1, (0, HERE, 1): 1}


def test_an_earlier_request_moves_the_count_and_changes_both_panes():
    """When the earlier request comes second, the later pane is published again without the rider."""
    book = RiderBook()
    feed(book, [request(12)])
    book.changes()
    feed(book, [request(5, appended_s=13)])
    panes = book.changes()
    assert [(pane.start_ms, dict(pane.requests), pane.changed) for pane in panes] == [
        (0, {(HERE, 0): 1}, {HERE}),
        (10_000, {}, {HERE}),
    ]


def test_a_repeated_request_changes_nothing():
    """A duplicate leaves nothing to publish."""
    book = RiderBook()
    feed(book, [request(12)])
    book.changes()
    feed(book, [request(12), request(14)])
    assert book.changes() == []


def test_thousands_of_riders_in_one_batch():
    """Growing in the middle of a bucket keeps everyone counted once for each of many products."""
    book = RiderBook()
    log = [request(5, rider=rider, product=product) for product in range(32) for rider in range(500)]
    feed(book, log + log, size=4_000)
    (pane,) = book.changes()
    assert pane.requests == {(HERE, product): 500 for product in range(32)}


def test_columns_of_different_lengths_are_refused():
    """A column that is too short is refused by name."""
    two, one = np.zeros(2, np.int64), np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="at_ms must have one value per event, 2, got 1"):
        RiderBook().ask(rider=two, cell=two, product=two, at_ms=one, appended_ms=two)
    with pytest.raises(ValueError, match="product must have one value per event, 2, got 1"):
        RiderBook().book(decision=two, cell=two, product=one, at_ms=two, appended_ms=two)
