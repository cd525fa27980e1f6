"""From which record a partition is read that every worker reads for itself."""

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndTimestamp

from agents.runtime.broadcast import LastMs, _first_offsets

ANSWERS = TopicPartition("quotes.v1", 0)
APPENDED_MS = [1_000, 2_000, 3_000, 4_000]


class Log:
    """A consumer of one partition with a record at each append time."""

    def __init__(self):
        self.at = 0

    def seek(self, _tp, offset):
        """Go there."""
        self.at = offset

    async def position(self, _tp):
        """Where it is."""
        return self.at

    async def getmany(self, *_tps, timeout_ms):
        """The rest of the log."""
        rest, self.at = APPENDED_MS[self.at :], len(APPENDED_MS)
        return {ANSWERS: [_Record(at_ms) for at_ms in rest]}

    async def offsets_for_times(self, times):
        """The first offset of that age or younger."""
        found = [offset for offset, at_ms in enumerate(APPENDED_MS) if at_ms >= times[ANSWERS]]
        return {ANSWERS: OffsetAndTimestamp(found[0], APPENDED_MS[found[0]]) if found else None}


class _Record:
    def __init__(self, timestamp):
        self.timestamp = timestamp


@pytest.mark.parametrize(
    ("start", "offset"),
    [
        (LastMs(1_500), 2),
        (LastMs(9_000), 0),
        (LastMs(9_000, since_ms=2_500), 2),
        (LastMs(1_500, since_ms=500), 2),
        (LastMs(9_000, since_ms=5_000), 4),
    ],
)
async def test_the_later_of_both_bounds_is_the_start(start, offset):
    """So long before the last record, but no earlier than `since_ms`: with none as young, at the end."""
    assert await _first_offsets(Log(), {ANSWERS: start}, {ANSWERS: (0, 4)}) == {ANSWERS: offset}
