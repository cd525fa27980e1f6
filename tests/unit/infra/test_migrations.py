"""Versions and daily partitions, as far as they need no database."""

import io
import json
import re
from datetime import date, timedelta

import pytest
from fastavro import schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from infra.migrations.erasure import STATEMENTS, forms_of
from infra.migrations.partitions import TABLES, Partition, bounded_today, days_ahead, expired, first_kept
from infra.migrations.versions import DatabaseNewerError, Migration, known_migrations, pending

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))
STEPS = (Migration(1, "one", ""), Migration(2, "two", ""))


@given(st.sampled_from(TABLES), DAYS)
def test_a_partition_is_found_by_its_name(table, day):
    """Its name says table and day."""
    assert Partition.named(Partition(table, day).name) == Partition(table, day)


@pytest.mark.parametrize("name", ["quotes", "quotes_2026", "quotes_20261301", "riders_20260101", "quotes_20260101_old"])
def test_tables_of_others_are_no_partitions(name):
    """They are never dropped."""
    assert Partition.named(name) is None


@given(DAYS, st.integers(1, 400), st.sets(DAYS))
def test_exactly_the_days_kept_stay(today, keep_days, days):
    """Of any partitions, the last `keep_days` days and all days to come stay; the rest goes, oldest first."""
    parts = [Partition("quotes", day) for day in days]
    gone = [part.day for part in expired(parts, first_kept(today, keep_days))]
    assert gone == sorted(day for day in days if (today - day).days >= keep_days)


@given(DAYS, DAYS)
def test_a_clock_that_is_ahead_is_bounded_by_what_the_brokers_said(local, newest):
    """Today is never beyond the day after the newest record, and never beyond this machine's."""
    today = bounded_today(local, newest)
    assert today <= newest + timedelta(days=1)
    assert today == local or today < local


@given(DAYS)
def test_today_and_two_days_are_made(today):
    """So a recorder that stops at noon finds a place for what it reads the day after tomorrow."""
    assert [(day - today) // timedelta(days=1) for day in days_ahead(today)] == [0, 1, 2]


@pytest.mark.parametrize("keep_days", [0, -1])
def test_keeping_no_day_is_refused(keep_days):
    """Today is always kept."""
    with pytest.raises(ValueError, match="keep_days must be positive"):
        first_kept(date(2026, 1, 1), keep_days)


@pytest.mark.parametrize(("version", "missing"), [(0, ["one", "two"]), (1, ["two"]), (2, [])])
def test_what_is_missing_follows_the_version(version, missing):
    """In order, and nothing twice."""
    assert [step.name for step in pending(version, STEPS)] == missing


def test_a_newer_database_is_refused_with_both_versions():
    """The sentence says what to do."""
    with pytest.raises(DatabaseNewerError, match="is of version 3, this Faretide knows versions up to 2: use"):
        pending(3, STEPS)


@pytest.mark.parametrize("names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"]])
def test_migrations_with_gaps_are_refused(tmp_path, names):
    """A step that got lost or came twice is found before anything is applied."""
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with pytest.raises(ValueError, match="numbered from 1 without gaps"):
        known_migrations(tmp_path)


def as_json(identity):
    """A text as producers write it: as it is, escaped in small or large digits, with or without the solidus escaped."""
    raw, small = json.dumps(identity, ensure_ascii=False), json.dumps(identity)
    large = re.sub(r"(?<!\\)((?:\\\\)*\\u)([0-9a-f]{4})", lambda found: found[1] + found[2].upper(), small)
    ways = (raw, small, large)
    return [way.encode() for way in (*ways, *(way.replace("/", "\\/") for way in ways))]


@pytest.mark.parametrize(
    "identity", ["rider-1", "ü" * 40, "r" * 64, "r" * 9000, 'a"b', "a\\b", "\t/é", "\\u00fc", "🚕"]
)
def test_an_id_is_found_as_avro_and_json_write_it_and_not_as_part_of_a_longer_one(identity):
    """Refused bytes are looked through for a person to erase; nobody else's may go with them."""
    _, avro, quoted = forms_of(identity)
    for other in {identity, identity + "0", "0" + identity, "ü"}:
        out = io.BytesIO()
        schemaless_writer(out, {"type": "string"}, other)
        assert (avro in out.getvalue()) == (other == identity)
        for said in as_json(other):
            assert any(form in said for form in quoted) == (other == identity), said


@pytest.mark.parametrize("person", ["rider", "driver"])
def test_rows_that_cannot_be_read_are_looked_through(person):
    """Their columns say nothing of whom they are about; every statement is given every form of the id."""
    for table, statement in STATEMENTS[person].items():
        assert all(form in statement for form in ("$1", "$2", "$3"))
        assert table == "redrives" or "record_key = $1 OR position($2 IN coalesce(unreadable_value" in statement
