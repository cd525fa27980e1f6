"""The golden recording comes out as it was recorded, and nothing in it can change without being noticed."""

import zipfile
from dataclasses import fields, replace
from itertools import pairwise

import pytest

from replay.archive import Archive, ArchiveError, copied
from replay.change import SETTINGS, Change, settings_of
from replay.contracts import Contracts
from replay.counts import PartitionCounts
from replay.outputs import made
from replay.pseudonyms import pseudonymised
from tests.unit.replay.recordings import GOLDEN, altered, ran
from topics.catalogue import (
    BOOKING_DECISIONS,
    CITY_DEMAND,
    DEMAND_CELLS,
    FORECAST_STATE,
    MARKETS,
    MODELS,
    PRICING_POLICY,
    QUOTE_REQUESTS,
    QUOTES,
    RIDE_EVENTS,
    SUPPLY_CELLS,
    SURGE,
)
from topics.control import PricingPolicySet
from topics.counts import CountKind


def test_the_golden_recording_is_made_again_to_the_byte(tmp_path):
    """Ticks, quotes and decisions, through a change of policy; twice with one hash."""
    first, second = ran(GOLDEN, tmp_path / "first"), ran(GOLDEN, tmp_path / "second")
    assert first.is_identical, [verdict.as_object() for verdict in first.topics.values()]
    assert {name for name, verdict in first.topics.items() if verdict.records} >= {SURGE.name, QUOTES.name}
    assert {name: one.sha256 for name, one in first.topics.items()} == {
        name: one.sha256 for name, one in second.topics.items()
    }


def test_the_golden_recording_has_surging_prices_and_two_policies():
    """It would prove little if every price were 1.00."""
    archive = Archive.opened(GOLDEN)
    contracts = Contracts(archive.schemas)
    quotes = [contracts.decode(QUOTES, raw.value) for n in range(4) for raw in archive.log(QUOTES.name, n)]
    assert any(quote.multiplier_hundredths > 100 for quote in quotes)
    assert len(list(archive.log(PRICING_POLICY.name, 0))) > 1
    assert GOLDEN.stat().st_size < 300_000


def flipped(artefact):
    """The artefact with one byte changed in the middle."""
    middle = len(artefact) // 2
    return artefact[:middle] + bytes([artefact[middle] ^ 1]) + artefact[middle + 1 :]


@pytest.mark.parametrize(
    ("topic", "change", "red"),
    [
        (SUPPLY_CELLS, lambda one: {"now_ms": one.now_ms - 20_000} if one.kind == "ALIVE" else None, SURGE),
        (QUOTE_REQUESTS, lambda one: {"dropoff_lat": one.dropoff_lat + 0.01}, QUOTES),
        (PRICING_POLICY, lambda one: {"emergency_cap_hundredths": 101}, SURGE),
        (PRICING_POLICY, lambda one: {"lock_ms": one.lock_ms + 1}, QUOTES),
        (PRICING_POLICY, lambda one: {"lock_ms": -1}, SURGE),
        (MODELS, lambda one: {"artefact": flipped(one.artefact)}, SURGE),
        (MARKETS, lambda one: {"currency": "EUR"}, QUOTES),
        (RIDE_EVENTS, lambda one: {"amount_minor": 1} if one.quote_id else None, BOOKING_DECISIONS),
        (SURGE, lambda one: {"multiplier_hundredths": [7, *one.multiplier_hundredths[1:]]}, SURGE),
    ],
    ids=["counts", "request", "cap", "lock", "nonsense", "model", "market", "acceptance", "output"],
)
def test_one_changed_record_turns_it_red(tmp_path, topic, change, red):
    """An input, a policy, a model, or a recorded output: the topic made of it differs."""
    result = ran(altered(tmp_path / "altered.faretide", topic, change), tmp_path / "outputs")
    assert result.topics[red.name].differ


def test_a_recording_without_people_comes_out_the_same(tmp_path):
    """Derived ids are derived again: nothing is left out of the comparison, and no id is left in."""
    target = tmp_path / "nobody.faretide"
    source = Archive.opened(GOLDEN)
    pseudonymised(source, target, b"another key")
    assert ran(target, tmp_path / "outputs").is_identical
    contracts, archive = Contracts(source.schemas), Archive.opened(target)
    assert archive.about.pseudonymised
    before, after = (
        {contracts.decode(QUOTES, raw.value).rider_id for n in range(4) for raw in one.log(QUOTES.name, n)}
        for one in (source, archive)
    )
    assert len(before) == len(after)
    assert not before & after
    for topic in (PRICING_POLICY, MARKETS):
        versions = [[contracts.decode(topic, raw.value) for raw in one.log(topic.name, 0)] for one in (source, archive)]
        assert all(one.reason for one in versions[0])
        assert not any(one.reason for one in versions[1])
        assert not {one.author for one in versions[0]} & {one.author for one in versions[1]}


def test_a_recording_without_people_does_not_name_the_quote_it_was_made_for(tmp_path):
    """The quote is named by its derived id, by which it stands in the file."""
    source = Archive.opened(GOLDEN)
    quote_id = Contracts(source.schemas).decode(QUOTES, next(source.log(QUOTES.name, 0)).value).quote_id
    named = replace(source, about=replace(source.about, quote_id=quote_id))
    pseudonymised(named, tmp_path / "nobody.faretide", b"another key")
    archive = Archive.opened(tmp_path / "nobody.faretide")
    hidden = Contracts(archive.schemas).decode(QUOTES, next(archive.log(QUOTES.name, 0)).value).quote_id
    assert archive.about.quote_id == hidden != quote_id


@pytest.mark.parametrize("topic", [SURGE, FORECAST_STATE, QUOTES, BOOKING_DECISIONS], ids=lambda topic: topic.name)
def test_a_recorded_output_that_cannot_be_read_is_a_difference(tmp_path, topic):
    """It cannot be what the rules make, so it is not passed over."""
    source = Archive.opened(GOLDEN)
    last = [(topic.name, list(source.log(topic.name, n))[-1]) for n in source.about.numbers(topic.name)]

    def cut(name, raw):
        return raw._replace(value=raw.value[:-3]) if (name, raw) in last else raw

    copied(source, tmp_path / "cut.faretide", cut)
    told = ran(tmp_path / "cut.faretide", tmp_path / "outputs").topics[topic.name].differences
    assert [one.problem for one in told if one.problem] == ["what was recorded cannot be read"] * len(last)


def test_a_memory_after_the_last_tick_is_made_again(tmp_path):
    """A worker may end between the two: nothing recorded goes without being compared."""
    source = Archive.opened(GOLDEN)
    memory = list(source.log(FORECAST_STATE.name, 2))[-1]

    def until_memory(name, raw):
        return None if name == SURGE.name and raw.appended_ms > memory.appended_ms else raw

    copied(source, tmp_path / "ended.faretide", until_memory)
    verdict = ran(tmp_path / "ended.faretide", tmp_path / "outputs").topics[FORECAST_STATE.name]
    assert (verdict.records, verdict.differ) == (1, 0)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path):
    """A few kilobytes may say to be gigabytes; what is read whole has a bound."""
    bomb = tmp_path / "bomb.faretide"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.json", b" " * (5 << 20) + b"{}")
    with pytest.raises(ArchiveError, match=r"about\.json must have at most 4,194,304 bytes"):
        Archive.opened(bomb)


def test_a_truncated_or_altered_file_is_refused_in_a_sentence(tmp_path):
    """Wherever a byte is changed or the file ends."""
    whole = GOLDEN.read_bytes()
    broken = tmp_path / "broken.faretide"
    for place in range(7, len(whole) - 30, len(whole) // 25):
        broken.write_bytes(whole[:place])
        with pytest.raises(ArchiveError, match=r"broken\.faretide is truncated or altered"):
            Archive.opened(broken)
    for number in Archive.opened(GOLDEN).about.numbers(SURGE.name):
        start = whole.index(f"topics/{SURGE.name}/{number}".encode()) + 80
        broken.write_bytes(whole[:start] + bytes([whole[start] ^ 1]) + whole[start + 1 :])
        with pytest.raises(ArchiveError, match="altered"):
            Archive.opened(broken)
    with pytest.raises(ArchiveError, match="does not exist"):
        Archive.opened(tmp_path / "none.faretide")


def test_settings_are_fields_of_a_policy_and_nothing_else():
    """A field that is no setting is named, with those that are."""
    assert set(SETTINGS) < {one.name for one in fields(PricingPolicySet)}
    with pytest.raises(ValueError, match="wait_target_s"):
        settings_of(["market=nyc"])


def test_another_policy_changes_prices_and_keeps_the_rest(tmp_path):
    """A lower cap: ticks differ, quotes too, and no request is without its answer."""
    before = ran(GOLDEN, tmp_path / "before", is_compared=False)
    after = ran(
        GOLDEN,
        tmp_path / "after",
        is_compared=False,
        change=Change(settings={"emergency_cap_hundredths": 101}),
        known_anew=before.anew,
    )
    assert before.topics[SURGE.name].differ == 0
    assert after.topics[SURGE.name].differ > 0
    assert after.topics[QUOTES.name].records == before.topics[QUOTES.name].records
    assert after.topics[QUOTES.name].not_made == 0


def test_a_tick_of_a_worker_that_lost_its_partition_is_left_as_it_is(tmp_path):
    """Its epoch is below one that has spoken: it is counted apart and differs from nothing."""
    file = altered(tmp_path / "zombie.faretide", SURGE, lambda one: {"epoch_generation": one.epoch_generation - 1})
    result = ran(file, tmp_path / "outputs")
    assert result.topics[SURGE.name].zombies == 1
    assert result.is_identical


def test_a_source_that_is_alive_has_said_that_its_snapshot_is_complete(tmp_path):
    """A recording that begins after all snapshots knows its sources all the same."""
    source = Archive.opened(GOLDEN)
    contracts = Contracts(source.schemas)
    counted = {topic.name: topic for topic in (SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND)}

    def alter(name, raw):
        topic = counted.get(name)
        snapshot = topic is not None and contracts.decode(topic, raw.value).kind is CountKind.SNAPSHOT_COMPLETE
        return None if snapshot else raw

    copied(source, tmp_path / "late.faretide", alter)
    archive = Archive.opened(tmp_path / "late.faretide")
    number = archive.about.numbers(SURGE.name)[0]
    counts = PartitionCounts(contracts, number, archive.log)
    ticks = [contracts.decode(SURGE, raw.value) for raw in archive.log(SURGE.name, number)]
    counts.read(ticks[-1])
    assert counts.state.is_complete(ticks[-1].now_ms)
    assert counts.city.progress.is_complete(ticks[-1].now_ms)


def test_what_is_otherwise_carries_on_from_tick_to_tick_and_into_quotes(tmp_path):
    """Where no multiplier may fall, none of the run's own ever does, and quotes carry those."""
    archive = Archive.opened(GOLDEN)
    contracts = Contracts(archive.schemas)
    change = Change(settings={"max_fall_hundredths_per_min": 0, "max_rise_hundredths_per_min": 0})
    changed = ran(GOLDEN, tmp_path / "still", is_compared=False, change=change)
    number = archive.about.numbers(SURGE.name)[0]
    smooth = [
        contracts.decode(SURGE, raw.value).smooth_hundredths
        for raw in made(tmp_path / "still", SURGE.name, number)
        if raw.appended_ms >= archive.about.from_ms
    ]
    recorded = [
        contracts.decode(SURGE, raw.value).smooth_hundredths
        for raw in archive.log(SURGE.name, number)
        if raw.appended_ms >= archive.about.from_ms
    ]
    assert moves(smooth) < moves(recorded)
    assert changed.topics[QUOTES.name].differ > 0


def moves(ticks):
    """How often a multiplier differs from the one of the tick before."""
    return sum(a != b for before, after in pairwise(ticks) for a, b in zip(before, after, strict=True))


def test_a_member_swapped_for_another_is_refused(tmp_path):
    """A zip that is whole but not the one that was written."""
    swapped = tmp_path / "swapped.faretide"
    with zipfile.ZipFile(GOLDEN) as before, zipfile.ZipFile(swapped, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            after.writestr(name, content[:-1] + b"~" if name.startswith(f"topics/{QUOTES.name}") else content)
    with pytest.raises(ArchiveError, match="is not what was written"):
        Archive.opened(swapped)
