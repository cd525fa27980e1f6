"""Each rule on outside records refuses what it names, by name, and nothing else."""

import numpy as np
import pytest

from tests.unit.topics.chunks import PING, framed
from topics.catalogue import BOOKING_DECISIONS, DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS
from topics.columns import ColumnDecoder
from topics.schemas import schema_of
from topics.validity import EARLIEST_MS, check_decisions, check_pings, check_requests, check_ride_events

NOW_MS = 1_700_000_000_000
REQUEST = {
    "request_id": "q1",
    "rider_id": "r1",
    "at_ms": NOW_MS,
    "pickup_lat": 40.7,
    "pickup_lon": -74.0,
    "dropoff_lat": 40.8,
    "dropoff_lon": -73.9,
    "product": "standard",
    "deadline_ms": None,
}
ACCEPTANCE = {
    "event_id": "e1",
    "rider_id": "r1",
    "ride_id": "x1",
    "kind": "QUOTE_ACCEPTED",
    "at_ms": NOW_MS,
    "quote_id": "q1",
    "amount_minor": 1250,
    "currency": "USD",
    "driver_id": None,
}
DECISION = {
    "decision_id": "d1",
    "quote_id": "q1",
    "ride_id": "x1",
    "rider_id": "r1",
    "outcome": "ACCEPTED",
    "refusal": "",
    "at_ms": NOW_MS,
    "now_ms": NOW_MS,
    "zone": 7,
    "cell": 8,
    "product": "standard",
    "currency": "USD",
    "amount_minor": 1250,
    "acceptance_offset": 0,
    "quote_offset": 0,
}
KINDS = {
    "pings": (check_pings, DRIVER_PINGS, PING, b"driver-1"),
    "requests": (check_requests, QUOTE_REQUESTS, REQUEST, b"r1"),
    "rides": (check_ride_events, RIDE_EVENTS, ACCEPTANCE, b"r1"),
    "decisions": (check_decisions, BOOKING_DECISIONS, DECISION, b"r1"),
}
DECODERS = {kind: ColumnDecoder(schema_of(topic), {1: schema_of(topic)}) for kind, (_, topic, _, _) in KINDS.items()}


def checked(kind, *changes, keys=None, garbage=()):
    """The check of one good record with each of `changes`; rows in `garbage` are values nobody can read."""
    check, topic, good, key = KINDS[kind]
    values = [
        b"rubbish" if row in garbage else framed(schema_of(topic), good | change) for row, change in enumerate(changes)
    ]
    columns = DECODERS[kind].decode(values)
    return check(columns, keys or [key] * len(values), np.full(len(values), NOW_MS))


@pytest.mark.parametrize("kind", KINDS)
def test_good_records_break_nothing(kind):
    """The record every other test here spoils is good."""
    good, bad = checked(kind, {}, {})
    assert good.tolist() == [True, True]
    assert bad == []


SPOILT = [
    ("pings", {"lat": 90.0001}, "lat", "coordinate-in-range"),
    ("pings", {"lon": -180.0001}, "lon", "coordinate-in-range"),
    ("pings", {"lat": float("nan")}, "lat", "coordinate-in-range"),
    ("pings", {"lon": float("inf")}, "lon", "coordinate-in-range"),
    ("pings", {"at_ms": NOW_MS + 5_001}, "at_ms", "time-not-in-future"),
    ("pings", {"at_ms": EARLIEST_MS}, "at_ms", "time-after-2000"),
    ("pings", {"at_ms": 1_700_000_000}, "at_ms", "time-after-2000"),
    ("pings", {"at_ms": -(2**63)}, "at_ms", "time-after-2000"),
    ("pings", {"products": []}, "products", "list-not-empty"),
    ("pings", {"driver_id": ""}, "driver_id", "text-not-empty"),
    ("pings", {"products": ["x" * 1_100]}, "products", "not-too-long"),
    ("requests", {"product": "é" * 129}, "product", "not-too-long"),
    ("rides", {"quote_id": "q" * 257}, "quote_id", "not-too-long"),
    ("requests", {"pickup_lat": -91.0}, "pickup_lat", "coordinate-in-range"),
    ("requests", {"pickup_lon": 181.0}, "pickup_lon", "coordinate-in-range"),
    ("requests", {"dropoff_lat": float("-inf")}, "dropoff_lat", "coordinate-in-range"),
    ("requests", {"dropoff_lon": float("nan")}, "dropoff_lon", "coordinate-in-range"),
    ("requests", {"at_ms": NOW_MS + 5_001}, "at_ms", "time-not-in-future"),
    ("requests", {"request_id": ""}, "request_id", "text-not-empty"),
    ("requests", {"product": ""}, "product", "text-not-empty"),
    ("rides", {"kind": "UNKNOWN"}, "kind", "enum-known"),
    ("rides", {"event_id": ""}, "event_id", "text-not-empty"),
    ("rides", {"ride_id": ""}, "ride_id", "text-not-empty"),
    ("rides", {"quote_id": None}, "quote_id", "present-when-accepted"),
    ("rides", {"amount_minor": None}, "amount_minor", "present-when-accepted"),
    ("rides", {"currency": None}, "currency", "present-when-accepted"),
    ("rides", {"currency": "US"}, "currency", "currency-code"),
    ("decisions", {"outcome": "UNKNOWN"}, "outcome", "enum-known"),
    ("decisions", {"decision_id": ""}, "decision_id", "text-not-empty"),
    ("decisions", {"cell": 0}, "cell", "present-when-accepted"),
    ("decisions", {"zone": 0}, "zone", "present-when-accepted"),
    ("decisions", {"product": ""}, "product", "text-not-empty"),
    ("decisions", {"currency": ""}, "currency", "currency-code"),
]


@pytest.mark.parametrize(("kind", "change", "field", "rule"), SPOILT)
def test_a_broken_rule_is_named_with_its_field(kind, change, field, rule):
    """One bad record among good ones: refused once, by field and rule, the others untouched."""
    good, bad = checked(kind, {}, change, {})
    assert good.tolist() == [True, False, True]
    (refusal,) = bad
    assert (refusal.row, refusal.error_class, refusal.field, refusal.rule) == (1, "InvalidField", field, rule)
    assert refusal.sentence.startswith(field)


FINE = [
    ("pings", {"lat": 90.0, "lon": -180.0}),
    ("pings", {"at_ms": NOW_MS + 5_000}),
    ("pings", {"at_ms": EARLIEST_MS + 1}),
    ("pings", {"status": "UNKNOWN"}),
    ("requests", {"deadline_ms": 0}),
    ("requests", {"product": "x" * 256}),
    ("rides", {"kind": "RIDE_STARTED", "quote_id": None, "amount_minor": None, "currency": None}),
    ("rides", {"amount_minor": 0}),
    ("decisions", {"outcome": "REFUSED", "cell": 0, "zone": 0, "product": "", "currency": "", "amount_minor": 0}),
]


@pytest.mark.parametrize(("kind", "change"), FINE)
def test_the_edges_of_the_rules_are_inside(kind, change):
    """Bounds are inclusive, and what only acceptances need is not asked of others."""
    good, bad = checked(kind, change)
    assert good.all()
    assert bad == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("key", "rule"), [(None, "key-present"), (b"", "key-present"), (b"someone", "key-equals-id")])
def test_the_key_is_who_the_record_is_about(kind, key, rule):
    """A missing or other key is refused with the value expected, so that a producer can mend it."""
    expected = KINDS[kind][3]
    good, (refusal,) = checked(kind, {}, {}, keys=[expected, key])
    assert good.tolist() == [True, False]
    assert (refusal.row, refusal.error_class, refusal.rule) == (1, "InvalidKey", rule)
    assert expected.decode() in refusal.sentence


def test_rows_of_refusals_count_values_not_readable_rows():
    """Keys and append times belong to values; those before a readable one may be unreadable."""
    keys = [None, b"driver-1", None, b"driver-1"]
    good, bad = checked("pings", {}, {}, {}, {"lat": 99.0}, keys=keys, garbage=(0, 2))
    assert good.tolist() == [True, False]
    assert [refusal.row for refusal in bad] == [3]


def test_a_record_that_breaks_several_rules_is_refused_once():
    """One dead letter each, for the first rule in order."""
    _, bad = checked("pings", {"lat": 99.0, "lon": 999.0, "products": []})
    assert [refusal.field for refusal in bad] == ["lat"]
