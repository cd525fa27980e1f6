"""From where a partition is read again after an assignment, so that state in memory can be rebuilt.

Time is the broker's append time in epoch milliseconds (topics use LogAppendTime). With every commit goes a note: the
append time of the last committed record and the start of the epoch that committed. The horizon is measured from that
record, not from now, so a worker that was down for an hour still finds the minute before its last record:

    appended      ...──┬──────────────┬────────────────┬───────────> end of the log
                     start          stamp            resume
                       │   rewound    │ last committed │ committed offset: first record that may have effects
                       └ policy(stamp)┘

Records from `start` up to `resume` are replayed: they rebuild state and have no other effect.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

Rewind = Callable[[int], int]
"""Append time of the last committed record -> append time from which to read again (both epoch ms)."""

_VERSION = "1"


class CommittedBeyondEndError(RuntimeError):
    """The log ends below the committed offset: the topic was created anew or lost records."""


@dataclass(frozen=True, slots=True)
class CommitNote:
    """What is stored beside a committed offset.

    `append_ms` is the append time of the last committed record, `epoch_ms` the start of the committing epoch.

    >>> CommitNote.parse(str(CommitNote(append_ms=5, epoch_ms=7)))
    CommitNote(append_ms=5, epoch_ms=7)
    """

    append_ms: int
    epoch_ms: int

    def __str__(self) -> str:
        return f"{_VERSION}:{self.append_ms}:{self.epoch_ms}"

    @classmethod
    def parse(cls, text: str) -> "CommitNote | None":
        """Return the note in commit metadata, None if it is of another origin (an operator's reset leaves "")."""
        version, _, rest = text.partition(":")
        append_ms, _, epoch_ms = rest.partition(":")
        if version != _VERSION or not (append_ms.isdigit() and epoch_ms.isdigit()):
            return None
        return cls(int(append_ms), int(epoch_ms))


@dataclass(frozen=True, slots=True)
class Span:
    """Offsets `[start, resume)` of one partition are replayed, records from `resume` on are live.

    `stamp_ms` is the append time before which everything was committed, from which the rewind was measured; None if
    nothing was ever committed (see `stamp_of`).
    """

    start: int
    resume: int
    stamp_ms: int | None = None


def back_by(horizon_ms: int) -> Rewind:
    """Read again the last `horizon_ms` before the last committed record.

    >>> back_by(30_000)(100_000)
    70000
    """
    if horizon_ms < 0:
        raise ValueError(f"horizon_ms must not be negative, got {horizon_ms}")
    return lambda stamp_ms: stamp_ms - horizon_ms


@dataclass(frozen=True, slots=True)
class Log:
    """What the broker says of one partition.

    `first` and `end` are the log's bounds `[first, end)`; `committed` is None if the group never committed; `rewound`
    is the first offset appended at or after the rewind point, None if there is none.
    """

    first: int
    end: int
    committed: int | None
    note: CommitNote | None
    rewound: int | None = None


def stamp_of(logs: Iterable[Log]) -> int | None:
    """Return the append time to rewind from, for topics whose equal partition numbers make one state.

    Everything appended before it was committed in each of them. So it is the least of the notes of those with
    something left to read; one with nothing left has no say, since what it gets is appended later. Zero, so all there
    is, if one with something left has no note. None if none was ever committed: all is live.

        requests    ──────────────●│ ○ ○      last committed │ left to read
        decisions   ──●             │          nothing left: no say, though its last record is old
        decisions   ──●│   ○   ○               something left: both are rewound from here
    """
    known = list(logs)
    if all(log.committed is None for log in known):
        return None
    behind = [log for log in known if log.end > max(log.committed or 0, log.first)]
    if behind:
        return min(log.note.append_ms if log.committed is not None and log.note else 0 for log in behind)
    return max((log.note.append_ms for log in known if log.note), default=0)


def span(name: str, log: Log, *, rewinds: bool, stamp_ms: int | None = None) -> Span:
    """Return the offsets to replay of partition `name`; `rewinds` is False for a topic without a rewind policy.

    Without a commit everything is live from the first record on. With a commit but without a note the horizon is
    unknown: all the log holds is replayed.

    Raises CommittedBeyondEndError if the log ends below the committed offset.
    """
    if log.committed is None:
        return Span(log.first, log.first, stamp_ms)
    if log.committed > log.end:
        raise CommittedBeyondEndError(
            f"{name} ends at {log.end}, below its committed offset {log.committed}: reset the group's offsets by hand"
        )
    resume = max(log.committed, log.first)
    if not rewinds:
        return Span(resume, resume, stamp_ms)
    if log.note is None:
        return Span(log.first, resume, stamp_ms)
    start = resume if log.rewound is None else min(log.rewound, resume)
    return Span(max(start, log.first), resume, stamp_ms)


def epoch_start(now_ms: int, *earlier_ms: int) -> int:
    """Return the start of a new epoch: the wall clock, but always later than every earlier epoch known.

    >>> epoch_start(10, 12, 3)
    13
    """
    return max(now_ms, *(e + 1 for e in earlier_ms)) if earlier_ms else now_ms
