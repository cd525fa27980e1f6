"""In which order waiting requests are answered."""

import asyncio
from types import SimpleNamespace

import pytest

from agents.quote_requests import BEHIND_MS, MOST_RECORDS, WAITING_BATCHES, Waiting

NOW_MS = 1_793_620_800_000


def batch(append_ms, count=1):
    """A batch of requests."""
    return SimpleNamespace(append_ms=append_ms, count=count)


async def taken(*ages_ms, count=1):
    """Ages of the batches in the order they are handed out, chunk by chunk; they came in the order given."""
    waiting = Waiting()
    for age_ms in ages_ms:
        await waiting.put(batch(NOW_MS - age_ms, count), lambda: None)
    chunks = []
    while sum(map(len, chunks)) < len(ages_ms):
        chunks.append([NOW_MS - held.append_ms for held, _ in await waiting.together(lambda: NOW_MS)])
    return chunks


async def test_what_came_in_time_goes_in_order():
    """All that waits is one chunk."""
    assert await taken(30, 20, 10) == [[30, 20, 10]]


async def test_behind_the_newest_are_answered_first():
    """Until the oldest that waits is young enough."""
    half = MOST_RECORDS // 2
    ages = [BEHIND_MS + 5_000, BEHIND_MS + 1, 900, 600, 300, 10]
    assert await taken(*ages, count=half) == [[10, 300], [600, 900], [BEHIND_MS + 1, BEHIND_MS + 5_000]]
    assert await taken(BEHIND_MS, 900, 600, count=half) == [[BEHIND_MS, 900], [600]]


async def test_a_full_one_holds_back_who_brings_more():
    """Also behind: what is read ahead is bounded."""
    waiting = Waiting()
    for _ in range(WAITING_BATCHES):
        await waiting.put(batch(0, MOST_RECORDS), lambda: None)
    bringing = asyncio.ensure_future(waiting.put(batch(1), lambda: None))
    await asyncio.sleep(0)
    assert not bringing.done()
    await waiting.together(lambda: NOW_MS)
    await bringing


async def test_nothing_is_handed_out_before_something_came():
    """It waits, also after it has been emptied."""
    waiting = Waiting()
    await waiting.put(batch(NOW_MS), lambda: None)
    await waiting.together(lambda: NOW_MS)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(waiting.together(lambda: NOW_MS), 0.01)
