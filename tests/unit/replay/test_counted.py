"""Counts made again: what their worker knew of a topic's end when it spoke."""

from types import SimpleNamespace

import pytest

from replay.counted import CountedAgain, EventLog
from replay.records import Raw
from topics.catalogue import DRIVER_PINGS
from windows.epochs import Epoch

SAID_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("next_appended_ms", "clock_ms", "had_read_all"),
    [
        (SAID_MS - 1, SAID_MS, True),  # appended after the last fetch: the worker did not know of it
        (SAID_MS - 60_000, SAID_MS, False),
        (SAID_MS - 60_000, SAID_MS - 3_600_000, False),  # append times are of the broker's clock
    ],
)
def test_what_a_worker_had_read_is_told_by_append_times(next_appended_ms, clock_ms, had_read_all):
    """A ping it had not fetched when it spoke leaves the topic read to its end; one it should have had does not."""
    again = CountedAgain(SimpleNamespace(schemas={}), "supply", 0, None, {}, None)
    again._logs[DRIVER_PINGS] = EventLog(iter([Raw(5, next_appended_ms, None, b"")]))
    said = SimpleNamespace(epoch=Epoch(1, 1), now_ms=clock_ms, included=(4,), appended_ms=SAID_MS, said=())
    again._said(SimpleNamespace(said=lambda _now_ms, _kinds: []), said)
    assert again._has_read_all(DRIVER_PINGS.name) is had_read_all
