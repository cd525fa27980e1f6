"""Counts are made again from pings and requests, and a rule changed in another checkout shows in what follows."""

import io
import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path

import fastavro
import pytest

from bench.city import read_places
from bench.recorded_city import Traffic, record
from infra.cli.exits import CommandError
from infra.cli.replaying.differences import run_other, told
from infra.cli.replaying.otherwise import Otherwise
from infra.cli.seeding import shipped_model
from pricing.defaults import new_york_policy
from replay.archive import Archive, copied
from replay.contracts import Contracts, SchemaAbsentError
from replay.control import NotHeldError
from replay.outputs import made
from replay.pseudonyms import Pseudonyms, pseudonymised
from tests.unit.replay.recordings import GOLDEN, altered, ran
from topics.catalogue import CITY_DEMAND, DEMAND_CELLS, DRIVER_PINGS, QUOTE_REQUESTS, QUOTES, SUPPLY_CELLS, SURGE
from topics.validity import LONGEST_TEXT_BYTES

ROOT = Path(__file__).parents[3]
ROOMS = ("topics", "windows", "supply", "demand", "pricing", "agents", "replay", "infra", "avro")
COUNTED = (SUPPLY_CELLS.name, DEMAND_CELLS.name, CITY_DEMAND.name)


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """Two zones for 22 s, few cars, prices free to jump; SUPPLY and DEMAND begin anew in the middle."""
    file = tmp_path_factory.mktemp("city") / "city.faretide"
    jumpy = {"max_rise_hundredths_per_min": 6_000, "hysteresis_hundredths": 0}
    traffic = Traffic(
        drivers=200,
        requests_per_s=6,
        seconds=12,
        warm_s=10,
        partitions=2,
        idle=0.1,
        restart_s=15,
        policy=replace(new_york_policy(), max_step_between_neighbours_hundredths=300, **jumpy),
    )
    record(file, traffic, read_places(2), shipped_model(traffic.begin_ms - 60_000), lambda _second: None)
    return file


@pytest.fixture(scope="module")
def ours(city, tmp_path_factory):
    """What this code makes of it, from events."""
    place = tmp_path_factory.mktemp("ours")
    return ran(city, place, from_events=True), place


def test_counts_come_out_to_the_byte_through_a_new_epoch(ours):
    """Every count, every tick made of it and every quote; and there was something to count."""
    result, _ = ours
    assert result.is_identical, [verdict.as_object() for verdict in result.topics.values()]
    assert all(result.topics[name].records > 50 for name in (*COUNTED, SURGE.name, QUOTES.name))


@pytest.mark.parametrize(
    ("topic", "change", "red"),
    [
        (DRIVER_PINGS, lambda one: {"lat": one.lat + 0.02} if one.status == "IDLE" else None, SUPPLY_CELLS),
        (QUOTE_REQUESTS, lambda one: {"product": "limousine"}, DEMAND_CELLS),
    ],
    ids=["ping", "request"],
)
def test_one_changed_event_turns_it_red(tmp_path, city, topic, change, red):
    """The counts made of it differ from those recorded; from cells on, a changed ping is not even read."""
    file = altered(tmp_path / "altered.faretide", topic, change, of=city)
    assert ran(file, tmp_path / "events", from_events=True).topics[red.name].differ


def test_a_count_left_out_or_added_is_told(tmp_path, city):
    """What the code does not say, and what it says beside the recording, are both differences."""
    archive = Archive.opened(city)
    contracts = Contracts(archive.schemas)
    halves = iter(range(1_000_000))

    def alter(name, raw):
        if name != DEMAND_CELLS.name or contracts.decode(DEMAND_CELLS, raw.value).kind != "CELLS":
            return raw
        return raw if next(halves) % 50 else None

    copied(archive, tmp_path / "fewer.faretide", alter)
    found = ran(tmp_path / "fewer.faretide", tmp_path / "outputs", from_events=True)
    assert found.topics[DEMAND_CELLS.name].not_recorded


def test_a_recording_without_people_has_the_same_counts(tmp_path, city):
    """Drivers and riders are told apart by their pseudonyms as by their ids; no id is left."""
    pseudonymised(Archive.opened(city), tmp_path / "nobody.faretide", b"key")
    assert ran(tmp_path / "nobody.faretide", tmp_path / "outputs", from_events=True).is_identical
    names = {raw.key for raw in Archive.opened(tmp_path / "nobody.faretide").log(DRIVER_PINGS.name, 0)}
    assert names
    assert not any(name.startswith(b"driver-") for name in names)


@pytest.mark.parametrize("key", [b"someone", b"\xff", b"", None])
def test_a_ping_refused_for_its_key_stays_refused_without_people(city, key):
    """Another key than the id becomes another pseudonym, none stays none."""
    archive = Archive.opened(city)
    raw = next(archive.log(DRIVER_PINGS.name, 0))
    hidden = Pseudonyms(archive, b"key").alter(DRIVER_PINGS.name, raw._replace(key=key))
    assert hidden.key != Contracts(archive.schemas).decode(DRIVER_PINGS, hidden.value).driver_id.encode()
    assert hidden.key == key if not key else hidden.key != key


def test_a_ping_refused_for_the_length_of_its_id_stays_refused_without_people(city):
    """The pseudonym of an id that is too long is too long."""
    archive = Archive.opened(city)
    contracts = Contracts(archive.schemas)
    raw = next(archive.log(DRIVER_PINGS.name, 0))
    driver_id = "d" * (LONGEST_TEXT_BYTES + 1)
    value = contracts.encode(
        DRIVER_PINGS, replace(contracts.decode(DRIVER_PINGS, raw.value), driver_id=driver_id), raw.value
    )
    hidden = Pseudonyms(archive, b"key").alter(DRIVER_PINGS.name, raw._replace(key=driver_id.encode(), value=value))
    assert len(hidden.key) > LONGEST_TEXT_BYTES
    assert hidden.key == contracts.decode(DRIVER_PINGS, hidden.value).driver_id.encode()
    assert b"ddd" not in hidden.key


def test_a_recording_without_events_says_so(tmp_path):
    """The golden one begins at counts."""
    with pytest.raises(NotHeldError, match="record it with --from-events"):
        ran(GOLDEN, tmp_path, from_events=True)


# ---- another checkout


def checkout(place, file, before, after):
    """A copy of the rooms that a replay needs, with one line changed."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, place / room)
    changed = place / file
    text = changed.read_text()
    assert text.count(before) == 1
    changed.write_text(text.replace(before, after))
    return place


def said_by_diff(capsys, file, code, **how):
    """What `replay diff --code --json` says."""
    with pytest.raises(CommandError):
        told(file, Otherwise(code=code), {}, as_json=True, html=None, processes=1, **how)
    return json.loads(capsys.readouterr().out)


def quotes_of(archive, log):
    """Quotes of the span by their id, decoded by fastavro alone."""
    found = {}
    for number in archive.about.numbers(QUOTES.name):
        for raw in log(QUOTES.name, number):
            if raw.appended_ms >= archive.about.from_ms:
                schema = archive.schemas[int.from_bytes(raw.value[1:5], "big")]
                quote = fastavro.schemaless_reader(io.BytesIO(raw.value[5:]), schema, None)
                found[quote["quote_id"]] = quote
    return found


def recorded_quotes(file):
    """As they were recorded."""
    archive = Archive.opened(file)
    return quotes_of(archive, archive.log)


def made_quotes(file, place):
    """As a run made them."""
    return quotes_of(Archive.opened(file), partial(made, place))


def test_one_line_of_a_guardrail_names_exactly_the_quotes_above_it(tmp_path, capsys, city):
    """A cap of 1.3 on what is quoted changes the quotes recorded above 1.3, counted here without the project."""
    line = "hundredths=int(said.multiplier_hundredths[position])"
    code = checkout(
        tmp_path / "other",
        "pricing/quotes/quoted_multiplier.py",
        line,
        "hundredths=min(130, int(said.multiplier_hundredths[position]))",
    )
    said = said_by_diff(capsys, city, code)
    above = {name for name, quote in recorded_quotes(city).items() if quote["multiplier_hundredths"] > 130}
    assert above
    assert {one["quote_id"] for one in said["changed"]} == above
    assert said["ticks_changed"] == 0


def test_one_line_of_a_window_rule_shows_from_events(tmp_path, capsys, city, ours):
    """Without grace fewer riders count; those quotes are named that differ when fastavro alone decodes both runs."""
    line = "return appended_ms > grace_end(at_ms)"
    code = checkout(tmp_path / "other", "windows/panes.py", line, "return appended_ms > pane_start(at_ms) + PANE_MS")
    said = said_by_diff(capsys, city, code, from_events=True)
    theirs = tmp_path / "theirs"
    run_other(code, city, theirs, {"from_events": True, "processes": 1})
    before, after = (made_quotes(city, place) for place in (ours[1], theirs))
    assert {one["quote_id"] for one in said["changed"]} == {name for name in before if before[name] != after[name]}
    assert 0 < said["counts_changed"] < said["counts"]
    assert 0 < said["quotes_changed"] < said["quotes"]


def test_what_came_from_outside_may_name_any_schema_and_our_own_may_not():
    """A service refuses the one as it did when it was recorded; the other cannot be, so the file is at fault."""
    contracts = Contracts(Archive.opened(GOLDEN).schemas)
    stranger = b"\x00\x00\x0f\xff\xff" + b"x"
    assert contracts.decode(QUOTE_REQUESTS, stranger) is None
    with pytest.raises(SchemaAbsentError, match="schema 1048575"):
        contracts.decode(SURGE, stranger)
