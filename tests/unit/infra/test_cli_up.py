"""`faretide up` can be stopped whatever it is doing, and says what it has to say."""

import asyncio
import contextlib
import signal
from types import SimpleNamespace

import pytest

from infra.cli import reporting, up
from infra.clients.errors import UnreachableError
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


class FlickeringWatch:
    """A watch whose brokers are away at the second look, and which is looked at three times."""

    def __init__(self):
        self.looks, self.over = 0, asyncio.Event()

    async def moved(self):
        self.looks += 1
        if self.looks == 2:
            raise UnreachableError("the brokers do not answer")
        if self.looks > 3:
            self.over.set()
            await asyncio.Event().wait()
        return {}


@pytest.fixture
def city(monkeypatch):
    """A city of which one line is said, at once."""
    monkeypatch.setattr(up, "SAY_EVERY_S", 0)
    monkeypatch.setattr(reporting, "live_lines", lambda *_arguments, **_options: ["all is well"])
    return SimpleNamespace(summary=lambda: None)


async def test_brokers_that_are_away_are_a_line_and_not_the_last_one(city, capsys):
    """They may come back; and what a person looks at is the terminal."""
    watch = FlickeringWatch()
    saying = asyncio.create_task(up._say_lines(watch, city, asyncio.Event(), quiet=False))
    await asyncio.wait_for(watch.over.wait(), LONG_S)
    await up._end_showing(saying)
    assert capsys.readouterr().out.splitlines() == ["the brokers do not answer", "all is well"]


async def test_a_reader_of_the_lines_who_leaves_stops_all(city, monkeypatch):
    """`faretide up | head` ends as Ctrl-C would have it."""

    def say(_line):
        raise BrokenPipeError

    monkeypatch.setattr(up, "say", say)
    monkeypatch.setattr(up, "until_reader_leaves", lambda: contextlib.suppress(BrokenPipeError))
    stop = asyncio.Event()
    await asyncio.wait_for(up._say_lines(FlickeringWatch(), city, stop, quiet=False), LONG_S)
    assert stop.is_set()


async def test_a_view_that_failed_does_not_stand_in_the_place_of_the_summary(capsys):
    """What went wrong with it is said on standard error."""

    async def fail():
        raise UnreachableError("the brokers do not answer")

    showing = asyncio.create_task(fail())
    await asyncio.wait([showing])
    await up._end_showing(showing)
    assert "the brokers do not answer" in capsys.readouterr().err
