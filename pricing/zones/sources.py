"""Which writer speaks for each source partition, and how fresh its counts are.

Counts come from many source partitions, each written by one worker at a time. Every assignment begins a new epoch; its
counts are held back until it says "snapshot complete", and the last completed epoch stands until then:

    source 0 ──e1 cells──e1 complete──e1 cells──┬──e2 cells──e2 complete──┬──e1 cells──e2 cells──>
                                                │ e2 held, e1 stands      │ e2 stands, e1 is a zombie

Once a newer epoch has spoken, lower ones are ignored, also while it is held: their writer has lost the partition. Only
the standing epoch's records say that a source is alive, since the others do not refresh what is counted.
"""

from dataclasses import dataclass, field
from enum import Enum

from topics.counts import CountKind
from topics.validity import FUTURE_TOLERANCE_MS
from windows.epochs import Epoch
from windows.panes import PANE_MS

ALIVE_TIMEOUT_MS = 3_000
SILENT_AFTER_MS = 30_000


class Standing(Enum):
    """What to do with a record: nothing, hold its counts, take its counts, or let the held ones take over."""

    NOTHING = "nothing"
    HELD = "held"
    COUNTED = "counted"
    COMPLETED = "completed"


@dataclass(slots=True)
class Source:
    """One source partition: the newest epoch that spoke, the one that stands (None before any) and when it last spoke.

    `complete_from_ms` is the first instant the standing epoch knows in full, `known_from_ms` the start of the first
    pane that any epoch knew in full.
    """

    newest: Epoch
    standing: Epoch | None = None
    spoke_ms: int = 0
    complete_from_ms: int = 0
    known_from_ms: int = 0

    def judge(self, kind: CountKind, epoch: Epoch, now_ms: int, complete_from_ms: int) -> Standing:
        """Take note of one record and say what its counts are worth."""
        if epoch < self.newest:
            return Standing.NOTHING
        self.newest = epoch
        if epoch == self.standing:
            self.spoke_ms = now_ms  # its last word, whatever its clock said before
            return Standing.COUNTED if kind is CountKind.CELLS else Standing.NOTHING
        if kind is CountKind.SNAPSHOT_COMPLETE:
            self._complete(epoch, now_ms, complete_from_ms)
            return Standing.COMPLETED
        return Standing.HELD if kind is CountKind.CELLS else Standing.NOTHING

    def _complete(self, epoch: Epoch, now_ms: int, complete_from_ms: int) -> None:
        if self.standing is None:
            self.known_from_ms = -(-complete_from_ms // PANE_MS) * PANE_MS
        self.standing, self.spoke_ms, self.complete_from_ms = epoch, now_ms, complete_from_ms


@dataclass(slots=True)
class TopicProgress:
    """How far one partition of a counts topic was read, and the sources heard in it."""

    applied_offset: int = -1
    source_partitions: int = 0
    sources: dict[int, Source] = field(default_factory=dict)
    flowed_ms: int = 0
    input_offsets: dict[int, int] = field(default_factory=dict)

    def hear(
        self,
        *,
        offset: int,
        kind: CountKind,
        source: int,
        source_partitions: int,
        epoch: Epoch,
        now_ms: int,
        complete_from_ms: int,
        input_offset: int,
    ) -> Standing:
        """Judge the record at `offset`; one at or below the applied offset was heard before and is worth nothing.

        `input_offset` is the last offset of the source's own input that the record includes.
        """
        if offset <= self.applied_offset:
            return Standing.NOTHING
        self.applied_offset = offset
        if kind is CountKind.UNKNOWN:
            return Standing.NOTHING
        self.source_partitions = max(self.source_partitions, source_partitions)
        self._note_flow(source, input_offset, now_ms)
        if source not in self.sources:
            self.sources[source] = Source(epoch)
        return self.sources[source].judge(kind, epoch, now_ms, complete_from_ms)

    def flows(self, now_ms: int) -> bool:
        """Whether any source's input moved in the 30 s before `now_ms`.

        Workers that are alive and read nothing at all tell of a break between the senders and the topic, not of an
        empty city: when every driver falls silent at once, supply is missing, not scarce.
        """
        return now_ms - self.flowed_ms <= SILENT_AFTER_MS

    def _note_flow(self, source: int, input_offset: int, now_ms: int) -> None:
        before = self.input_offsets.get(source)
        if before is not None and input_offset > before:
            self.flowed_ms = now_ms
        self.input_offsets[source] = input_offset if before is None else max(before, input_offset)

    def complete_from_ms(self, source: int) -> int:
        """First instant the standing epoch of `source` knows in full; what it says of earlier panes is partial."""
        return self.sources[source].complete_from_ms

    def is_complete(self, now_ms: int) -> bool:
        """Whether every source partition has completed a snapshot and spoke at most 3 s before `now_ms`.

        One that spoke more than five seconds after `now_ms`, by a clock that is ahead, could be silent and not show it.
        """
        spoke_ms = [source.spoke_ms for source in self._expected()]
        return bool(spoke_ms) and (
            now_ms - min(spoke_ms) <= ALIVE_TIMEOUT_MS and max(spoke_ms) - now_ms <= FUTURE_TOLERANCE_MS
        )

    def data_age_ms(self, now_ms: int) -> int:
        """Age of the oldest source partition's counts, at least 0; `now_ms`, as old as time, if one has none."""
        expected = self._expected()
        return max(0, now_ms - min([source.spoke_ms for source in expected])) if expected else now_ms

    def known_from_ms(self) -> int | None:
        """Start of the first pane every source partition knows in full; None while one has completed no snapshot."""
        expected = self._expected()
        return max([source.known_from_ms for source in expected]) if expected else None

    def _expected(self) -> list[Source]:
        """The source of every partition; none while one has completed no snapshot."""
        found = [self.sources.get(number) for number in range(self.source_partitions)]
        standing = [source for source in found if source is not None and source.standing is not None]
        return standing if len(standing) == self.source_partitions else []
