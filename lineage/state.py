"""All folds and boards together: records in, board values out. Live and past states are made by the same code."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from infra.clients.consumer import Entry
from lineage.answers import Answers
from lineage.audit import Audit
from lineage.boards import Board
from lineage.city import CityMap
from lineage.drops import Drops
from lineage.flows import Flows, Newest
from lineage.losses import Losses
from topics.catalogue import DEAD_LETTERS, LATE_EVENTS, QUOTES, SUPPLY_CELLS, SURGE, TELEMETRY, Topic
from topics.wire import event_of

READ_WHOLE: tuple[Topic, ...] = (TELEMETRY, SURGE, SUPPLY_CELLS, QUOTES, LATE_EVENTS, *DEAD_LETTERS)
BOARDS = ("lineage", "map", "quotes", "losses")


@dataclass(slots=True)
class State:
    """What the page shows."""

    flows: Flows = field(default_factory=Flows)
    city: CityMap = field(default_factory=CityMap)
    answers: Answers = field(default_factory=Answers)
    losses: Losses = field(default_factory=Losses)
    audit: Audit = field(default_factory=Audit)
    drops: Drops = field(default_factory=Drops)
    boards: dict[str, Board] = field(default_factory=lambda: {name: Board(name) for name in BOARDS})

    def take(self, entry: Entry) -> None:
        """Take in one record of any topic; one that cannot be decoded is counted by its topic alone."""
        self.glance(entry)
        record = entry.record
        if record is None:
            return
        if entry.topic is TELEMETRY:
            self.flows.samples.told(record)
            self.audit.told(record)
        elif entry.topic is SURGE:
            self.city.ticked(record)
        elif entry.topic is SUPPLY_CELLS:
            self.city.counted(record, entry.partition)
        elif entry.topic is QUOTES:
            _apply(self.boards["quotes"], self.answers.answered(entry))
        elif entry.topic is LATE_EVENTS:
            self._trouble(entry, "late")
        elif entry.topic.name.endswith(".dlq"):
            self._trouble(entry, "refused")

    def glance(self, entry: Entry) -> None:
        """Take note of how fresh a topic is and who wrote to it, from any one of its records."""
        event = event_of(entry.headers)
        at_ms = getattr(entry.record, "at_ms", 0) or getattr(entry.record, "now_ms", 0)
        newest = Newest(at_ms=at_ms, appended_ms=entry.timestamp_ms, source=event.source if event else "")
        self.flows.saw(entry.topic.name, newest)

    def refresh_map(self) -> None:
        """Bring the map's board up to date."""
        _apply(self.boards["map"], self.city.changes())

    def refresh_graph(self, now_ms: int) -> None:
        """Bring the graph's board and the books up to date."""
        values = self.flows.values(now_ms)
        self.drops.watched(now_ms, values, self.flows.samples.services().get("quotes", []))
        self.boards["lineage"].become(values | self.drops.rows())
        losses = self.boards["losses"]
        for key, row in self.audit.rows(self.flows.ends).items():
            losses.put(key, row)
        losses.put("since", {"since_ms": self.audit.since_ms})

    def _trouble(self, entry: Entry, kind: str) -> None:
        made = self.losses.late(entry) if kind == "late" else self.losses.dead(entry)
        _apply(self.boards["losses"], made)
        self.flows.troubled(entry.record.topic, kind, entry.timestamp_ms)
        self.audit.troubled(entry.record.service, entry.record.topic, kind)


def _apply(board: Board, changes: Iterable[tuple[str, Any]]) -> None:
    for key, value in changes:
        if value is None:
            board.drop(key)
        else:
            board.put(key, value)
