"""A worker goes first while it owes something to read again, and no longer."""

import asyncio
from types import SimpleNamespace

import pytest
from faust.types import TP

from agents.runtime import precedence
from agents.runtime.precedence import FIRST, Precedence

PINGS = TP("driver-pings.v1", 0)


@pytest.fixture
def ranks(monkeypatch):
    """Every rank that was taken, in order; looks are a millisecond apart."""
    taken = []
    monkeypatch.setattr(precedence, "rank", taken.append)
    monkeypatch.setattr(precedence, "own_niceness", lambda: 2)
    monkeypatch.setattr(precedence, "LOOK_EVERY_S", 0.001)
    monkeypatch.setattr(precedence, "TRY_AGAIN_S", 0.001)
    return taken


def test_who_is_turned_away_tries_again_until_it_is_ranked(ranks, monkeypatch):
    """Going first and giving way alike, and not once more after it succeeded."""
    refusals = [True, True, False, True, False]

    def rank(niceness):
        ranks.append(niceness)
        return refusals.pop(0)

    monkeypatch.setattr(precedence, "rank", rank)
    app = SimpleNamespace(should_stop=False, spans={}, caught_up=lambda _tp: True)

    async def live():
        watching = asyncio.create_task(Precedence(app, niceness=10).watch())
        await asyncio.sleep(0.05)
        assert ranks == [2 + FIRST] * 3
        app.spans = {PINGS: None}
        await asyncio.sleep(0.05)
        assert ranks == [2 + FIRST] * 3 + [12] * 2
        app.should_stop = True
        await watching

    asyncio.run(live())


def test_first_until_caught_up_and_again_when_partitions_move(ranks):
    """Beside what the process was started with; while it has no partition it is still about to get some."""
    app = SimpleNamespace(should_stop=False, spans={}, caught_up=lambda tp: caught_up[tp])
    caught_up = {PINGS: False}

    async def live():
        order = Precedence(app, niceness=10)
        watching = asyncio.create_task(order.watch())
        await asyncio.sleep(0.02)
        assert ranks == [2 + FIRST]
        app.spans = {PINGS: None}
        await asyncio.sleep(0.02)
        assert ranks == [2 + FIRST], "it reads again"
        caught_up[PINGS] = True
        await asyncio.sleep(0.02)
        assert ranks == [2 + FIRST, 12]
        await order.lost({PINGS})
        await order.began(None, {})
        await asyncio.sleep(0.02)
        assert ranks == [2 + FIRST, 12, 2 + FIRST, 2 + FIRST, 12]
        app.should_stop = True
        await watching

    asyncio.run(live())
