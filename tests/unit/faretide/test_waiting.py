"""Answers find those who wait for them."""

import asyncio

import pytest

from faretide.waiting import Waiting
from infra.clients.consumer import Entry
from infra.clients.errors import ClientError
from topics.catalogue import QUOTES


def entry(offset):
    """An answer that stands at an offset; what it says does not matter here."""
    place = {"partition": 0, "offset": offset, "timestamp_ms": 1, "key": b"rider", "headers": (), "schema_id": 1}
    return Entry(topic=QUOTES, record=None, **place)


async def test_the_first_answer_of_an_id_counts_for_all_who_wait():
    """Two wait for the same id, one for another: each gets the first of its own."""
    waiting = Waiting()
    with (
        waiting.awaited(b"rider", "a") as one,
        waiting.awaited(b"rider", "a") as two,
        waiting.awaited(b"rider", "b") as other,
    ):
        for correlation_id, offset in (("a", 1), ("a", 2), ("b", 3), ("c", 4)):
            waiting.resolve(b"rider", correlation_id, entry(offset))
        waiting.resolve(b"stranger", "a", entry(9))
        assert [(await future).offset for future in (one, two, other)] == [1, 1, 3]


async def test_nothing_is_left_of_those_who_stopped_waiting():
    """A key is known exactly while somebody waits under it, also if they gave up."""
    waiting = Waiting()

    async def wait():
        with waiting.awaited(b"rider", "a") as future:
            assert waiting.knows(b"rider")
            await future

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(wait(), 0.01)
    assert (waiting.knows(b"rider"), waiting.knows(None), len(waiting)) == (False, False, 0)


async def test_a_failure_reaches_those_under_the_key_or_all():
    """One key's failure leaves the others waiting; a failure of everything reaches everyone."""
    waiting = Waiting()
    with waiting.awaited(b"one", "a") as one, waiting.awaited(b"two", "a") as two:
        waiting.fail(ClientError("unreadable"), b"one")
        assert (one.done(), two.done()) == (True, False)
        waiting.fail(ClientError("closed"))
        for future, said in ((one, "unreadable"), (two, "closed")):
            with pytest.raises(ClientError, match=said):
                await future
