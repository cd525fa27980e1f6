"""Single records: other versions are read, everything else is refused by name."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.topics.chunks import PING, altered, framed
from topics.catalogue import DRIVER_PINGS, MARKETS, SURGE
from topics.codec import ObjectCodec
from topics.columns import ColumnDecoder
from topics.control import Jurisdiction, LatLon, MarketDefined
from topics.events import DriverPinged, DriverStatus
from topics.prices import SurgeTicked
from topics.refusals import Undecodable
from topics.schemas import parse, schema_of, text_of

PINGS = json.loads(text_of(DRIVER_PINGS))
CODEC = ObjectCodec(DRIVER_PINGS, schema_id=1)
DECODER = ColumnDecoder(PINGS, {1: PINGS})
GOOD = framed(PINGS, PING)


def test_an_older_writer_is_read_with_defaults():
    """What an older app did not know takes the default the contract states."""
    older = altered(PINGS, lambda fields: [fields.pop("products"), fields.pop("free_at_ms")])
    ping = CODEC.decode(framed(older, PING), older)
    assert ping == DriverPinged(
        driver_id="driver-1", at_ms=PING["at_ms"], lat=40.7, lon=-74.0, status=DriverStatus.IDLE
    )


def test_a_newer_writer_is_read_without_what_is_not_known_yet():
    """A field of a later version is passed over, a symbol of a later version is UNKNOWN."""

    def later(fields):
        fields["status"]["type"]["symbols"].append("CHARGING")
        fields["seats"] = {"name": "seats", "type": {"type": "map", "values": "int"}, "default": {}}

    newer = altered(PINGS, later)
    ping = CODEC.decode(framed(newer, PING | {"status": "CHARGING", "seats": {"front": 1}}), newer)
    assert ping.status is DriverStatus.UNKNOWN
    assert ping.products == ["standard", "xl"]


def test_nested_records_and_enums_come_back_as_their_classes():
    """No dict and no bare text is left where the class has something better."""
    market = MarketDefined(
        market="nyc",
        name="New York",
        effective_from_ms=0,
        time_zone="America/New_York",
        currency="USD",
        boundary=[LatLon(lat=40.0, lon=-74.0)],
        jurisdictions=[Jurisdiction(jurisdiction="us-ny", boundary=[LatLon(lat=1.0, lon=2.0)])],
    )
    codec = ObjectCodec(MARKETS, schema_id=4)
    back = codec.decode(codec.encode(market))
    assert back == market
    assert isinstance(back.jurisdictions[0].boundary[0], LatLon)
    assert isinstance(CODEC.decode(GOOD).status, DriverStatus)


@pytest.mark.parametrize(
    ("value", "field", "rule"),
    [
        (None, "", "value-present"),
        (b"\0\0\0\0", "", "confluent-frame"),
        (GOOD[:-1], "free_at_ms", "matches-schema"),
        (GOOD + b"x", "", "no-trailing-bytes"),
        (GOOD.replace(b"driver", b"driv\xff\xff"), "driver_id", "text-is-utf-8"),
    ],
)
def test_a_value_that_cannot_be_read_is_refused_by_field_and_rule(value, field, rule):
    """One class of error, whatever is wrong with the bytes."""
    with pytest.raises(Undecodable) as refused:
        CODEC.decode(value)
    assert (refused.value.field, refused.value.rule) == (field, rule)


def test_a_schema_that_cannot_become_the_current_one_is_refused():
    """A required field the writer never had leaves nothing to read."""
    stranger = altered(PINGS, lambda fields: fields.pop("driver_id"))
    with pytest.raises(Undecodable, match="cannot be read as the current one") as refused:
        CODEC.decode(framed(stranger, PING), stranger)
    assert refused.value.rule == "schema-compatible"


@settings(max_examples=300, deadline=None)
@given(at=st.integers(5, len(GOOD)), cut=st.integers(0, 2), put=st.binary(max_size=2))
def test_objects_and_columns_refuse_the_same_values(at, cut, put):
    """A record one service can read is one every service can read, and the same one."""
    value = GOOD[:at] + put + GOOD[at + cut :]
    columns = DECODER.decode([value])
    if columns.bad:
        with pytest.raises(Undecodable) as refused:
            CODEC.decode(value)
        said = refused.value
        assert [bad[1:] for bad in columns.bad] == [(said.error_class, said.field, said.rule, said.sentence)]
        return
    ping = CODEC.decode(value)
    assert columns.texts("driver_id") == [ping.driver_id]
    assert columns.lists("products") == [ping.products]
    assert columns.is_symbol("status", ping.status).tolist() == [True]


def test_a_number_too_wide_for_its_field_is_not_published():
    """The library would write it, and nobody could read it: the writer is told at once."""
    required = {field["name"]: 0 for field in schema_of(SURGE)["fields"] if "default" not in field}
    tick = SurgeTicked(
        **required | {"market": "nyc", "model": "", "supply_complete": True, "demand_complete": True, "eta_s": [2**31]}
    )
    with pytest.raises(ValueError, match=r"eta_s must fit its Avro type in surge\.v1, got \[2147483648\]"):
        ObjectCodec(SURGE, schema_id=1).encode(tick)


def test_a_schema_that_says_the_same_is_not_resolved():
    """The current schema from the registry or a file, parsed or not, is read the fast way."""
    codec = ObjectCodec(SURGE, schema_id=1)
    assert not codec._writer(json.loads(text_of(SURGE))).resolve
    assert not codec._writer(parse(text_of(SURGE))).resolve
    assert codec._writer(altered(json.loads(text_of(SURGE)), lambda fields: fields.pop("currency"))).resolve
