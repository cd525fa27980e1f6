"""Frames and headers, theirs and ours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topics import wire

TRACE = wire.Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)


@given(st.integers(-(2**31), 2**31 - 1), st.binary(max_size=9))
def test_a_frame_gives_back_its_schema_id(schema_id, body):
    """Any registry id survives, and the body stands right behind it."""
    value = wire.frame(schema_id, body)
    assert wire.schema_id(value) == schema_id
    assert value[wire.FRAME_BYTES :] == body


@pytest.mark.parametrize("value", [b"", b"\0\0\0\0", b"\1\0\0\0\1x", b'{"a":1}'])
def test_what_has_no_frame_has_no_schema_id(value):
    """Short values, other magic bytes and JSON are told apart from frames."""
    assert wire.schema_id(value) is None


@given(st.text(min_size=1), st.integers(0, 253_402_300_799_999))
def test_headers_come_back_as_they_went(name, time_ms):
    """Event attributes and trace survive between other people's headers, to the millisecond."""
    event = wire.Event(name.encode(errors="replace").decode(), "quotes", "QuoteAnswered", time_ms)
    said = [("x", b"1"), *wire.headers(event, TRACE), ("ce_other", None)]
    assert wire.event_of(said) == event
    assert wire.trace_of(said) == TRACE


def test_a_trace_is_written_as_the_standard_shows_it():
    """The example of W3C Trace Context, section 3.2."""
    assert wire.traceparent(TRACE) == b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert wire.trace_of(
        [("traceparent", b"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-later")]
    ) == TRACE._replace(sampled=False)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"\xff",
        b"00-0-0-01",
        b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01",
        b"ff-" + b"1" * 32 + b"-00f067aa0ba902b7-01",
        None,
    ],
)
def test_a_malformed_trace_is_no_trace(said):
    """A bad traceparent is ignored, as the standard asks, and never an error."""
    assert wire.trace_of([("traceparent", said)]) is None


@pytest.mark.parametrize("time", [b"yesterday", b"2024-01-01T00:00:00", b"", b"\xff"])
def test_an_unreadable_time_leaves_the_rest_of_the_event(time):
    """A foreign producer's time without offset, or nonsense, is no time; the id still counts."""
    assert wire.event_of([("ce_id", b"1"), ("ce_time", time)]) == wire.Event("1", "", "", None)
    assert wire.event_of([("ce_time", b"2024-01-01T01:00:00+01:00"), ("ce_id", b"1")]).time_ms == 1_704_067_200_000


def test_records_of_strangers_carry_no_event():
    """Without an id there is no event."""
    assert wire.event_of([("ce_source", b"x"), ("id", b"1")]) is None
