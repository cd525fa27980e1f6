"""A refused record is kept whole."""

from dataclasses import dataclass

import pytest

from agents.runtime.publisher import MAX_RECORD_BYTES
from topics.catalogue import DRIVER_PINGS, dead_letters_of
from topics.codec import ObjectCodec
from topics.dead_letters import dead_letter
from topics.ledger import DeadLettered, Header
from topics.redrive import ATTEMPT, FIRST_APPENDED, REDRIVE_ID, attempt_of, redriven_headers
from topics.refusals import MISMATCH, bad_row, undecodable


@dataclass(frozen=True)
class Received:
    """A record as a consumer gives it."""

    partition: int = 3
    offset: int = 41
    timestamp: int | None = 1_700_000_000_000
    key: bytes | None = b"\xff"
    value: bytes | None = b"\0rubbish"
    headers: tuple[tuple[str, bytes | None], ...] | None = (("a", b"1"), ("a", None), (ATTEMPT, b"2"))


@pytest.mark.parametrize("error", [bad_row(0, MISMATCH, "lat"), undecodable(MISMATCH, "lat")])
def test_everything_of_the_record_and_its_refusal_is_kept(error):
    """Key, value and headers byte for byte, repeated names and nulls included; reason and place beside them."""
    letter = dead_letter(Received(), DRIVER_PINGS, error, service="supply", now_ms=9)
    assert letter == DeadLettered(
        topic="driver-pings.v1",
        partition=3,
        offset=41,
        timestamp_ms=1_700_000_000_000,
        key=b"\xff",
        value=b"\0rubbish",
        headers=[Header(name="a", value=b"1"), Header(name="a", value=None), Header(name=ATTEMPT, value=b"2")],
        error_class="Undecodable",
        field="lat",
        rule="matches-schema",
        sentence="lat: the bytes do not follow the schema they name",
        attempt=2,
        service="supply",
        now_ms=9,
    )


def test_a_dead_letter_of_nothing_can_be_published():
    """A tombstone without key, headers or time is refused and kept like any other record."""
    nothing = Received(timestamp=None, key=None, value=None, headers=None)
    letter = dead_letter(nothing, DRIVER_PINGS, bad_row(0, MISMATCH, ""), service="supply", now_ms=9)
    codec = ObjectCodec(dead_letters_of(DRIVER_PINGS), schema_id=1)
    assert codec.decode(codec.encode(letter)) == letter
    assert letter.timestamp_ms == -1


@pytest.mark.parametrize("said", [b"2147483648", b"9" * 30, b"9" * 5_000, b"-1", b""])
def test_a_header_that_is_no_count_of_attempts_stops_nobody(said):
    """Whoever may write the topic may write the header; the letter can be published all the same, as the first."""
    letter = dead_letter(
        Received(headers=((ATTEMPT, said),)), DRIVER_PINGS, bad_row(0, MISMATCH, ""), service="supply", now_ms=9
    )
    assert letter.attempt == 1
    assert ObjectCodec(dead_letters_of(DRIVER_PINGS), schema_id=1).encode(letter)


@pytest.mark.parametrize(
    ("header", "count", "kept"),
    [
        (("", None), 1_000, 1_000),
        (("", None), 30_000, 0),
        (("", None), 560_000, 0),
        (("n", b"v"), 560_000, 0),
        (("€" * 350, b""), 900, 900),
        (("€" * 450, b""), 900, 0),
    ],
)
def test_a_letter_of_whatever_headers_can_be_published(header, count, kept):
    """Even empty ones take some of the letter, and names their UTF-8; of too many none is kept, and it says so."""
    received = Received(headers=(header,) * count)
    letter = dead_letter(received, DRIVER_PINGS, bad_row(0, MISMATCH, "lat"), service="supply", now_ms=9)
    assert len(ObjectCodec(dead_letters_of(DRIVER_PINGS), schema_id=1).encode(letter)) + 1_000 < MAX_RECORD_BYTES
    assert (letter.key, letter.value) == (received.key, received.value)
    assert len(letter.headers) == kept
    assert kept or f"and {count} headers the first" in letter.sentence


def test_a_redriven_record_keeps_its_headers_and_counts_its_attempts():
    """Its own headers stay in order; refused and redriven again, it carries the newest count and id, and one time."""
    refusal = bad_row(0, MISMATCH, "lat")
    letter = dead_letter(Received(headers=(("ce_id", b"7"),)), DRIVER_PINGS, refusal, service="supply", now_ms=9)
    once = redriven_headers(letter, "first")
    assert once == [
        ("ce_id", b"7"),
        (FIRST_APPENDED, b"1700000000000"),
        (ATTEMPT, b"2"),
        (REDRIVE_ID, b"first"),
    ]
    again = dead_letter(Received(timestamp=5, headers=tuple(once)), DRIVER_PINGS, refusal, service="supply", now_ms=10)
    twice = dict(redriven_headers(again, "second"))
    assert [name for name, _ in redriven_headers(again, "second")] == ["ce_id", FIRST_APPENDED, ATTEMPT, REDRIVE_ID]
    assert (again.attempt, attempt_of(twice.items())) == (2, 3)
    assert (twice[REDRIVE_ID], twice[FIRST_APPENDED]) == (b"second", b"1700000000000")
