"""DEMAND says again and again that its counts are complete, for readers who begin in the middle of the log."""

from types import SimpleNamespace

from agents.demand import COMPLETE_AGAIN_MS, DemandPartition
from agents.runtime.counting import Source
from agents.runtime.telemetry import Meter
from topics.counts import CountKind
from windows.epochs import Epoch

START_MS = 1_790_000_000_000


def kinds(outgoing):
    return [one.record.kind for one in outgoing]


def test_completeness_is_said_again_every_ten_minutes_before_alive():
    """To every partition of the zones and to the city, with the same first instant, and not more often."""
    partition = DemandPartition(
        Source(partition=0, epoch=Epoch(1, START_MS), stamp_ms=START_MS, has_read_all=lambda _topic: True),
        source_partitions=1,
        zone_partitions=2,
        intakes={},
        worker=SimpleNamespace(meter=Meter(service="demand", worker="test")),
    )
    first = list(partition.snapshot_complete(START_MS))
    alive, complete = [CountKind.ALIVE] * 3, [CountKind.SNAPSHOT_COMPLETE] * 3
    assert kinds(first) == complete
    assert kinds(partition.alive(START_MS + COMPLETE_AGAIN_MS - 1)) == alive
    again = list(partition.alive(START_MS + COMPLETE_AGAIN_MS))
    assert kinds(again) == complete + alive
    assert {one.record.complete_from_ms for one in again[:3]} == {one.record.complete_from_ms for one in first}
    assert kinds(partition.alive(START_MS + COMPLETE_AGAIN_MS + 1_000)) == alive
    set_back = partition.alive(START_MS - COMPLETE_AGAIN_MS)
    assert kinds(set_back) == complete + alive
