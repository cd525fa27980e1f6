"""Late and lost: the newest late events and dead letters, and how many there were per minute."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.clients.consumer import Entry
from topics.ledger import DeadLettered, EventArrivedLate
from windows.panes import pane_start

KEPT = 200
MINUTE_MS = 60_000


@dataclass(slots=True)
class Losses:
    """The ledger's newest entries, and sums that forget nothing while the dashboard runs."""

    _order: deque[str] = field(default_factory=deque)
    by_cause: dict[str, dict[str, Any]] = field(default_factory=dict)

    def late(self, entry: Entry) -> Iterator[tuple[str, Any]]:
        """Take in one record of late-events.v1."""
        event: EventArrivedLate = entry.record
        yield from self._row(
            f"late/{entry.offset}",
            {
                "appended_ms": entry.timestamp_ms,
                "topic": event.topic,
                "place": f"{event.partition}@{event.offset}",
                "id": event.id,
                "at_ms": event.at_ms,
                "pane_ms": pane_start(event.at_ms),
                "late_by_ms": event.late_by_ms,
                "service": event.service,
            },
        )
        yield self._sum(entry, event.topic, event.service, "late", "after the pane's grace")

    def dead(self, entry: Entry) -> Iterator[tuple[str, Any]]:
        """Take in one record of a dead-letter topic."""
        letter: DeadLettered = entry.record
        yield from self._row(
            f"dead/{entry.topic.name}/{entry.offset}",
            {
                "appended_ms": entry.timestamp_ms,
                "topic": letter.topic,
                "dlq": entry.topic.name,
                "dlq_offset": entry.offset,
                "place": f"{letter.partition}@{letter.offset}",
                "error_class": letter.error_class,
                "field": letter.field,
                "rule": letter.rule,
                "sentence": letter.sentence,
                "service": letter.service,
            },
        )
        yield self._sum(entry, letter.topic, letter.service, letter.error_class, letter.rule)

    def _row(self, key: str, row: dict[str, Any]) -> Iterator[tuple[str, Any]]:
        self._order.append(key)
        yield key, row
        while len(self._order) > KEPT:
            yield self._order.popleft(), None

    def _sum(self, entry: Entry, topic: str, service: str, kind: str, rule: str) -> tuple[str, Any]:
        key = f"cause/{topic}/{service}/{kind}/{rule}"
        known = self.by_cause.get(key)
        row = known or {"topic": topic, "service": service, "kind": kind, "rule": rule, "count": 0, "minutes": {}}
        minute = str(entry.timestamp_ms - entry.timestamp_ms % MINUTE_MS)
        minutes = row["minutes"] | {minute: row["minutes"].get(minute, 0) + 1}
        newest = dict(sorted(minutes.items())[-60:])
        self.by_cause[key] = row | {"count": row["count"] + 1, "minutes": newest, "newest_ms": entry.timestamp_ms}
        return key, self.by_cause[key]
