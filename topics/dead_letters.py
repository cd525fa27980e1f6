"""What becomes of a record that is refused: it is kept whole, with its place and the reason.

A broker bounds records after compression, so one can be far larger than any dead letter may be, or have headers by the
hundred thousand. Of such a record the first bytes are kept and the sentence says so; it stands whole at the place
named, until its topic's retention ends.
"""

from collections.abc import Iterable
from typing import Protocol

from topics.catalogue import Topic
from topics.ledger import DeadLettered, Header
from topics.redrive import attempt_of
from topics.refusals import Refusal

KEPT_WHOLE_BYTES = 1_048_588
"""Key, value and headers up to this size are kept whole: Kafka's own bound for a record."""
HEADER_BYTES = 64
"""Counted for each header beside its name and value: it takes some bytes of a letter, and time."""
KEPT_OF_LARGER_BYTES = 64 * 2**10
LONGEST_KEY_BYTES = 1024
LONGEST_SENTENCE = 400
"""Characters: sentences quote what they are about, which may be as long as the record."""


class Received(Protocol):
    """A record as consumers give it: bytes as they were, `timestamp` in epoch milliseconds UTC (None: it has none)."""

    @property
    def partition(self) -> int:
        """Partition it came from."""

    @property
    def offset(self) -> int:
        """Offset it stood at."""

    @property
    def timestamp(self) -> int | None:
        """When it was made or appended."""

    @property
    def key(self) -> bytes | None:
        """Its key."""

    @property
    def value(self) -> bytes | None:
        """Its value."""

    @property
    def headers(self) -> Iterable[tuple[str, bytes | None]] | None:
        """Its headers in order, names may repeat."""


def dead_letter(record: Received, topic: Topic, error: Refusal, *, service: str, now_ms: int) -> DeadLettered:
    """The dead letter of `record` of `topic`, refused by `service` at `now_ms`; its headers tell the attempt."""
    said = list(record.headers or ())
    size = sum(map(_size, (record.key, record.value, *(part for header in said for part in header))))
    whole = size + HEADER_BYTES * len(said) <= KEPT_WHOLE_BYTES
    sentence = _shortened(error.sentence)
    if not whole:
        kept = f"the first {KEPT_OF_LARGER_BYTES} of key and value are kept here, no headers"
        sentence += f"; of its {size} bytes and {len(said)} headers {kept}"
    return DeadLettered(
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=-1 if record.timestamp is None else record.timestamp,
        key=record.key if whole else (record.key or b"")[:KEPT_OF_LARGER_BYTES],
        value=record.value if whole else (record.value or b"")[:KEPT_OF_LARGER_BYTES],
        headers=[Header(name=name, value=value) for name, value in said] if whole else [],
        error_class=str(error.error_class),
        field=error.field,
        rule=error.rule,
        sentence=sentence,
        attempt=attempt_of(said),
        service=service,
        now_ms=now_ms,
    )


def letter_key(letter: DeadLettered) -> bytes:
    """Key under which a dead letter is published: the record's own, unless that would take the letter's room."""
    key = letter.key or b""
    return key if len(key) <= LONGEST_KEY_BYTES else b""


def _size(part: str | bytes | None) -> int:
    return len(part.encode() if isinstance(part, str) else part or b"")


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= LONGEST_SENTENCE else f"{sentence[: LONGEST_SENTENCE - 1]}…"
