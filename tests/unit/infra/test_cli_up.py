"""`faretide up` can be stopped whatever it is doing."""

import asyncio
import signal
from types import SimpleNamespace

import pytest

from infra.cli import up
from infra.settings import Settings

LONG_S = 20
"""Far beyond what a machine at many times its load needs; waited for only by a test that fails."""


@pytest.fixture
async def preparing(monkeypatch):
    """The command while it prepares what never gets ready."""
    begun = asyncio.Event()

    async def prepare(*_arguments):
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(up, "_prepare", prepare)
    monkeypatch.setattr(up, "_migrate", prepare)
    servers = SimpleNamespace(settings=Settings(bootstrap="127.0.0.1:1", registry_url="http://127.0.0.1:1"))
    running = asyncio.create_task(up._run(servers, None, None))
    await begun.wait()
    yield running
    running.cancel()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_the_preparation(preparing, number):
    """A broker that falls silent meanwhile would let nobody out."""
    signal.raise_signal(number)
    ended, _ = await asyncio.wait([preparing], timeout=LONG_S)
    assert ended
    assert preparing.cancelled()


async def test_the_second_signal_ends_what_the_first_only_asked_to_end():
    """The first is for the city, which ends in order; someone who asks again does not want to wait for that."""
    stop, prepared, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run():
        up._hear_signals(stop, prepared)
        prepared.set()
        signal.raise_signal(signal.SIGINT)
        await stop.wait()
        asked.set()
        signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    ended, _ = await asyncio.wait([asyncio.create_task(run())], timeout=LONG_S)
    assert [task.cancelled() for task in ended] == [True]
    assert asked.is_set()
