"""Records as rows: keyed by where they stand, whole, and whatever they are."""

import json
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.recorder_rows import NO_ZEROES, QUOTES_TABLE, RECORDED, TABLE_OF, TABLES, row_of
from infra.migrations import partitions
from topics.catalogue import EVERY_TOPIC, QUOTES, RIDE_EVENTS
from topics.events import RideEventHappened, RideEventKind

MIDNIGHT_MS = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp() * 1000)
EVENT = RideEventHappened(
    event_id="e1", rider_id="r1", ride_id="ride", kind=RideEventKind.RIDE_STARTED, at_ms=MIDNIGHT_MS
)


def received(*, appended_ms=MIDNIGHT_MS, headers=()):
    """A record as a consumer gives it."""
    return SimpleNamespace(partition=2, offset=7, timestamp=appended_ms, key=b"r1", value=b"bytes", headers=headers)


def named(row, table):
    """A row's values by column."""
    return dict(zip(table.columns, row.values, strict=True))


@pytest.mark.parametrize(
    ("appended_ms", "day"), [(MIDNIGHT_MS - 1, date(2026, 2, 28)), (MIDNIGHT_MS, date(2026, 3, 1))]
)
def test_the_day_is_that_of_the_append_time_in_utc(appended_ms, day):
    """One millisecond before midnight is the day before, to the millisecond."""
    row = row_of(RIDE_EVENTS, received(appended_ms=appended_ms), EVENT)
    said = named(row, TABLE_OF[RIDE_EVENTS.name])
    assert row.day == said["day"] == day
    assert round(said["appended_at"].timestamp() * 1000) == appended_ms
    assert (said["topic"], said["partition"], said["record_offset"]) == (RIDE_EVENTS.name, 2, 7)


def test_the_whole_record_stands_beside_its_columns():
    """What a column leaves out is in `record`."""
    row = row_of(RIDE_EVENTS, received(), EVENT)
    said = named(row, TABLE_OF[RIDE_EVENTS.name])
    assert json.loads(said["record"]) == asdict(EVENT)
    assert (said["rider_id"], said["kind"], said["quote_id"]) == ("r1", "RIDE_STARTED", None)
    assert (said["unreadable_value"], said["unreadable_reason"], row.unreadable) == (None, None, False)


def test_a_record_nobody_can_read_is_kept_as_bytes_with_the_reason():
    """Nothing but its place, bytes and reason is known."""
    row = row_of(RIDE_EVENTS, received(), None, "no frame")
    table = TABLE_OF[RIDE_EVENTS.name]
    said = named(row, table)
    assert (said["unreadable_value"], said["unreadable_reason"], row.unreadable) == (b"bytes", "no frame", True)
    assert {said[name] for name in (*table.asked_by, "record")} == {None}


@given(st.text(max_size=20) | st.text("\x00\\u0", max_size=12))
def test_only_texts_with_a_zero_character_are_kept_as_bytes(text):
    """A backslash before "u0000" in the text itself is no zero character."""
    row = row_of(RIDE_EVENTS, received(), replace(EVENT, ride_id=text))
    said = named(row, TABLE_OF[RIDE_EVENTS.name])
    assert row.unreadable == ("\x00" in text)
    assert said["unreadable_reason"] == (NO_ZEROES if "\x00" in text else None)


def test_headers_are_kept_in_order_whatever_their_bytes():
    """Repeated names stay, missing values stay missing, what is no text is escaped."""
    row = row_of(RIDE_EVENTS, received(headers=[("a", b"1"), ("a", None), ("b\x00", b"\xff\x00")]), EVENT)
    said = json.loads(named(row, TABLE_OF[RIDE_EVENTS.name])["headers"])
    assert said == [
        {"name": "a", "value": "1"},
        {"name": "a", "value": None},
        {"name": "b\\x00", "value": "\\xff\\x00"},
    ]


def test_every_topic_the_recorder_reads_has_a_table_and_says_so():
    """Catalogue, tables and partitions agree on what is recorded and where."""
    assert {topic.name for topic in RECORDED} == set(TABLE_OF)
    assert {topic.name for topic in EVERY_TOPIC if "recorder" in topic.readers} == set(TABLE_OF)
    assert tuple(table.name for table in TABLES) == partitions.TABLES
    assert TABLE_OF[QUOTES.name] is QUOTES_TABLE
