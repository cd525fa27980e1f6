"""Which offset a partition may commit, and where its processing stands."""

from types import SimpleNamespace

import pytest
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.batches import Batch
from agents.runtime.deliveries import Deliveries
from agents.runtime.rewind import CommitNote, Span
from tests.unit.agents.record_batches import batch as coded
from tests.unit.agents.record_batches import raw_runs
from windows.epochs import Epoch

EPOCH = Epoch(3, 1000)


def objects(first, last):
    """Records appended at ten times their offset, as a list."""
    return [SimpleNamespace(offset=o, timestamp=10 * o) for o in range(first, last + 1)]


def arrays(first, last):
    """The same as a run."""
    rows = [(row, 10 * (first + row), b"k", b"v", []) for row in range(last - first + 1)]
    (run,) = raw_runs(coded(rows, base=first)).records
    return run


def batch(first, last, resume=0):
    """Return a batch of the records `[first, last]`, appended at ten times their offset."""
    return Batch.of(TP("t", 0), objects(first, last), epoch=EPOCH, resume=resume)


@pytest.mark.parametrize(
    ("acked", "commit", "position"),
    [
        # 0──9 10──19 20──29
        ((), None, 0),
        ((1,), None, 0),  #     the first is open: nothing
        ((0,), 10, 10),
        ((0, 2), 10, 10),  #    a hole holds back what follows
        ((2, 0, 1), 30, 30),
    ],
)
def test_commits_end_before_the_first_open_batch(acked, commit, position):
    """The offset to commit and the position are the end of the acknowledged prefix."""
    deliveries = Deliveries(Span(0, 0))
    handed = [batch(0, 9), batch(10, 19), batch(20, 29)]
    for b in handed:
        deliveries.deliver(b)
    for index in acked:
        handed[index].acked = True
        deliveries.settle()
    assert (deliveries.take_commit(), deliveries.position) == (commit, position)
    assert deliveries.take_commit() is None


def test_a_replay_commits_nothing_and_is_caught_up_at_the_committed_offset():
    """Replayed batches move the position, not the commit; a batch across the boundary commits its end."""
    deliveries = Deliveries(Span(100, 115))
    replayed, across = batch(100, 109, 115), batch(110, 119, 115)
    assert (replayed.live, across.live, across.replayed) == (False, True, 5)
    for b, commit, caught_up in ((replayed, None, False), (across, 120, True)):
        deliveries.deliver(b)
        b.acked = True
        deliveries.settle()
        assert (deliveries.take_commit(), deliveries.caught_up) == (commit, caught_up)


@pytest.mark.parametrize("records", [objects, arrays])
@pytest.mark.parametrize(
    ("acked", "since_ms"),
    [
        # 5──9 10──19 20──29
        ((), 50),
        ((1,), 50),  #     the first is open
        ((0,), 100),
        ((0, 2), 100),
        ((2, 0, 1), 0),  # nothing is
    ],
)
def test_what_waits_came_with_the_first_open_batch(records, acked, since_ms):
    """The append time of its first record; a batch that is acknowledged out of turn changes nothing."""
    deliveries = Deliveries(Span(5, 5))
    runs = [records(5, 9), records(10, 19), records(20, 29)]
    handed = [Batch.of(TP("t", 0), run, epoch=EPOCH, resume=5) for run in runs]
    assert deliveries.waits_since_ms == 0
    for b in handed:
        deliveries.deliver(b)
    for index in acked:
        handed[index].acked = True
        deliveries.settle()
    assert deliveries.waits_since_ms == since_ms


def test_an_idle_partition_is_caught_up():
    """With nothing to replay, or only offsets without records, no record is waited for."""
    assert Deliveries(Span(7, 7)).caught_up
    holes = Deliveries(Span(5, 8))
    assert not holes.caught_up
    holes.read_to(8)
    assert holes.caught_up


def test_the_note_belongs_to_the_offset_asked_for():
    """A batch acknowledged between asking and committing changes neither offset nor note of that commit."""
    deliveries = Deliveries(Span(0, 0))
    first, second = batch(0, 4), batch(5, 9)
    for b in (first, second):
        deliveries.deliver(b)
    first.acked = True
    deliveries.settle()
    assert deliveries.take_commit() == 5
    second.acked = True
    deliveries.settle()
    assert CommitNote.parse(deliveries.note_of(5)) == CommitNote(append_ms=40, epoch_ms=1000)
    assert deliveries.note_of(10) == ""


@given(sizes=st.lists(st.integers(1, 5), min_size=1, max_size=12), order=st.randoms(use_true_random=False))
def test_any_order_of_acknowledgements_commits_upwards_to_the_end(sizes, order):
    """However acknowledgements arrive, commits rise, never cover an open batch, and end at the last record."""
    deliveries, handed, first = Deliveries(Span(0, 0)), [], 0
    for size in sizes:
        handed.append(batch(first, first + size - 1))
        deliveries.deliver(handed[-1])
        first += size
    shuffled = order.sample(handed, len(handed))
    commits = []
    for b in shuffled:
        b.acked = True
        deliveries.settle()
        if (commit := deliveries.take_commit()) is not None:
            assert all(done.acked for done in handed if done.first_offset < commit)
            commits.append(commit)
    assert commits == sorted(set(commits))
    assert (commits[-1], deliveries.pending) == (first, False)
