"""What one partition delivered since its assignment, and how much of it is acknowledged.

A queue of batches in offset order; acknowledged ones leave at its head, at once, since they hold the data. The offset
to commit is the end of what has left: it never covers an unacknowledged batch, never falls below the offset committed
before the assignment, and never goes back.

    start          resume                position           read_to
      ├── replayed ──┤── acknowledged ─────┤── pending ───────┤── not read yet
"""

from collections import deque

from agents.runtime.batches import Batch
from agents.runtime.rewind import CommitNote, Span


class Deliveries:
    """Acknowledgements of one partition in one epoch."""

    def __init__(self, span: Span) -> None:
        self.span = span
        self._pending: deque[Batch] = deque()
        self._read_to = span.start
        self.appended_ms = 0  # append time of the newest record handed over
        self._committable = span.resume
        self._note: CommitNote | None = None
        self._asked: tuple[int, CommitNote | None] = (span.resume, None)

    def deliver(self, batch: Batch) -> None:
        """Take in the next batch handed to the agent."""
        self._pending.append(batch)
        self._read_to = batch.next_offset
        self.appended_ms = batch.append_ms

    def read_to(self, offset: int) -> None:
        """Learn that no record lies between the last batch and `offset`: transaction markers and compacted records."""
        self._read_to = max(self._read_to, offset)

    def settle(self) -> None:
        """Let go of the acknowledged batches at the head."""
        while self._pending and self._pending[0].acked:
            batch = self._pending.popleft()
            if batch.next_offset > self._committable:
                self._committable = batch.next_offset
                self._note = CommitNote(batch.append_ms, batch.epoch.started_ms)

    def take_commit(self) -> int | None:
        """Return the offset to commit, None if it is the one returned before."""
        if self._committable == self._asked[0]:
            return None
        self._asked = self._committable, self._note
        return self._committable

    def note_of(self, offset: int) -> str:
        """Return the metadata to commit with `offset`, the one `take_commit` returned last."""
        asked, note = self._asked
        return str(note) if note and asked == offset else ""

    @property
    def position(self) -> int:
        """Next offset to be processed: everything below it is acknowledged or has no record."""
        return self._pending[0].first_offset if self._pending else self._read_to

    @property
    def delivered_to(self) -> int:
        """Offset up to which everything was handed to the agent, acknowledged or not."""
        return self._read_to

    @property
    def waits_since_ms(self) -> int:
        """Append time of the first record of the oldest batch that is not acknowledged, 0 if there is none."""
        return self._pending[0].records[0].timestamp if self._pending else 0

    @property
    def pending(self) -> bool:
        """Whether a delivered batch is not acknowledged yet."""
        return bool(self._pending)

    @property
    def caught_up(self) -> bool:
        """Whether the replay is done: true at once for a partition with nothing to replay, be it idle or not."""
        return self.position >= self.span.resume
