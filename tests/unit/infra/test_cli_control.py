"""Markets and policies on the command line, without a server: files, drafts, differences, histories, documentation."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from infra.cli.control_checks import faults_of
from infra.cli.control_drafts import Said, market_draft, policy_draft
from infra.cli.control_files import parse_instant, read_values, record_of, text_of
from infra.cli.control_log import ControlLog, Version
from infra.cli.control_reports import differences, instant, show_history
from infra.cli.dry_run import parse_age
from infra.cli.exits import CommandError, ExitCode
from infra.cli.main import app
from infra.cli.policy_orders import _new_faults
from pricing.defaults import new_york_market, new_york_policy
from pricing.rules.markets import market_of
from topics.catalogue import MARKETS, PRICING_POLICY
from topics.control import CellOverride

ROOT = Path(__file__).parents[3]
NOW_MS = 1_800_000_000_000
SAID = Said(author="ann", reason="because", based_on=0)


def versions_of(book, records):
    """Versions as a reader of the topic has them, a second apart."""
    versions = []
    for offset, record in enumerate(records):
        problem = ""
        try:
            book.learn(record, offset)
        except ValueError as error:
            problem = str(error)
        versions.append(Version(offset=offset, appended_ms=NOW_MS + offset * 1000, record=record, problem=problem))
    return versions


def log_of(policies=(), markets=()):
    """New York as shipped, and then these."""
    log = ControlLog()
    first = replace(new_york_market(), effective_from_ms=0), replace(new_york_policy(), effective_from_ms=0)
    log.market_versions = versions_of(log.markets, [first[0], *markets])
    log.policy_versions = versions_of(log.policies, [first[1], *policies])
    return log


def edited(log, **changes):
    """The file `policy show nyc --as-file` writes, with some fields changed."""
    rules = log.policies.at("nyc", NOW_MS).rules
    return {**json.loads(text_of(rules, log.newest(PRICING_POLICY, "nyc"))), **changes}


def test_an_order_is_not_refused_for_what_was_wrong_before():
    """A freeze does not wait until an override outside a smaller market is taken out."""
    outside = replace(new_york_policy(), overrides=[CellOverride(cell=7, product="", multiplier_hundredths=120)])
    market, markets = market_of(new_york_market(), 0), ["nyc"]
    frozen = replace(outside, freeze=True, author="ann", reason="prices look wrong", effective_from_ms=NOW_MS)
    assert _new_faults(frozen, outside, market, markets, NOW_MS) == []
    assert _new_faults(replace(frozen, reason=""), outside, market, markets, NOW_MS) == ["reason must be given"]
    [fault] = _new_faults(replace(frozen, lock_ms=-1), outside, market, markets, NOW_MS)
    assert fault.startswith("lock_ms must be")


def test_a_file_shown_and_set_again_changes_nothing():
    """What `--as-file` writes is the version itself, and says what it was made from."""
    log = log_of()
    draft = policy_draft(edited(log), replace(SAID, based_on=None), log, at_ms=NOW_MS)
    assert (draft.changes, draft.replaces, draft.record.based_on_offset) == ([], 0, 0)
    assert draft.record.effective_from_ms == NOW_MS
    market = json.loads(text_of(new_york_market(), 0))
    assert market["boundary"][0] == [40.42, -74.3]
    assert market_draft(market, SAID, log, at_ms=NOW_MS).changes == []


def test_a_difference_is_named_by_what_it_is_about():
    """Items of a list are told apart by their ids, so an order changed is no difference."""
    log = log_of()
    caps = edited(log)["caps"]
    caps[1]["cap_hundredths"] = 200
    draft = policy_draft(edited(log, caps=caps[::-1]), SAID, log, at_ms=NOW_MS)
    assert draft.changes == [("caps[us-nj].cap_hundredths", 250, 200)]
    assert differences(new_york_market(), replace(new_york_market(), currency="EUR")) == [("currency", "USD", "EUR")]


def test_an_edit_does_not_lift_a_freeze_or_cap_by_the_way():
    """They stay as they are in force unless the file names them, also on the way back to a version before them."""
    ordered = replace(new_york_policy(), effective_from_ms=1, freeze=True, emergency_cap_hundredths=120)
    log = log_of([ordered])
    said = replace(SAID, based_on=1)
    before = json.loads(text_of(log.policy_versions[0].record, 1))
    rules = policy_draft({**before, "lock_ms": 60_000}, said, log, at_ms=NOW_MS).record
    assert (rules.freeze, rules.emergency_cap_hundredths) == (True, 120)
    lifted = policy_draft(edited(log, freeze=False), said, log, at_ms=NOW_MS)
    assert ("freeze", True, False) in lifted.changes


@pytest.mark.parametrize(
    ("said", "sentence", "code"),
    [
        (replace(SAID, based_on=0), "must be 1, the newest version of nyc (bob: faster), got 0", ExitCode.FAILED),
        (replace(SAID, based_on=None), "based_on_offset must be given, here or by --based-on", ExitCode.USAGE),
    ],
)
def test_a_version_made_from_an_older_one_is_refused(said, sentence, code):
    """The sentence names the newest version, who made it and why."""
    log = log_of([replace(new_york_policy(), effective_from_ms=1, author="bob", reason="faster")])
    values = edited(log)
    del values["based_on_offset"]
    with pytest.raises(CommandError, match=re.escape(sentence)) as refused:
        policy_draft(values, said, log, at_ms=NOW_MS)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"caps": "none"}, "pricing-policy: caps must be a list, got 'none'"),
        ({"wait_target_s": 1.5}, "pricing-policy: wait_target_s must be a whole number, got 1.5"),
        ({"moon": 1}, "pricing-policy: moon must be one of policy_id, market"),
        ({"market": "paris"}, "market must be one that is defined by then (nyc), got 'paris'"),
        ({"market": 7}, "pricing-policy: market must be text, got 7"),
        (
            {"caps": [{"jurisdiction": "us-nj", "floor_hundredths": 200, "cap_hundredths": 100}]},
            "its floor 200 to 2000",
        ),
    ],
)
def test_a_bad_file_is_refused_by_field(changes, sentence):
    """Types, unknown fields and rules alike: one sentence, exit code 2, nothing tried."""
    log = log_of()
    with pytest.raises(CommandError, match=re.escape(sentence)) as refused:
        policy_draft(edited(log, **changes), SAID, log, at_ms=NOW_MS)
    assert refused.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("text", "sentence"),
    [(None, "cannot be read: No such file"), ("{", "must be JSON"), ("[]", "must hold one JSON object, got list")],
)
def test_a_file_that_is_none_is_refused(tmp_path, text, sentence):
    """Missing, broken, or no object."""
    file = tmp_path / "policy.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(CommandError, match=sentence):
        read_values(str(file))


def test_instants_and_ages_are_read_or_refused():
    """An instant without its offset would mean another time elsewhere."""
    assert parse_instant("2027-01-15T08:00:00+00:00", now_ms=0) == NOW_MS
    assert instant(NOW_MS) == "2027-01-15 08:00:00Z"
    for bad in ("", "tomorrow", "2027-01-15T08:00:00"):
        with pytest.raises(CommandError, match="an instant must be now or such as"):
            parse_instant(bad, now_ms=0)
    assert parse_age("2h") == 7_200_000
    with pytest.raises(CommandError, match="--last must be an age"):
        parse_age("-2h")


def test_a_version_to_come_is_told_of():
    """Who sets a policy learns which one will replace it."""
    later = replace(new_york_policy(), effective_from_ms=NOW_MS + 3_600_000, author="bob", reason="rush hour")
    log = log_of([later])
    draft = policy_draft(edited(log, lock_ms=60_000), replace(SAID, based_on=1), log, at_ms=NOW_MS)
    assert draft.remarks == ["version 1 by bob takes over at 2027-01-15 09:00:00Z (rush hour)"]


def test_a_history_tells_who_why_and_when(capsys):
    """Versions in force, replaced, to come and outrun, each with its span."""
    rules = replace(new_york_policy(), author="ann")
    log = log_of(
        [
            replace(rules, effective_from_ms=NOW_MS + 1000, based_on_offset=0, freeze=True, reason="odd prices"),
            replace(rules, effective_from_ms=NOW_MS + 1000, based_on_offset=0, reason="me too"),
        ]
    )
    show_history(log, PRICING_POLICY, "nyc", as_json=False)
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0][:3] == ["0", "2027-01-15 08:00:00Z", "2027-01-15 08:00:01Z"]
    assert rows[1] == ["1", "2027-01-15 08:00:01Z", "", "ann", "odd prices (frozen)"]
    assert rows[2][1:3] == ["never", "refused"]
    assert "based_on_offset must be 1" in rows[2][4]
    with pytest.raises(CommandError, match="no version for market 'paris'; known are nyc"):
        show_history(log, PRICING_POLICY, "paris", as_json=True)


def test_what_stands_in_the_topics_is_checked_together():
    """New York alone is whole; a twin over it, and a policy of a market that is not there, are named."""
    assert faults_of(log_of(), NOW_MS) == []
    twin = replace(new_york_market(), market="twin", effective_from_ms=0)
    faults = faults_of(log_of(markets=[twin]), NOW_MS)
    assert any("market twin, version 1: boundary must not overlap that of market nyc" in fault for fault in faults)


@pytest.mark.parametrize("name", ["london-market.json", "tokyo-market.json", "london-policy.json"])
def test_examples_are_drafts_without_a_fault(name):
    """What the documentation shows may be set beside New York as it stands."""
    values, log = read_values(str(ROOT / "docs" / "examples" / name)), log_of()
    if name == "london-policy.json":
        log.market_versions += versions_of(
            log.markets,
            [
                record_of(
                    MARKETS, {**read_values(str(ROOT / "docs/examples/london-market.json")), "effective_from_ms": 0}
                )
            ],
        )
    make = policy_draft if "policy" in name else market_draft
    draft = make(values, Said(author="ann"), log, at_ms=NOW_MS)
    assert (draft.replaces, draft.record.based_on_offset) == (-1, -1)


def test_every_command_of_the_page_exists():
    """Each `faretide` line of docs/policy.md names a command and options that it has."""
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("faretide ")]
    assert len(lines) > 12
    for line in lines:
        words = shlex.split(line, comments=True)[1:]
        words = words[: words.index(">")] if ">" in words else words
        command = typer.main.get_command(app)
        while hasattr(command, "commands"):
            command, words = command.commands[words[0]], words[1:]
        command.make_context(command.name, words)
