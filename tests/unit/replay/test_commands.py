"""The commands on a file: what is told, and how they end."""

import asyncio
import json
import re
import signal
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.main import get_command

from infra.cli.control_files import text_of
from infra.cli.exits import CommandError, ExitCode
from infra.cli.main import app
from infra.cli.replay import tolerances_of
from infra.cli.replaying.asking import Asked, agreed, captured, refuse_gone, span_of, zones_of
from infra.cli.replaying.differences import told
from infra.cli.replaying.otherwise import Otherwise, model_in, policy_change
from infra.cli.replaying.pace import Pace, show_made
from infra.cli.replaying.plans import ASSUMED_BYTES, UNTOLD_BYTES, tell_plan
from infra.cli.replaying.stopping import shown
from infra.cli.replaying.verdicts import verified
from infra.clients.keeping import Keeping
from pricing.defaults import new_york_policy
from replay.archive import Archive, ArchiveError, copied
from replay.code_version import code_version, sources_hash
from replay.contracts import Contracts
from replay.control import ControlHistory
from replay.plan import EVENTS_BACK_MS, TOPICS, WARM_UP_MS, Plan, Span, planned
from replay.stops import Condition
from tests.unit.replay.recordings import GOLDEN, altered, ran
from topics.catalogue import DEMAND_CELLS, DRIVER_PINGS, MODELS, QUOTE_REQUESTS, SUPPLY_CELLS, SURGE

ROOT = Path(__file__).parents[3]
FROM_MS, TO_MS = 10_000_000_000, 10_000_060_000


class OneRecordAMillisecond:
    """Brokers with four partitions, each with an offset a millisecond, kept from `kept_ms` on."""

    def __init__(self, kept_ms=0):
        self.kept_ms = kept_ms

    async def begins(self, topic):
        """The first millisecond kept."""
        return dict.fromkeys(range(4 if topic in WARM_UP_MS else 1), self.kept_ms if topic in WARM_UP_MS else 0)

    async def at(self, topic, at_ms):
        """The millisecond itself."""
        return {number: max(at_ms, begin) for number, begin in (await self.begins(topic)).items()}

    async def first_appended_ms(self, topic, partition):
        """The first millisecond kept."""
        return (await self.begins(topic))[partition]


def test_a_verdict_is_told_and_ends_well(capsys):
    """Identical, with a hash, as one JSON document."""
    verified(GOLDEN, as_json=True, processes=1)
    said = json.loads(capsys.readouterr().out)
    assert said["identical"]
    assert len(said["sha256"]) == 64


def test_a_verdict_says_which_code_copied_the_file_and_which_runs_it(tmp_path, capsys):
    """Two checkouts of one version are told apart by their rules; a file of before says the version only."""
    here = code_version()
    assert re.fullmatch(r"\d+\.\d+\.\d+\+[0-9a-f]{16}", here)
    same = tmp_path / "same"
    archive = Archive.opened(GOLDEN)
    copied(archive, same, lambda _, raw: raw, code=here)
    verified(same, as_json=False, processes=1)
    assert f"copied and made again by code {here}\n" in capsys.readouterr().out
    verified(GOLDEN, as_json=False, processes=1)
    assert f"copied by code {archive.about.code}, made again by {here}\n" in capsys.readouterr().out


def test_the_code_version_changes_with_any_rule(tmp_path):
    """By name or content of a source in a room of rules; nothing else counts."""
    sources = {"pricing/a.py": "1", "topics/b.py": "2", "infra/c.py": "3", "pricing/notes.txt": "4"}
    for name, text in sources.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    said = [sources_hash(tmp_path)]
    for name, text in {"infra/c.py": "9", "pricing/notes.txt": "9", "pricing/a.py": "9", "topics/d.py": ""}.items():
        (tmp_path / name).write_text(text)
        said.append(sources_hash(tmp_path))
    assert said[0] == said[1] == said[2]
    assert len(set(said)) == 3


def test_a_difference_ends_with_one(tmp_path):
    """A request that asks for another ride is priced otherwise, and exit code 1 says so."""
    file = altered(tmp_path / "f", QUOTE_REQUESTS, lambda one: {"dropoff_lat": one.dropoff_lat + 0.01})
    with pytest.raises(CommandError, match="outputs differ") as raised:
        verified(file, as_json=True, processes=1)
    assert raised.value.code is ExitCode.FAILED


def test_another_policy_is_told_with_every_changed_quote_and_a_page(tmp_path, capsys):
    """A lower emergency cap changes some of the quotes, and none upwards."""
    page = tmp_path / "page.html"
    with pytest.raises(CommandError, match="quotes"):
        told(GOLDEN, Otherwise(settings=("emergency_cap_hundredths=110",)), {}, as_json=True, html=page)
    said = json.loads(capsys.readouterr().out)
    assert 0 < said["quotes_changed"] == len(said["changed"]) < said["quotes"]
    assert all(one["after_minor"] <= one["before_minor"] for one in said["changed"])
    assert said["estimate"]["after"]["accepted"] >= said["estimate"]["before"]["accepted"]
    assert "<svg" in page.read_text()


def test_a_setting_that_makes_no_sense_is_refused_before_anything_is_run(monkeypatch):
    """As a wrong command, not as a difference."""
    monkeypatch.setattr("replay.run.run", None)
    with pytest.raises(CommandError, match="wait_target_s") as raised:
        told(GOLDEN, Otherwise(settings=("wait_target_s=-1",)), {}, as_json=True, html=None)
    assert raised.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("named", "expected"),
    [({}, (True, 150)), ({"freeze": False}, (False, 150)), ({"emergency_cap_hundredths": 0}, (True, 0))],
)
def test_another_policy_lifts_a_freeze_or_emergency_cap_only_if_it_says_so(named, expected, tmp_path):
    """As `policy set` does: a file of `policy show --as-file` names neither."""
    recorded = replace(new_york_policy(), freeze=True, emergency_cap_hundredths=150)
    said = json.loads(text_of(recorded, 7)) | {"lock_ms": 90_000} | named
    (tmp_path / "policy.json").write_text(json.dumps(said))
    rules = policy_change(str(tmp_path / "policy.json"), [recorded.market]).rules(recorded)
    assert (rules.freeze, rules.emergency_cap_hundredths) == expected
    assert rules.lock_ms == 90_000


def test_a_policy_for_a_market_that_is_not_in_the_recording_is_refused(tmp_path, monkeypatch):
    """It would change nothing; the sentence names the markets that are there."""
    monkeypatch.setattr("replay.run.run", None)
    (tmp_path / "policy.json").write_text(text_of(replace(new_york_policy(), market="atlantis"), 7))
    with pytest.raises(CommandError, match=r"the recording, nyc, got 'atlantis'") as raised:
        told(GOLDEN, Otherwise(policy=str(tmp_path / "policy.json")), {}, as_json=True, html=None)
    assert raised.value.code is ExitCode.USAGE


def test_the_code_of_this_checkout_changes_nothing_and_another_place_is_refused(tmp_path, capsys):
    """Its own process, the same outputs; a directory without the code is named."""
    told(GOLDEN, Otherwise(code=ROOT), {}, as_json=True, html=None)
    assert json.loads(capsys.readouterr().out)["same"]
    with pytest.raises(CommandError, match="no checkout"):
        told(GOLDEN, Otherwise(code=tmp_path), {}, as_json=True, html=None)


def test_a_replay_stops_where_a_price_surges(capsys):
    """With the features and panes of that instant; a condition nobody meets is said."""
    shown(GOLDEN, "multiplier > 1.1", limit=1, as_json=True)
    said = json.loads(capsys.readouterr().out)
    assert said["priced"]["multiplier_hundredths"] > 110
    assert (said["as_recorded"], said["differing"]) == (True, [])
    assert said["forecast"]["features"]
    assert said["rings"][0]["size"] == 1
    with pytest.raises(CommandError, match="multiplier > 9"):
        shown(GOLDEN, "multiplier > 9", limit=1, as_json=True)
    with pytest.raises(ValueError, match="wait_s"):
        Condition.read("price > 2")


def test_a_stop_in_words_has_panes_and_says_whether_it_came_out_the_same(tmp_path, capsys):
    """Riders by pane, asked and booked; of a tick that differs the fields are named."""
    shown(GOLDEN, "multiplier > 1.1", limit=1, as_json=False)
    said = capsys.readouterr().out
    assert re.search(r"^  as recorded$", said, re.MULTILINE)
    assert re.search(r"^  ring 1 panes +(\d\d:\d\d:\d\d \d+/\d+ *)+$", said, re.MULTILINE)
    other = altered(tmp_path / "f", SURGE, lambda one: {"data_age_ms": one.data_age_ms + 1})
    shown(other, "", limit=-1, as_json=False)
    assert capsys.readouterr().out.count("  differs from what was recorded in: data_age_ms\n") == 1


def test_ticks_that_no_replay_can_make_are_counted_where_it_would_have_stopped(tmp_path, capsys):
    """With the first of them, beside what is shown and where nothing is."""
    archive = Archive.opened(GOLDEN)
    models = [raw.offset for raw in archive.log(MODELS.name, 0)]

    def without(offsets):
        copied(archive, tmp_path / "f", lambda name, raw: None if (name, raw.offset) in offsets else raw)
        return tmp_path / "f"

    sentence = r"\d+ ticks could not be made again, the first: surge\.v1 \d@\d+: models\.v1 0@\d+ is named and not"
    shown(without({(MODELS.name, models[-1])}), "", limit=-1, as_json=True)
    assert re.search(sentence, capsys.readouterr().err)
    with pytest.raises(CommandError, match=f"has a price: {sentence}"):
        shown(without({(MODELS.name, offset) for offset in models}), "", limit=-1, as_json=True)


async def test_a_plan_reaches_back_as_far_as_each_topic_needs():
    """Zone topics of one zone need its partition only; what is no longer kept is said."""
    plan = await planned(OneRecordAMillisecond(), FROM_MS, TO_MS, now_ms=TO_MS)
    spans = {(span.topic, span.partition): span for span in plan.spans}
    assert {topic for topic, _ in spans} == set(TOPICS)
    assert spans[DEMAND_CELLS, 0].first == 10_000_000_000 - WARM_UP_MS[DEMAND_CELLS]
    assert spans[SUPPLY_CELLS, 3].first == 0
    assert spans[SURGE, 1].from_offset == 10_000_000_000
    assert not plan.gone
    events = await planned(OneRecordAMillisecond(), FROM_MS, TO_MS, now_ms=TO_MS, from_events=True)
    pings = next(span for span in events.spans if span.topic is DRIVER_PINGS)
    assert pings.first == 10_000_000_000 - EVENTS_BACK_MS[DRIVER_PINGS] - 1
    assert events.expected > plan.expected
    narrow = await planned(OneRecordAMillisecond(), FROM_MS, TO_MS, now_ms=TO_MS, zones=frozenset({0x862A100D7FFFFFF}))
    assert len([span for span in narrow.spans if span.topic is SURGE]) == 1
    expired = await planned(OneRecordAMillisecond(9_999_999_000), FROM_MS, TO_MS, now_ms=TO_MS)
    with pytest.raises(CommandError, match="choose a later time"):
        refuse_gone(expired)
    with pytest.raises(CommandError, match="no tick"):
        refuse_gone(Plan(from_ms=0, to_ms=1))


async def test_a_recording_that_cannot_be_written_ends_in_a_sentence(monkeypatch, tmp_path):
    """A full disk, say; what is copied stands in no file then."""

    class Full:
        plan = Plan(
            from_ms=0, to_ms=1, spans=[Span(topic=SURGE, partition=0, first=0, warm_first=0, end=1, from_offset=0)]
        )

        async def write(self, path, *, code):
            raise ArchiveError(f"{path} cannot be written: No space left on device, by {code}")

    @asynccontextmanager
    async def capturing(_asked):
        yield Full()

    monkeypatch.setattr("infra.cli.replaying.asking.capturing", capturing)
    with pytest.raises(CommandError, match="No space left"):
        await captured(Asked(start="-2m"), tmp_path / "f", yes=True, as_json=True)


@pytest.mark.parametrize(
    ("gone", "outputs", "sentence"),
    [([], 0, "no tick, quote or decision"), (["surge.v1 0 is kept from offset 7 on only"], 1, "choose a later time")],
)
async def test_a_dry_run_ends_as_the_replay_would(gone, outputs, sentence, monkeypatch, tmp_path, capsys):
    """The plan is told all the same; a script learns from the exit code whether the span can be replayed."""

    class Planned:
        plan = Plan(
            from_ms=0,
            to_ms=1,
            gone=gone,
            spans=[Span(topic=SURGE, partition=0, first=0, warm_first=0, end=outputs, from_offset=0)],
        )

    @asynccontextmanager
    async def capturing(_asked):
        yield Planned()

    monkeypatch.setattr("infra.cli.replaying.asking.capturing", capturing)
    with pytest.raises(CommandError, match=sentence) as raised:
        await captured(Asked(start="-2m"), tmp_path / "f", yes=False, as_json=True, dry_run=True)
    assert raised.value.code is ExitCode.FAILED
    assert json.loads(capsys.readouterr().out)["gone"] == gone


def test_a_plan_in_words_says_what_is_gone(capsys):
    """A dry run is there to show whether the replay can be made."""
    tell_plan(Plan(from_ms=0, to_ms=1, gone=["surge.v1 0 is kept from offset 7 on only"]), as_json=False)
    assert "gone: surge.v1 0 is kept from offset 7 on only" in capsys.readouterr().out


KEPT_MS = FROM_MS - 3 * 3_600_000


class KeptForHours(OneRecordAMillisecond):
    """The same, every topic kept from three hours before the span on."""

    async def begins(self, topic):
        """That instant."""
        return dict.fromkeys(await super().begins(topic), KEPT_MS)


async def told_plan(**asked):
    """A plan of a minute whose partitions keep a byte per offset, two schemas of ticks."""
    names = {topic.name for topic in (*TOPICS, *EVENTS_BACK_MS)}
    keeping = {name: Keeping(sizes=dict.fromkeys(range(4), TO_MS - KEPT_MS)) for name in names}
    plan = await planned(KeptForHours(), FROM_MS, TO_MS, now_ms=TO_MS, **{"keeping": keeping} | asked)
    plan.schemas[SURGE.name] = [(1, 7), (2, 9)]
    return plan


async def test_a_plan_says_by_topic_what_the_replay_rests_on(capsys):
    """Snapshot, warm-up and span in records, their share of the bytes, the schemas registered; offsets by partition."""
    plan = await told_plan()
    tell_plan(plan, as_json=True)
    said = json.loads(capsys.readouterr().out)
    topics = {one["topic"]: one for one in said["topics"]}
    warm_ms, supply_ms = WARM_UP_MS[SURGE], WARM_UP_MS[SUPPLY_CELLS]
    assert topics[SURGE.name] == {
        "topic": "surge.v1",
        "partitions": 4,
        "warm_up_ms": warm_ms,
        "snapshot_records": 0,
        "warm_up_records": 4 * warm_ms,
        "span_records": 4 * 60_000,
        "bytes_estimated": 4 * (warm_ms + 60_000),
        "subject": "surge.v1-value",
        "schemas": [{"version": 1, "id": 7}, {"version": 2, "id": 9}],
    }
    supply, models = topics[SUPPLY_CELLS.name], topics[MODELS.name]
    assert (supply["snapshot_records"], supply["warm_up_records"]) == (
        4 * (FROM_MS - supply_ms - KEPT_MS),
        4 * supply_ms,
    )
    assert (models["warm_up_ms"], models["warm_up_records"], models["span_records"]) == (
        None,
        FROM_MS - KEPT_MS,
        60_000,
    )
    assert said["records"] == said["bytes_estimated"] == sum(span["records"] for span in said["spans"])
    assert sum(one["bytes_estimated"] for one in topics.values()) == said["bytes_estimated"]


async def test_a_plan_in_words_is_one_screen(capsys, monkeypatch):
    """A row per topic on eighty columns; bytes are said to be estimates, or not to be known."""
    monkeypatch.setattr("infra.cli.output.is_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    tell_plan(await told_plan(from_events=True), as_json=False)
    said = capsys.readouterr().out
    assert len(said.splitlines()) <= 24
    assert re.search(r"surge\.v1 ×4 .* 2 min .*480,000 .*240,000 .*720\.0 kB .* v1, v2", said)
    assert said.count("snapshot:") == 1
    assert "35,160,000 older records of supply-cells.v1" in said
    assert ASSUMED_BYTES in said
    tell_plan(await told_plan(keeping={}), as_json=False)
    assert UNTOLD_BYTES in capsys.readouterr().out


class OneEmptyPartition(OneRecordAMillisecond):
    """The same, but of one partition of ticks, long quiet, every record expired."""

    async def begins(self, topic):
        """Where the last record stood that is gone."""
        return await super().begins(topic) | ({1: 77} if topic is SURGE else {})

    async def at(self, topic, at_ms):
        """Nothing was appended later."""
        return await super().at(topic, at_ms) | ({1: 77} if topic is SURGE else {})

    async def first_appended_ms(self, topic, partition):
        """No record."""
        return None if (topic, partition) == (SURGE, 1) else await super().first_appended_ms(topic, partition)


@pytest.mark.parametrize(("late_ms", "gone"), [(0, []), (1, ["surge.v1 1 is kept from offset 77 on only"])])
async def test_an_empty_partition_lacks_what_is_older_than_its_topic_keeps(late_ms, gone):
    """Nothing of a span whose warm-up is younger can have stood in it."""
    now_ms = FROM_MS - WARM_UP_MS[SURGE] + SURGE.retention_ms + late_ms
    assert (await planned(OneEmptyPartition(), FROM_MS, TO_MS, now_ms=now_ms)).gone == gone
    real = {SURGE.name: Keeping(retention_ms=SURGE.retention_ms - 1, retention_bytes=1)}
    assert (await planned(OneEmptyPartition(), FROM_MS, TO_MS, now_ms=now_ms - 1, keeping=real)).gone == gone


class QuietBefore(OneRecordAMillisecond):
    """The same, but of a partition of ticks that begins again where the span does, after a long silence."""

    async def begins(self, topic):
        """The span's first offset, the older ones gone."""
        return await super().begins(topic) | ({1: FROM_MS} if topic is SURGE else {})


WARM_MS = FROM_MS - WARM_UP_MS[SURGE]


@pytest.mark.parametrize(
    ("keeping", "is_gone"),
    [
        (None, True),
        (Keeping(sizes={1: 10}), True),
        (Keeping(retention_ms=-1), True),
        (Keeping(retention_ms=TO_MS - WARM_MS), False),
        (Keeping(retention_ms=TO_MS - WARM_MS - 1), True),
        (Keeping(retention_ms=TO_MS - WARM_MS, retention_bytes=100, sizes={0: 10, 1: 100}), True),
        (Keeping(retention_ms=TO_MS - WARM_MS, retention_bytes=100, sizes={0: 100, 1: 99}), False),
        (Keeping(retention_ms=TO_MS - WARM_MS, retention_bytes=100), True),
    ],
    ids=["not told", "settings not told", "for ever", "by age", "by a younger age", "full", "not full", "no size told"],
)
async def test_a_silence_before_the_span_is_no_loss_where_records_went_for_their_age(keeping, is_gone):
    """Old files of a quiet topic go, and nothing of the warm-up with them; a size may have taken younger ones."""
    plan = await planned(QuietBefore(), FROM_MS, TO_MS, now_ms=TO_MS, keeping=keeping and {SURGE.name: keeping})
    assert plan.gone == [f"surge.v1 1 is kept from offset {FROM_MS} on only"] * is_gone


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(start="-1m", end="-2m"), "before --to"),
        (Asked(start="latest", end="-1m"), "--from must be an instant"),
        (Asked(start="-2m", end="noon"), "--to must be"),
    ],
)
def test_a_span_that_is_none_is_refused(asked, said):
    """By the option that is wrong."""
    with pytest.raises(CommandError, match=said):
        span_of(asked)


@pytest.mark.parametrize("end", ["-0s", "-999ms", "2199-01-01T00:00:00Z"])
def test_a_span_ends_a_second_ago_at_the_latest(end, capsys):
    """What is younger may stand in one partition and not yet in another; an end that is moved is told."""
    before_ms = time.time_ns() // 1_000_000
    _, end_ms = span_of(Asked(start="-2m", end=end))
    assert before_ms - 1_000 <= end_ms <= time.time_ns() // 1_000_000 - 1_000
    assert end in capsys.readouterr().err
    span_of(Asked(start="-2m", end="-1001ms"))
    assert not capsys.readouterr().err


def test_zones_cells_and_tolerances_are_read():
    """A cell stands for its zone; an index of another resolution is refused, and a tolerance for what is no number."""
    assert zones_of(Asked(cell="882a100d67fffff")) == frozenset({0x862A100D7FFFFFF})
    for wrong in (
        Asked(zone="uptown"),
        Asked(zone="1"),
        Asked(zone="-862a100d7ffffff"),
        Asked(zone="882a100d67fffff"),
        Asked(cell="862a100d7ffffff"),
        Asked(cell="f" * 16),
    ):
        with pytest.raises(CommandError, match="H3 index of resolution") as raised:
            zones_of(wrong)
        assert raised.value.code is ExitCode.USAGE
    with pytest.raises(CommandError, match="exclude each other"):
        zones_of(Asked(zone="1", cell="2"))
    assert tolerances_of(["amount_minor=5"]) == {"amount_minor": 5}
    with pytest.raises(CommandError, match="FIELD=N"):
        tolerances_of(["outcome=1"])
    with pytest.raises(CommandError, match="name one of"):
        Otherwise(model="a@1", policy="b").refuse_unless_one()


def test_a_model_may_be_a_file_and_a_file_that_is_none_is_named(tmp_path, capsys):
    """The champion of the recording, from a file, changes no price that it made; another file is refused."""
    archive = Archive.opened(GOLDEN)
    models = list(ControlHistory(archive, Contracts(archive.schemas))._log(MODELS).values())
    (tmp_path / "one.faretide").write_bytes(models[0].artefact)
    tried = model_in(tmp_path / "one.faretide", 0)
    assert tried.sha256 == models[0].sha256
    with pytest.raises(CommandError, match="is no usable model"):
        model_in(Path(__file__), 0)
    with pytest.raises(CommandError, match="NAME@VERSION"):
        told(GOLDEN, Otherwise(model=str(tmp_path / "none")), {}, as_json=True, html=None, processes=1)


def test_outputs_are_shown_in_order_at_the_pace_asked_for(tmp_path, capsys):
    """Ten times as fast as they were made: each waits until a tenth of the recorded time has passed."""
    ran(GOLDEN, tmp_path)
    waits = []
    show_made(GOLDEN, tmp_path, Pace(10.0), as_json=True, wait=waits.append)
    said = [json.loads(line)["at"] for line in capsys.readouterr().out.splitlines()]
    assert said == sorted(said)
    about = Archive.opened(GOLDEN).about
    assert 0.5 < max(waits) * 10_000 / (about.to_ms - about.from_ms) <= 1.0
    with pytest.raises(CommandError, match="--speed must be"):
        Pace.read("fast")


def test_ctrl_c_at_the_question_ends_the_command(monkeypatch):
    """The first one: nothing is waited for meanwhile that asyncio could end."""
    went_on = []

    def pressed(_question):
        signal.raise_signal(signal.SIGINT)
        return "y"

    async def ask():
        went_on.append(agreed(yes=False))

    monkeypatch.setattr("infra.cli.replaying.asking.is_terminal", lambda: True)
    monkeypatch.setattr("builtins.input", pressed)
    with pytest.raises(KeyboardInterrupt):
        asyncio.run(ask())
    assert not went_on


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("bundle", "create", "--quote", "q", "--key", "k", "new.faretide"), "--pseudonymise"),
        (("bundle", "create", "--quote", "q", "no/such/place.faretide"), "a directory that exists"),
        (("bundle", "create", "--quote", "q", "there.faretide"), "exists already"),
        (("replay", "verify", "there.faretide", "--keep", "k.faretide"), "the file is there already"),
        (("replay", "verify", "--from", "-2m", "--keep", "there.faretide"), "exists already"),
        (("replay", "--from", "-2m", "--yes", "--keep", "no/such/place.faretide"), "a directory that exists"),
        (("replay", "--from", "-2m", "--yes", "--speed", "step"), "nobody can press Enter here"),
        (("replay", "verify", "there.faretide", "--speed", "step"), "nobody can press Enter here"),
        (("replay", "verify", "--from", "garbage"), "--from"),
        (("replay", "verify", "--from", "-1m", "--to", "-2m"), "--from must be before --to"),
        (("replay", "verify", "--to", "-2m"), "name a span"),
        (("replay", "verify", "--quote", "q", "--from", "-2m"), "a quote has its own span"),
        (("replay", "--quote", "q", "--to", "-1m", "--yes"), "a quote has its own span"),
        (("replay", "diff", "--quote", "q", "--zone", "862a100d7ffffff", "--settings", "lock_ms=1"), "its own span"),
        (("bundle", "create", "--quote", "q", "--cell", "882a100d67fffff", "new.faretide"), "its own span"),
        (("replay", "diff", "there.faretide", "--settings", "lock_ms=1", "--dashboard", "http://d"), "with --html"),
        (("dlq", "ls", "--from", "foo"), "--from"),
        (("dlq", "redrive", "--file", "nofile"), "nofile cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_server_is_asked(words, sentence, tmp_path, monkeypatch):
    """Exit code 2, whether or not anything runs: above all where ids would be written as they are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.faretide").write_bytes(b"")
    monkeypatch.setenv("FARETIDE_STATE_DIR", str(tmp_path / "state"))
    with pytest.raises(CommandError) as raised:
        get_command(app).main(list(words), standalone_mode=False)
    assert raised.value.code is ExitCode.USAGE
    assert sentence in str(raised.value)
