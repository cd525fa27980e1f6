"""When a worker ends because the group does not hear it."""

import asyncio
import contextlib

import pytest

from agents.runtime.group_watch import ANSWERING_S, LOOK_EVERY_S, SILENT_S, answers, watch_group
from agents.runtime.supervision import HUNG


async def ended_at(*, accepted, reachable, until_s=200.0):
    """Second at which it ends, None if it goes on until `until_s`; both arguments are functions of the second."""
    now_s, last_s, ends = 0.0, 0.0, []

    async def sleep(seconds):
        nonlocal now_s, last_s
        now_s += seconds
        if accepted(now_s):
            last_s = now_s
        if now_s >= until_s:
            raise asyncio.CancelledError

    async def broker_answers():
        return reachable(now_s)

    with contextlib.suppress(asyncio.CancelledError):
        await watch_group(
            lambda: now_s - last_s,
            broker_answers,
            end=lambda status, _reason: ends.append((status, now_s)),
            clock=lambda: now_s,
            sleep=sleep,
        )
    return ends[0] if ends else None


async def test_silence_while_a_broker_answers_ends_it():
    """Within half a minute and ten seconds."""
    ended = await ended_at(accepted=lambda s: s < 5, reachable=lambda _s: True)
    assert ended is not None
    status, at_s = ended
    assert status == HUNG
    assert at_s <= 5 + SILENT_S + ANSWERING_S + 2 * LOOK_EVERY_S


@pytest.mark.parametrize(
    ("accepted", "reachable"),
    [
        (lambda _s: True, lambda _s: True),
        (lambda s: s < 5 or s > 100, lambda s: s < 5 or s > 97),
        (lambda s: s % 25 < 1, lambda _s: True),
        (lambda s: s < 5, lambda s: s % 8 > 1),
    ],
    ids=["all is well", "an outage of the broker", "slow to join", "a broker that comes and goes"],
)
async def test_otherwise_it_goes_on(accepted, reachable):
    """An outage is no reason to end, however long it lasts."""
    assert await ended_at(accepted=accepted, reachable=reachable) is None


async def test_nobody_answers_where_nobody_listens():
    """On a port that nothing is bound to."""
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert not await answers(f"127.0.0.1:{port}", {})
