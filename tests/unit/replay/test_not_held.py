"""Outputs that name inputs older than all that a recording holds, as after an outage, apart from those that differ."""

import json

import pytest

from infra.cli.exits import CommandError, ExitCode
from infra.cli.replaying.differences import told
from infra.cli.replaying.otherwise import Otherwise
from infra.cli.replaying.verdicts import verified
from replay.archive import Archive, copied
from replay.run import RunResult
from replay.ticks import TickLog
from replay.verdict import TopicVerdict
from tests.unit.replay.recordings import GOLDEN, begun, ran
from topics.catalogue import BOOKING_DECISIONS, FORECAST_STATE, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS, SURGE

FROM_MS = Archive.opened(GOLDEN).about.from_ms
KILLED_MS = 26_168
"""After so long the golden recording has a new worker's first tick."""


@pytest.mark.parametrize(
    ("topic", "after_ms", "lacking", "first"),
    [
        (QUOTE_REQUESTS, 3_000, {QUOTES: 1}, "the request, quote-requests.v1 1@239, is not held"),
        (RIDE_EVENTS, 3_000, {BOOKING_DECISIONS: 1}, "the acceptance, ride-events.v1 3@124, is not held"),
        (QUOTES, 0, {BOOKING_DECISIONS: 3}, "the quote, quotes.v1 0@199, is not held"),
        (SURGE, 0, {SURGE: 1, QUOTES: 1}, "the previous tick, surge.v1 2@2714, is not held"),
        (FORECAST_STATE, 0, {SURGE: 17, FORECAST_STATE: 1}, "the memory, forecast-state.v1 2@9, is not held"),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_what_names_older_inputs_is_no_difference(topic, after_ms, lacking, first, tmp_path):
    """Counted apart, with the first; what follows from it is made of what was recorded, and nothing else differs."""
    result = ran(begun(tmp_path / "f", topic, FROM_MS + after_ms), tmp_path / "outputs")
    verdicts = result.topics.values()
    assert {one.topic: one.not_held for one in verdicts if one.not_held} == {t.name: n for t, n in lacking.items()}
    assert next(one.first_not_held for one in verdicts if one.not_held).endswith(first)
    assert (result.differ, result.is_identical) == (0, False)


def test_a_worker_whose_first_tick_names_an_older_one_is_known_by_its_second(tmp_path, monkeypatch):
    """Whether it had begun its city totals anew is not decided by a tick that nobody can make."""
    decided, decide = [], TickLog._first_of_epoch

    def noted(log, raw, tick):
        made = decide(log, raw, tick)
        decided.append(raw.offset)
        return made

    monkeypatch.setattr(TickLog, "_first_of_epoch", noted)
    file = begun(tmp_path / "f", SURGE, FROM_MS + KILLED_MS)
    ran(file, tmp_path / "outputs")
    assert decided == [list(Archive.opened(file).log(SURGE.name, 2))[1].offset]


def test_an_input_that_is_missing_among_those_held_is_a_difference(tmp_path):
    """The file was cut, or an output names what never was."""
    last = list(Archive.opened(GOLDEN).log(QUOTE_REQUESTS.name, 1))[-1]
    copied(Archive.opened(GOLDEN), tmp_path / "f", lambda _, raw: None if raw == last else raw)
    result = ran(tmp_path / "f", tmp_path / "outputs")
    assert (result.differ, result.not_held) == (1, 0)


def test_nothing_differing_and_something_not_held_is_neither_the_same_nor_a_difference(tmp_path, capsys):
    """A script learns it from the exit code, a person from one sentence."""
    file = begun(tmp_path / "f", QUOTE_REQUESTS, FROM_MS + 3_000)
    sentence = "1 of 102 outputs name inputs that this recording does not hold, the others are identical"
    with pytest.raises(CommandError, match=sentence) as raised:
        verified(file, as_json=True, processes=1)
    assert raised.value.code is ExitCode.PARTIAL
    said = json.loads(capsys.readouterr().out)
    assert (said["identical"], said["differ"], said["not_held"]) == (False, 0, 1)
    with pytest.raises(CommandError, match=sentence):
        verified(file, as_json=False, processes=1)
    told_first = "1 of quotes.v1 name older inputs, the first quotes.v1 1@239: the request, quote-requests.v1 1@239, is"
    assert told_first in capsys.readouterr().out


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        (TopicVerdict(topic="t", records=3, not_held=1, not_made=1), "1 of 3 outputs differ .*, 1 of 3 outputs name"),
        (TopicVerdict(topic="t", records=3, not_held=3), "3 of 3 outputs name .* nothing was compared"),
    ],
    ids=["beside a difference", "all"],
)
def test_a_difference_or_nothing_compared_fails_whatever_is_not_held(verdict, sentence, monkeypatch):
    """A check that found something, or looked at nothing, is no partial success."""
    monkeypatch.setattr("replay.run.run", lambda *_, **__: RunResult(topics={"t": verdict}))
    with pytest.raises(CommandError, match=sentence) as raised:
        verified(GOLDEN, as_json=True, processes=1)
    assert raised.value.code is ExitCode.FAILED


def test_a_what_if_counts_it_as_not_made(tmp_path):
    """Neither run can make it, nor what is priced by it: recorded ticks would hide what the change does."""
    file = begun(tmp_path / "f", FORECAST_STATE, FROM_MS)
    with pytest.raises(CommandError, match=r"21 outputs could not be made again, the first: surge\.v1 2@2721"):
        told(file, Otherwise(settings=("lock_ms=1",)), {}, as_json=True, html=None, processes=1)
