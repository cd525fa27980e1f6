"""Letters that are listed or found: what is left out is told."""

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from infra.cli import dlq
from infra.cli.dead_letters import letters
from infra.cli.dead_letters.letters import Letter, LetterBox, Wanted
from infra.cli.main import app
from infra.clients.consumer import Entry
from topics.catalogue import DRIVER_PINGS, dead_letters_of
from topics.ledger import DeadLettered

PINGS = dead_letters_of(DRIVER_PINGS)


def letter(offset):
    """A refused ping without a value."""
    told = DeadLettered(
        topic=DRIVER_PINGS.name,
        partition=0,
        offset=offset,
        timestamp_ms=offset,
        key=None,
        value=None,
        error_class="InvalidField",
        rule="value-present",
        sentence="the value must be there",
        service="supply",
        now_ms=offset,
    )
    return Letter(dlq=PINGS, partition=0, offset=offset, appended_ms=offset, letter=told, record=None, problem="none")


@pytest.mark.parametrize("options", [("--json",), ()])
def test_a_list_that_is_cut_says_so(options, monkeypatch):
    """Also where a script reads it: on standard error, the newest listed."""
    monkeypatch.setattr(dlq, "answered", lambda _ask: [letter(number) for number in range(60)])
    ended = CliRunner().invoke(app, ["dlq", "ls", *options])
    assert "10 older ones are left out: --limit 0 lists all" in ended.stderr
    assert len(ended.stdout.splitlines()) == 50
    whole = CliRunner().invoke(app, ["dlq", "ls", "--limit", "0", *options])
    assert (len(whole.stdout.splitlines()), whole.stderr) == (60, "")
    if options:
        assert json.loads(ended.stdout.splitlines()[0])["letter"] == f"{PINGS.name}@0@10"


@pytest.mark.parametrize(("most", "told"), [(3, f"of {PINGS.name} 0 the newest 3 letters were read only"), (4, "")])
async def test_a_partition_of_which_not_all_was_read_is_named(most, told, monkeypatch, capsys):
    """Filters look at no more than the newest letters of each partition."""
    monkeypatch.setattr(letters, "MOST", most)

    async def between(*_places, most):
        return [
            Entry(
                topic=PINGS,
                partition=0,
                offset=number,
                timestamp_ms=number,
                key=None,
                headers=(),
                schema_id=7,
                record=letter(number).letter,
            )
            for number in range(min(most, 3))
        ]

    box = LetterBox(SimpleNamespace(between=between), None)
    assert len(await box.find(Wanted())) == 3
    assert told in capsys.readouterr().err
