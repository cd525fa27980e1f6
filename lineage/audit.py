"""Whether the books balance: what was appended, read, refused, late and answered, per stage, since the dashboard began.

A worker tells once a second how many records of each partition it took in and where it then stood. Between two of its
words the count must equal the distance it moved:

    appended  ──>  read (moved)  ──>  taken in = moved            a difference is a record lost or counted twice
                   waiting = end − position                       appended = moved + waiting

A word lost with a killed worker leaves a gap of up to a second, shown as such and never filled by guessing.
"""

from dataclasses import dataclass, field
from typing import Any

from lineage.ends import Ends
from topics.ledger import PartitionCount, TelemetrySampled

Stage = tuple[str, str, int]
"""Service, topic, partition."""


@dataclass(slots=True)
class Line:
    """One partition read by one service: where it stood first and last, and what it says it took in since."""

    first: int
    last: int
    taken: int = 0


@dataclass(slots=True)
class Audit:
    """All stages and what they wrote."""

    lines: dict[Stage, Line] = field(default_factory=dict)
    written: dict[tuple[str, str], int] = field(default_factory=dict)
    troubles: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Dead letters and late events by (service, topic, `refused` or `late`)."""
    since_ms: int = 0

    def told(self, sample: TelemetrySampled) -> None:
        """Take in one record of telemetry.v1."""
        self.since_ms = self.since_ms or sample.now_ms
        for count in sample.read:
            self._moved((sample.service, count.topic, count.partition), count)
        for count in sample.written:
            key = (sample.service, count.topic)
            self.written[key] = self.written.get(key, 0) + count.records

    def troubled(self, service: str, topic: str, kind: str) -> None:
        """Take note of one dead letter (`refused`) or one late event (`late`)."""
        key = (service, topic, kind)
        self.troubles[key] = self.troubles.get(key, 0) + 1

    def _moved(self, stage: Stage, count: PartitionCount) -> None:
        line = self.lines.get(stage)
        if line is None:
            self.lines[stage] = Line(count.offset, count.offset)
        elif count.offset > line.last:
            line.last = count.offset
            line.taken += count.records

    def rows(self, ends: Ends) -> dict[str, Any]:
        """Board values `audit/service/topic`; `missing` is how many records moved past without being taken in."""
        sums: dict[tuple[str, str], list[int]] = {}
        for (service, topic, partition), line in self.lines.items():
            row = sums.setdefault((service, topic), [0, 0, 0])
            row[0] += line.last - line.first
            row[1] += line.taken
            row[2] += max(0, ends.newest.get((topic, partition), line.last + 1) - line.last - 1)
        return {
            f"audit/{service}/{topic}": {
                "service": service,
                "topic": topic,
                "moved": moved,
                "taken": taken,
                "missing": moved - taken,
                "waiting": waiting,
                "refused": self.troubles.get((service, topic, "refused"), 0),
                "late": self.troubles.get((service, topic, "late"), 0),
            }
            for (service, topic), (moved, taken, waiting) in sorted(sums.items())
        } | {
            f"out/{service}/{topic}": {"service": service, "topic": topic, "written": written}
            for (service, topic), written in sorted(self.written.items())
        }
