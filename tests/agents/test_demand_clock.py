"""DEMAND forgets a pane when no record can change it any more, by append times: its own clock may be wrong."""

from types import SimpleNamespace

import numpy as np
import pytest

from agents.demand import FETCHED_WITHIN_MS, DemandPartition
from agents.runtime.counting import Source
from agents.runtime.telemetry import Meter
from topics.catalogue import BOOKING_DECISIONS, QUOTE_REQUESTS
from topics.counts import CountKind
from windows.epochs import Epoch
from windows.hexagons import cells_of
from windows.panes import GRACE_MS, PANE_MS

START_MS = 1_790_000_000_000
HERE = cells_of(np.array([40.75]), np.array([-73.98]))


def a_partition(has_read_all):
    """Of a new epoch that sells one product."""
    partition = DemandPartition(
        Source(partition=0, epoch=Epoch(1, START_MS), stamp_ms=None, has_read_all=has_read_all),
        source_partitions=1,
        zone_partitions=1,
        intakes={},
        worker=SimpleNamespace(meter=Meter(service="demand", worker="test")),
    )
    partition.know_products(["standard"])
    return partition


def ask(partition, rider, at_ms):
    """A rider asks and the broker has it at once; whether it was late."""
    partition._appended_ms[QUOTE_REQUESTS.name] = at_ms
    one = np.array([at_ms])
    (late,) = partition._book.ask(
        rider=np.array([rider]), cell=HERE, product=np.zeros(1, np.int64), at_ms=one, appended_ms=one
    )
    return late


def panes_told(partition, now_ms):
    """Panes that a flush at that instant tells zones of."""
    told = [one.record for one in partition.changes(now_ms)]
    return {record.pane_start_ms for record in told if record.kind is CountKind.CELLS}


@pytest.mark.parametrize("ahead_ms", [0, 60_000, 3_600_000, -3_600_000])
def test_a_clock_that_is_wrong_loses_no_request(ahead_ms):
    """Each request that is not late counts, whatever the worker takes for the time."""
    partition = a_partition(lambda _topic: True)
    for second in range(0, 60, 10):
        at_ms = START_MS + second * 1_000
        assert not ask(partition, second, at_ms)
        assert panes_told(partition, at_ms + ahead_ms) == {at_ms}


@pytest.mark.parametrize(("decisions_read", "still_held"), [(True, False), (False, True)])
def test_only_a_topic_with_something_left_to_read_keeps_panes(decisions_read, still_held):
    """Nobody books for a while: once the decisions are read to their end, the riders' panes go with newer requests."""
    partition = a_partition(lambda topic: topic == QUOTE_REQUESTS.name or decisions_read)
    partition._appended_ms[BOOKING_DECISIONS.name] = START_MS
    ask(partition, 1, START_MS)
    panes_told(partition, START_MS)
    ask(partition, 2, START_MS + 2 * PANE_MS + GRACE_MS + FETCHED_WITHIN_MS)
    panes_told(partition, START_MS)
    assert (START_MS in partition._book._requests.panes) is still_held
