"""What becomes of a record that is refused: it is kept whole, with its place and the reason."""

from collections.abc import Iterable
from typing import Protocol

from topics.catalogue import Topic
from topics.ledger import DeadLettered, Header
from topics.redrive import attempt_of
from topics.refusals import Refusal


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
    return DeadLettered(
        topic=topic.name,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=-1 if record.timestamp is None else record.timestamp,
        key=record.key,
        value=record.value,
        headers=[Header(name=name, value=value) for name, value in record.headers or ()],
        error_class=str(error.error_class),
        field=error.field,
        rule=error.rule,
        sentence=error.sentence,
        attempt=attempt_of(record.headers or ()),
        service=service,
        now_ms=now_ms,
    )
