"""Recorded hours come out again to the byte, and do not once anything they rest on is altered."""

import dataclasses

import pytest

from replay.logs import codec_of, decoded
from replay.recording import Recording, RecordingError
from replay.run import run
from tests.unit.replay.altering import GOLDEN, altered
from topics import wire
from topics.catalogue import (
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
)
from topics.counts import CountKind

ZONES = frozenset(int(zone, 16) for zone in Recording(GOLDEN).about.zones)


def again(path=GOLDEN):
    """The recording run again, in this process."""
    return run(path, zones=ZONES, workers=1)


def test_a_recorded_hour_comes_out_to_the_byte():
    """Ticks, quotes and decisions, twice, with the same hashes; a policy change lies in it."""
    Recording(GOLDEN).check()
    first, second = again(), again()
    assert first.differing == 0
    by_topic = {part.topic: 0 for part in first.parts}
    for part in first.parts:
        by_topic[part.topic] += part.records
    assert all(count > 0 for count in by_topic.values()), by_topic
    assert [part.replayed_hash for part in first.parts] == [part.replayed_hash for part in second.parts]
    assert all(part.recorded_hash == part.replayed_hash for part in first.parts)


def with_record(topic, change):
    """Leads the decoded record through `change`; the wire format stays."""
    recording = Recording(GOLDEN)

    def of(raw):
        made = change(decoded(recording, topic, raw))
        return raw._replace(value=codec_of(topic, wire.schema_id(raw.value)).encode(made))

    return of


def one_more_car(record):
    if record.kind is not CountKind.CELLS or record.zone not in ZONES:
        return record
    return dataclasses.replace(record, idle_by_product=[count + 1 for count in record.idle_by_product])


ALTERED = {
    "a car more": (SUPPLY_CELLS, one_more_car),
    "a policy": (PRICING_POLICY, lambda rules: dataclasses.replace(rules, freeze=not rules.freeze)),
    "a fare": (
        MARKETS,
        lambda market: dataclasses.replace(
            market, products=[dataclasses.replace(one, base_minor=one.base_minor + 1) for one in market.products]
        ),
    ),
    "a memory": (
        FORECAST_STATE,
        lambda kept: dataclasses.replace(kept, city_observed_micro=[n + 10**7 for n in kept.city_observed_micro]),
    ),
    "a destination": (
        QUOTE_REQUESTS,
        lambda asked: dataclasses.replace(asked, dropoff_lat=asked.dropoff_lat + 0.01),
    ),
    "an acceptance": (RIDE_EVENTS, lambda event: dataclasses.replace(event, ride_id=event.ride_id + "x")),
}


@pytest.mark.parametrize("what", ALTERED)
def test_what_was_altered_comes_out_otherwise(what, tmp_path):
    """Each kind of input has a say: with one altered, recorded outputs are no longer reproduced."""
    topic, change = ALTERED[what]
    assert again(altered(tmp_path / "r", topic.name, with_record(topic, change))).differing > 0


def test_a_model_that_is_not_the_recorded_one_comes_out_otherwise(tmp_path):
    """A flipped byte in the artefact breaks its hash: the ticks fall back, and say so."""

    def flipped(model):
        return dataclasses.replace(model, artefact=model.artefact[:-1] + bytes([model.artefact[-1] ^ 1]))

    ran = again(altered(tmp_path / "r", MODELS.name, with_record(MODELS, flipped)))
    assert ran.differing > 0
    assert any(name == "fallback" for part in ran.parts for one in part.shown for name, _, _ in one.fields)


@pytest.mark.parametrize("topic", [MODELS, PRICING_POLICY, QUOTE_REQUESTS, SURGE], ids=lambda topic: topic.name)
def test_what_is_missing_is_named(topic, tmp_path):
    """A recording without something its records name says which topic, partition and offset."""
    drop = (lambda raw: None) if topic is not SURGE else (lambda raw: raw if raw.offset % 2 else None)
    with pytest.raises(RecordingError, match=rf"lacks {topic.name} \d+@\d+"):
        again(altered(tmp_path / "r", topic.name, drop))
