"""From where a partition is read after an assignment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.runtime.rewind import CommitNote, CommittedBeyondEndError, Log, Span, back_by, epoch_start, span, stamp_of

NOTE = CommitNote(append_ms=5000, epoch_ms=9)


@pytest.mark.parametrize(
    ("log", "rewinds", "expected"),
    [
        #   first       rewound    committed      end
        (Log(10, 90, None, None), True, Span(10, 10)),  #        never committed: all is live
        (Log(10, 90, 50, NOTE, 30), True, Span(30, 50)),
        (Log(10, 90, 50, NOTE, 30), False, Span(50, 50)),  #     no policy: resume
        (Log(10, 90, 50, NOTE, None), True, Span(50, 50)),  #    nothing that young: resume
        (Log(10, 90, 50, NOTE, 70), True, Span(50, 50)),  #      never beyond the commit
        (Log(10, 90, 50, None), True, Span(10, 50)),  #          horizon unknown: all there is
        (Log(60, 90, 50, NOTE, 60), True, Span(60, 60)),  #      retention has passed the commit
    ],
)
def test_what_is_replayed(log, rewinds, expected):
    """The replay begins at the rewind point, ends at the commit and stays inside the log."""
    assert span("t[0]", log, rewinds=rewinds) == expected


@pytest.mark.parametrize(
    ("logs", "expected"),
    [
        ([Log(0, 90, None, None), Log(0, 90, None, None)], None),  #                    never committed
        ([Log(0, 90, 50, NOTE), Log(0, 9, 5, CommitNote(700, 1))], 700),  #             both have something left
        ([Log(0, 90, 50, NOTE), Log(0, 9, 9, CommitNote(700, 1))], 5000),  #            the older one has nothing left
        ([Log(0, 50, 50, NOTE), Log(0, 9, 9, CommitNote(700, 1))], 5000),  #            neither has
        ([Log(0, 90, 50, NOTE), Log(0, 9, None, None)], 0),  #                          one unread from its beginning
        ([Log(0, 90, 50, NOTE), Log(0, 9, 5, None)], 0),  #                             one of unknown horizon
    ],
)
def test_topics_of_one_state_are_rewound_together(logs, expected):
    """They are rewound from the oldest last record among those with something left to read."""
    assert stamp_of(logs) == expected


def test_a_log_that_ends_below_the_commit_is_refused():
    """A topic created anew under an old commit is named instead of being taken for replayed."""
    with pytest.raises(CommittedBeyondEndError, match=r"t\[0\] ends at 20, below its committed offset 50"):
        span("t[0]", Log(0, 20, 50, NOTE), rewinds=True)


@pytest.mark.parametrize("text", ["", "x", "1:5", "1:5:x", "2:5:7", "1:-5:7"])
def test_metadata_of_another_origin_is_no_note(text):
    """What an operator's tool leaves beside an offset is not taken for a note."""
    assert CommitNote.parse(text) is None


@given(append_ms=st.integers(0, 2**53), epoch_ms=st.integers(0, 2**53))
def test_notes_survive_the_broker(append_ms, epoch_ms):
    """Text and back is the same note."""
    note = CommitNote(append_ms, epoch_ms)
    assert CommitNote.parse(str(note)) == note


@given(now_ms=st.integers(0, 2**53), earlier=st.lists(st.integers(0, 2**53)))
def test_an_epoch_starts_after_all_earlier_ones(now_ms, earlier):
    """Also when the clock was set back."""
    started_ms = epoch_start(now_ms, *earlier)
    assert started_ms >= now_ms
    assert all(started_ms > e for e in earlier)


def test_a_negative_horizon_is_refused():
    """It would skip records."""
    with pytest.raises(ValueError, match="horizon_ms must not be negative, got -1"):
        back_by(-1)
