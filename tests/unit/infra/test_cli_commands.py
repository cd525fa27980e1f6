"""Parts of commands that need no server: what is parsed, what is printed, how it ends."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from faretide.client import Answer
from infra.cli import quote as quote_command
from infra.cli.exits import CommandError, ExitCode, exit_code_of, sentence_of
from infra.cli.publish import is_outside
from infra.cli.tail import parse_start, show
from infra.clients.consumer import Edge, Entry
from infra.clients.errors import (
    ClientError,
    NoAnswerError,
    NothingRunsError,
    RegistryUnavailable,
    SchemaIncompatibleError,
    UnreachableError,
)
from infra.settings import SettingsInvalidError
from topics.catalogue import DEAD_LETTERS, EVERY_TOPIC, QUOTES
from topics.prices import FareLine, PriceReason, QuoteAnswered, QuoteOutcome

NOW_MS = 1_790_000_000_000
PRICED = QuoteAnswered(
    quote_id="q-1",
    request_id="r-1",
    rider_id="rider",
    outcome=QuoteOutcome.PRICED,
    at_ms=NOW_MS,
    now_ms=NOW_MS + 4,
    valid_until_ms=NOW_MS + 120_004,
    product="standard",
    currency="USD",
    amount_minor=2310,
    multiplier_hundredths=130,
    distance_m=5200,
    duration_s=900,
    eta_s=200,
    breakdown=[FareLine(code="base", amount_minor=1777), FareLine(code="surge", amount_minor=533)],
    reasons=[PriceReason(code="rate-limit", before_hundredths=150, after_hundredths=130)],
    request_offset=3,
    tick_partition=1,
    tick_offset=42,
    tick_now_ms=NOW_MS - 150,
)


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("earliest", Edge.EARLIEST),
        ("latest", Edge.LATEST),
        ("-90s", NOW_MS - 90_000),
        ("-250ms", NOW_MS - 250),
        ("-2h", NOW_MS - 7_200_000),
        ("-1d", NOW_MS - 86_400_000),
        ("2026-11-01T18:00:00Z", int(datetime(2026, 11, 1, 18, tzinfo=UTC).timestamp() * 1000)),
        ("2026-11-01T13:00:00.250-05:00", int(datetime(2026, 11, 1, 18, tzinfo=UTC).timestamp() * 1000) + 250),
    ],
)
def test_a_start_is_an_edge_an_age_or_an_instant(text, start):
    """Ages count back from now; instants carry their offset."""
    assert parse_start(text, now_ms=NOW_MS) == start


@pytest.mark.parametrize("text", ["", "yesterday", "10m", "-10", "-m", "2026-11-01T18:00:00", "2026-13-01T18:00:00Z"])
def test_other_starts_are_refused_by_name(text):
    """An instant without offset would mean another time on another machine."""
    with pytest.raises(ValueError, match="--from must"):
        parse_start(text, now_ms=NOW_MS)


@pytest.mark.parametrize("text", ["", "40.7", "40.7,-73.9,1", "forty,1", "91,0", "0,181", "nan,0"])
def test_places_off_the_globe_are_refused_by_option(text):
    """The sentence names the option."""
    with pytest.raises(ValueError, match="--pickup must"):
        quote_command.parse_place(text, "--pickup")


def test_a_priced_answer_shows_price_lock_lines_reasons_and_ages(capsys):
    """Everything a rider or an engineer asks first is in the output."""
    quote_command.show(Answer(quote=PRICED, partition=1, offset=9, latency_ms=12.4))
    said = capsys.readouterr().out
    assert said.startswith("23.10 USD for standard, 1.30×, locked for 120 s\n")
    for part in (
        "base\t17.77 USD",
        "surge\t5.33 USD",
        "rate-limit\t1.50×\t1.30×",
        "5.2 km, 15 min, car in about 3 min",
    ):
        assert part in said
    assert "quote q-1, tick 1@42 154 ms old, answered in 12 ms" in said


def test_a_price_without_a_tick_says_so(capsys):
    """A fallback is shown with its reason."""
    untouched = replace(PRICED, tick_now_ms=0, tick_offset=-1, tick_partition=-1, fallback="no-tick", eta_s=-1)
    quote_command.show(Answer(quote=untouched, partition=1, offset=9, latency_ms=12.4))
    assert "no tick (no-tick)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("outcome", "refusal", "said", "code"),
    [
        (QuoteOutcome.PRICED, "", "23.10 USD", ExitCode.OK),
        (QuoteOutcome.REFUSED, "outside-market", "refused: outside-market", ExitCode.REFUSED),
        (QuoteOutcome.EXPIRED, "", "expired: the answer came after the deadline", ExitCode.EXPIRED),
        (QuoteOutcome.UNKNOWN, "", "unknown", ExitCode.FAILED),
    ],
)
def test_each_outcome_has_its_exit_code(capsys, outcome, refusal, said, code):
    """A script can tell a refusal from a late answer."""
    currency = "USD" if outcome is QuoteOutcome.PRICED else ""
    quote = replace(PRICED, outcome=outcome, refusal=refusal, currency=currency)
    quote_command.show(Answer(quote=quote, partition=1, offset=9, latency_ms=12.4))
    assert said in capsys.readouterr().out
    assert quote_command.exit_code(quote) is code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommandError("x", ExitCode.USAGE), ExitCode.USAGE),
        (SettingsInvalidError("x"), ExitCode.USAGE),
        (UnreachableError("x"), ExitCode.UNREACHABLE),
        (RegistryUnavailable("x"), ExitCode.UNREACHABLE),
        (NothingRunsError("x"), ExitCode.UNREACHABLE),
        (NoAnswerError("x"), ExitCode.NO_ANSWER),
        (SchemaIncompatibleError("x"), ExitCode.FAILED),
        (ClientError("x"), ExitCode.FAILED),
        (KeyError("x"), ExitCode.FAILED),
    ],
)
def test_each_error_has_its_exit_code(error, code):
    """What may pass by itself is told from what will not."""
    assert exit_code_of(error) is code


def test_a_foreseen_error_is_its_sentence_and_a_bug_is_named():
    """On one line either way; a bug says how to see more."""
    assert sentence_of(ClientError("the broker\n refused")) == "the broker refused"
    assert sentence_of(KeyError("zone")) == "unexpected KeyError: 'zone' (FARETIDE_LOG_LEVEL=debug shows where)"
    assert sentence_of(OSError()).startswith("unexpected OSError")


def test_only_outside_topics_are_published_by_default():
    """Six topics have writers outside the services."""
    outside = {topic.name for topic in EVERY_TOPIC if is_outside(topic)}
    assert outside == {
        "driver-pings.v1",
        "quote-requests.v1",
        "ride-events.v1",
        "pricing-policy.v1",
        "markets.v1",
        "models.v1",
    }
    assert not any(is_outside(topic) for topic in DEAD_LETTERS)


def test_an_entry_prints_as_a_line_and_as_an_object(capsys):
    """Undecodable entries show their reason in both forms; keys that are no text are escaped."""
    good = Entry(
        topic=QUOTES,
        partition=1,
        offset=9,
        timestamp_ms=NOW_MS,
        key=b"rider",
        headers=(("ce_id", b"q-1"), ("odd", None)),
        schema_id=3,
        record=PRICED,
    )
    bad = replace(good, key=b"\xff", schema_id=None, record=None, problem="no frame")
    for entry in (good, bad):
        show(entry, as_json=False)
        show(entry, as_json=True)
    line, whole, bad_line, bad_whole = capsys.readouterr().out.splitlines()
    assert line.startswith('2026-09-21T14:13:20.000Z  1@9  rider  {"quote_id":"q-1"')
    assert json.loads(whole)["record"]["breakdown"][0] == {"code": "base", "amount_minor": 1777}
    assert json.loads(whole)["headers"] == [{"name": "ce_id", "value": "q-1"}, {"name": "odd", "value": None}]
    assert bad_line.endswith("1@9  \\xff  cannot be decoded: no frame")
    assert (json.loads(bad_whole)["record"], json.loads(bad_whole)["problem"]) == (None, "no frame")
