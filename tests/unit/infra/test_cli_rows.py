"""Rows of files: what cannot be read is named by line, field and rule; the rest is kept."""

import io
import json
import math
from dataclasses import asdict

import fastavro
import pytest
from hypothesis import assume, given

from infra.cli.output import to_json
from infra.cli.preparing import Preparer
from infra.cli.publish import _name
from infra.cli.rows import FileFormat, FileRefusedError, format_of, read_rows
from infra.cli.shapes import RowRefusedError, record_shape
from tests.strategies import records
from topics.catalogue import DRIVER_PINGS, MARKETS, MODELS, QUOTE_REQUESTS, RIDE_EVENTS, TELEMETRY
from topics.events import DriverPinged, DriverStatus
from topics.schemas import schema_of

NOW_MS = 1_790_000_000_000
PING = {"driver_id": "d1", "at_ms": NOW_MS, "lat": 40.7, "lon": -73.9, "status": "IDLE", "products": ["xl"]}


def rows_of(data, file_format):
    """Lines, values and rules of the rows in `data`."""
    source = io.BytesIO(data)
    return [
        (row.line, row.problem.rule if row.problem else row.values)
        for row in read_rows(source, FileFormat(file_format))
    ]


def prepared(topic, data, file_format="jsonl", *, dates=False):
    """What becomes of the rows in `data`: records, and (line, field, rule) of those refused."""
    chosen = FileFormat(file_format)
    preparer = Preparer(topic, 7, textual=chosen is FileFormat.CSV, dates=dates, clock_ms=lambda: NOW_MS)
    ready, refused = preparer.prepare(read_rows(io.BytesIO(data), chosen))
    return [row.record for row in ready], [(bad.line, bad.field, bad.rule) for bad in refused]


def lines(*objects):
    """Objects as a JSONL file."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in objects)


def test_json_lines_count_every_line():
    """Empty lines are passed over but counted; a byte order mark and a missing last newline do no harm."""
    data = b'\xef\xbb\xbf{"a": 1}\n\n  \nnope\n[1]\n{"a": 2}'
    assert rows_of(data, "jsonl") == [(1, {"a": 1}), (4, "line-is-json"), (5, "line-is-object"), (6, {"a": 2})]


def test_csv_lines_count_through_quoted_cells():
    """A cell over two lines belongs to the row's first line; empty cells say nothing; short rows are named."""
    data = b'a,b\r\n1,"x\r\ny"\r\n2,\r\n3\r\n\r\n4,"q"q\r\n5,z\r\n'
    assert rows_of(data, "csv") == [
        (2, {"a": "1", "b": "x\r\ny"}),
        (4, {"a": "2"}),
        (5, "cells-match-header"),
        (7, "line-is-csv"),
        (8, {"a": "5", "b": "z"}),
    ]


@pytest.mark.parametrize("end", [b"", b'4,5\n6,"c"\n'])
def test_a_stray_quote_in_csv_costs_its_own_line(end):
    """Whether a later quote ends the cell or the file does: the rows between are rows, and the range is told."""
    data = b'a,b\n1,"x\n2,y\n3,z\n' + end
    assert rows_of(data, "csv")[:3] == [(2, "line-is-csv"), (3, {"a": "2", "b": "y"}), (4, {"a": "3", "b": "z"})]
    assert len(rows_of(data, "csv")) == 3 + end.count(b"\n")
    refused = next(row.problem for row in read_rows(io.BytesIO(data), FileFormat.CSV) if row.problem)
    assert f"goes on to line {data.count(10)}" in refused.sentence


def test_a_stray_quote_that_another_closes_costs_the_lines_of_the_two():
    """The row of all of them has too many cells, or too few."""
    data = b'a,b\n1,"x\n2,y\n3,z",4\n5,q\n'
    assert rows_of(data, "csv") == [
        (2, "cells-match-header"),
        (3, {"a": "2", "b": "y"}),
        (4, "cells-match-header"),
        (5, {"a": "5", "b": "q"}),
    ]


def test_a_header_that_is_not_utf_8_is_named_in_json(capsys):
    """By escapes: JSON has no form for other bytes."""
    preparer = Preparer(DRIVER_PINGS, 7, textual=True, dates=True)
    _, (refused,) = preparer.prepare(read_rows(io.BytesIO(b"caf\xe9\n1\n"), FileFormat.CSV))
    _name(refused, as_json=True)
    said = json.loads(capsys.readouterr().err)
    assert said["field"] == "caf\\udce9"
    assert "caf\\udce9" in said["sentence"]


@pytest.mark.parametrize(("data", "said"), [(b"", "must name the fields"), (b"a,a\n1,2\n", "each field once")])
def test_csv_without_a_usable_header_is_refused_whole(data, said):
    """Without names no row means anything."""
    with pytest.raises(FileRefusedError, match=said):
        rows_of(data, "csv")


def test_avro_rows_before_the_damage_are_kept():
    """A truncated container gives its whole blocks, then says after which row it broke."""
    out = io.BytesIO()
    fastavro.writer(out, schema_of(DRIVER_PINGS), [PING] * 3, sync_interval=1)
    rows = read_rows(io.BytesIO(out.getvalue()[:-5]), FileFormat.AVRO)
    assert [next(rows).line, next(rows).line] == [1, 2]
    with pytest.raises(FileRefusedError, match="cannot read it after row"):
        list(rows)


@pytest.mark.parametrize(
    ("name", "known"), [("a.JSONL", "jsonl"), ("a.ndjson", "jsonl"), ("a.csv", "csv"), ("a.avro", "avro")]
)
def test_endings_say_the_format(name, known):
    """Case does not matter."""
    assert format_of(name) is FileFormat(known)


def test_an_unknown_ending_names_the_known_ones():
    """And the option that helps."""
    with pytest.raises(FileRefusedError, match=r"\.jsonl.*--format"):
        format_of("pings.parquet")


def test_good_rows_stay_and_bad_ones_are_named_in_order():
    """Each kind of fault by line, field and rule, beside two good rows."""
    data = lines(
        PING,
        PING | {"lat": "40.7"},
        {name: value for name, value in PING.items() if name != "lon"},
        PING | {"speed": 3},
        PING | {"at_ms": 1.5},
        PING | {"at_ms": True},
        PING | {"at_ms": 2**63},
        PING | {"status": "ASLEEP"},
        PING | {"products": "xl"},
        PING | {"products": ["xl", 3]},
        PING | {"lat": 90.5},
        PING | {"at_ms": NOW_MS + 60_000},
        PING | {"driver_id": ""},
        PING | {"free_at_ms": None, "lat": 40},
    )
    good, bad = prepared(DRIVER_PINGS, data)
    assert [ping.lat for ping in good] == [40.7, 40.0]
    assert bad == [
        (2, "lat", "type-fits"),
        (3, "lon", "field-present"),
        (4, "speed", "field-known"),
        (5, "at_ms", "type-fits"),
        (6, "at_ms", "type-fits"),
        (7, "at_ms", "type-fits"),
        (8, "status", "type-fits"),
        (9, "products", "type-fits"),
        (10, "products[1]", "type-fits"),
        (11, "lat", "coordinate-in-range"),
        (12, "at_ms", "time-not-in-future"),
        (13, "driver_id", "text-not-empty"),
    ]


@pytest.mark.parametrize("file_format", ["jsonl", "csv"])
def test_an_event_that_does_not_say_when_happens_now_if_it_may(file_format):
    """Where a time is asked for it must be there: a dead letter that is put back keeps its own."""
    undated = {name: value for name, value in PING.items() if name != "at_ms"} | {"products": "xl"}
    data = b"driver_id,lat,lon,status,products\nd1,40.7,-73.9,IDLE,xl\n"
    if file_format == "jsonl":
        data = lines(undated | {"products": ["xl"]})
    assert prepared(DRIVER_PINGS, data, file_format)[1][0][1:] == ("at_ms", "field-present")
    (ping,), refused = prepared(DRIVER_PINGS, data, file_format, dates=True)
    assert (ping.at_ms, refused) == (NOW_MS, [])


def test_csv_text_is_read_as_the_schema_says():
    """Numbers, enums, lists of two notations, and empty cells for defaults."""
    data = (
        "driver_id,at_ms,lat,lon,status,products,free_at_ms\n"
        f"7,{NOW_MS},40,-7.5e1,BUSY,standard; xl,{NOW_MS}\n"
        f'd2,{NOW_MS},40,-73.9,IDLE,"[""xl""]",\n'
        f"d3,{NOW_MS},forty,-73.9,IDLE,xl,\n"
        f"d4,1_000,40,-73.9,IDLE,xl,\n"
        f"d5,{NOW_MS},nan,-73.9,IDLE,xl,\n"
        f"d6,{NOW_MS},40,-73.9,IDLE,[xl,\n"
    ).encode()
    good, bad = prepared(DRIVER_PINGS, data, "csv")
    assert good[0] == DriverPinged(
        driver_id="7",
        at_ms=NOW_MS,
        lat=40.0,
        lon=-75.0,
        status=DriverStatus.BUSY,
        products=["standard", "xl"],
        free_at_ms=NOW_MS,
    )
    assert (good[1].products, good[1].free_at_ms) == (["xl"], None)
    assert bad == [
        (4, "lat", "type-fits"),
        (5, "at_ms", "type-fits"),
        (6, "lat", "type-fits"),
        (7, "products", "type-fits"),
    ]


def test_csv_that_is_not_utf8_is_refused_by_field():
    """One badly encoded name does not end the file."""
    head = b"driver_id,at_ms,lat,lon,status,products\n"
    row = b",%d,40,-73,IDLE,xl\n" % NOW_MS
    good, bad = prepared(DRIVER_PINGS, head + b"J\xf6rg" + row + "Jörg".encode() + row, "csv")
    assert [ping.driver_id for ping in good] == ["Jörg"]
    assert bad == [(2, "driver_id", "text-is-utf-8")]


def test_avro_timestamps_become_milliseconds():
    """A producer that calls its long a timestamp-millis is read like any other."""
    schema = json.loads(json.dumps(schema_of(DRIVER_PINGS)))
    at_ms = next(field for field in schema["fields"] if field["name"] == "at_ms")
    at_ms["type"] = {"type": "long", "logicalType": "timestamp-millis"}
    out = io.BytesIO()
    fastavro.writer(out, schema, [PING])
    good, bad = prepared(DRIVER_PINGS, out.getvalue(), "avro")
    assert ([ping.at_ms for ping in good], bad) == ([NOW_MS], [])


def test_acceptances_must_say_what_was_accepted():
    """The rules of the services hold for rows too."""
    event = {"event_id": "e", "rider_id": "r", "ride_id": "x", "kind": "QUOTE_ACCEPTED", "at_ms": NOW_MS}
    _, bad = prepared(RIDE_EVENTS, lines(event, event | {"kind": "RIDE_STARTED"}))
    assert bad == [(1, "quote_id", "present-when-accepted")]


def test_nested_records_are_named_by_path():
    """A fault inside a list of records says which one."""
    market = {"market": "nyc", "name": "New York", "effective_from_ms": 1, "time_zone": "UTC", "currency": "USD"}
    _, bad = prepared(
        MARKETS, lines(market | {"boundary": [{"lat": 1, "lon": 2}, {"lat": 1}]}, market | {"boundary": [3]})
    )
    assert bad == [(1, "boundary[1].lon", "field-present"), (2, "boundary[0]", "type-fits")]


def test_bytes_are_base64_in_rows():
    """A model's artefact, as `tail --json` prints it; anything else is refused."""
    model = {
        "name": "d",
        "version": 1,
        "format": "f",
        "sha256": "",
        "card": "{}",
        "announced_ms": 1,
        "artefact": "AAH/",
    }
    good, bad = prepared(MODELS, lines(model, model | {"artefact": "not base64!"}, model | {"artefact": 3}))
    assert [each.artefact for each in good] == [b"\x00\x01\xff"]
    assert bad == [(2, "artefact", "type-fits"), (3, "artefact", "type-fits")]


@given(record=records(QUOTE_REQUESTS.record, schema_of(QUOTE_REQUESTS)))
def test_what_is_printed_can_be_published(record):
    """Any request printed as JSON has the shape to be published again; JSON has no word for infinity."""
    assume(all(math.isfinite(value) for value in asdict(record).values() if isinstance(value, float)))

    shaped = record_shape(schema_of(QUOTE_REQUESTS), textual=False)(json.loads(to_json(record)))
    assert shaped == asdict(record)


@pytest.mark.parametrize("row", [{"gauges": {"a": "x"}}, {"gauges": 3}])
def test_maps_are_checked_inside(row):
    """Telemetry's gauges are numbers by name."""
    full = {"service": "s", "worker": "w", "now_ms": 1, "interval_ms": 1} | row
    with pytest.raises(RowRefusedError, match=r"gauges(\.a)? must be"):
        record_shape(schema_of(TELEMETRY), textual=False)(full)
