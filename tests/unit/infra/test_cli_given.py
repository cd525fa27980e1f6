"""Options that nothing would read are refused, whatever else the command line says."""

import pytest
from typer.testing import CliRunner

from infra.cli.exits import CommandError, ExitCode
from infra.cli.main import app

RUNNER = CliRunner()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("replay --speed x2 verify hour.faretide", "--speed must stand behind `verify`"),
        ("replay --from -2m --to -1m diff", "--from, --to must stand behind `diff`"),
        ("simulate --seeds 1 misfits", "--seeds must stand behind `misfits`"),
        ("simulate --tune --scenario rain --drivers 500", "--scenario has no meaning beside --tune"),
        ("replay show hour.faretide --until multiplier>2 --step --limit 3", "--limit has no meaning beside --step"),
        ("faults --resume", "--resume goes on with a report"),
        ("dlq redrive --file l.jsonl --key rider-7 --limit 9", "--key has no meaning beside --file"),
        ("dlq redrive --from -1h --file l.jsonl --topic ride-events.v1 --yes", "--topic, --from has no meaning"),
        ("tail surge.v1 --from 2026-11-24", "--from must say its offset, such as 2026-11-24T00:00:00Z,"),
        ("dlq ls --to yesterday", "--to must be earliest, latest, an instant or an age"),
    ],
)
def test_what_nothing_would_read_is_refused(line, said):
    """The sentence names the option that was given, and the command does not begin."""
    ended = RUNNER.invoke(app, line.split())
    assert isinstance(ended.exception, CommandError)
    assert str(ended.exception).startswith(said)
    assert ended.exception.code is ExitCode.USAGE


def test_a_partition_below_minus_one_is_refused():
    """Any negative number read all partitions."""
    assert RUNNER.invoke(app, ["tail", "surge.v1", "--partition", "-7"]).exit_code == ExitCode.USAGE
