"""`faretide up` can be stopped whatever it is doing, and says what it has to say."""

import asyncio
import contextlib
import io
import logging
import signal
import sys
from types import SimpleNamespace

import pytest
import structlog

from infra.cli import processes, reporting, showing, up
from infra.cli.exits import CommandError
from infra.cli.machine import Steps, machine
from infra.clients import admin, registry
from infra.clients.errors import UnreachableError
from infra.embedded import stack
from infra.embedded.ownership import Ownership
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
    monkeypatch.setattr(showing, "SAY_EVERY_S", 0)
    monkeypatch.setattr(reporting, "live_lines", lambda *_arguments, **_options: ["all is well"])
    return SimpleNamespace(summary=lambda: None)


async def test_brokers_that_are_away_are_a_line_and_not_the_last_one(city, capsys):
    """They may come back; and what a person looks at is the terminal."""
    watch = FlickeringWatch()
    saying = asyncio.create_task(showing._say_lines(watch, city, asyncio.Event(), quiet=False))
    await asyncio.wait_for(watch.over.wait(), LONG_S)
    await showing.end_showing(saying)
    assert capsys.readouterr().out.splitlines() == ["the brokers do not answer", "all is well"]


async def test_a_reader_of_the_lines_who_leaves_stops_all(city, monkeypatch):
    """`faretide up | head` ends as Ctrl-C would have it."""

    def say(_line):
        raise BrokenPipeError

    monkeypatch.setattr(showing, "say", say)
    monkeypatch.setattr(showing, "until_reader_leaves", lambda: contextlib.suppress(BrokenPipeError))
    stop = asyncio.Event()
    await asyncio.wait_for(showing._say_lines(FlickeringWatch(), city, stop, quiet=False), LONG_S)
    assert stop.is_set()


async def test_a_view_that_failed_does_not_stand_in_the_place_of_the_summary(capsys):
    """What went wrong with it is said on standard error."""

    async def fail():
        raise UnreachableError("the brokers do not answer")

    shown = asyncio.create_task(fail())
    await asyncio.wait([shown])
    await showing.end_showing(shown)
    assert "the brokers do not answer" in capsys.readouterr().err


@pytest.fixture
def _logging_as_it_was():
    """The command sets loggers up; tests after it want theirs."""
    root, structured = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**structured)


@pytest.mark.usefixtures("_logging_as_it_was")
@pytest.mark.parametrize("own_brokers", [False, True])
def test_two_in_one_directory_are_refused_before_anything_is_touched(tmp_path, monkeypatch, own_brokers):
    """The second would else take the first one's logs, ports and places in the groups."""

    def start_bound(*_arguments, **_options):
        raise AssertionError("nothing is started")

    monkeypatch.setattr(processes, "start_bound", start_bound)
    reached = {"bootstrap": "127.0.0.1:1", "registry_url": "http://127.0.0.1:1"} if own_brokers else {}
    settings = Settings(state_dir=tmp_path, **reached)
    with (
        Ownership(tmp_path),
        pytest.raises(CommandError, match="in use by process"),
        machine(settings, Steps(quiet=True)),
    ):
        pass
    assert [file.name for file in tmp_path.iterdir()] == ["owner.json"]


class FakeStack:
    """Servers that only know whether they were stopped."""

    bootstrap, registry_url, database_url = "127.0.0.1:1", "http://127.0.0.1:1", ""
    stopped = False

    def __init__(self, *_arguments, **_options):
        pass

    def start(self):
        pass

    def stop(self):
        FakeStack.stopped = True


class ClosedPipe:
    """Standard error whose reader has gone."""

    def write(self, _text):
        raise BrokenPipeError

    flush = isatty = lambda _self: False


@pytest.mark.usefixtures("_logging_as_it_was")
def test_all_is_stopped_in_order_though_nobody_hears_of_it(tmp_path, monkeypatch):
    """Neither a terminal that is gone nor a note cut short by a full disk leaves servers to be killed."""
    stopped = []
    monkeypatch.setattr(FakeStack, "stopped", False)
    monkeypatch.setattr(stack, "EmbeddedStack", FakeStack)
    monkeypatch.setattr(processes.ServiceProcesses, "start", lambda *_arguments: None)
    monkeypatch.setattr(processes.ServiceProcesses, "stop", lambda _self: stopped.append("services"))
    monkeypatch.setattr(sys, "stderr", ClosedPipe())
    with machine(Settings(state_dir=tmp_path), Steps(quiet=False)):
        (tmp_path / "endpoints.json").write_text("")
    assert "services" in stopped
    assert FakeStack.stopped


async def test_topics_that_differ_from_the_settings_end_the_preparation(monkeypatch):
    """Every worker would end with that sentence, and a minute later nobody would know why nothing is ready."""

    class Server:
        def __init__(self, *_arguments):
            pass

        async def __aenter__(self):
            return self

        async def __aexit__(self, *_error):
            pass

        async def register_all(self):
            return {}

        async def create_missing(self):
            return []

        async def states(self):
            return [SimpleNamespace(faults=()), SimpleNamespace(faults=("must have 8 partitions, got 4",))]

    monkeypatch.setattr(admin, "Admin", Server)
    monkeypatch.setattr(registry, "Registry", Server)
    with pytest.raises(CommandError, match="must have 8 partitions, got 4"):
        await up._prepare(None, Settings(), Steps(quiet=True))


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("screen", [Terminal, io.StringIO])
def test_fetching_is_one_line_of_a_terminal_and_many_of_a_log(screen, monkeypatch):
    """What is said meanwhile stands above it, not behind it."""
    told = screen()
    monkeypatch.setattr("sys.stderr", told)
    say = Steps(quiet=False)
    for done in (1, 2):
        say._said_s = 0.0
        say.fetched(done * 1_000_000, 3_000_000, "a.jar")
    say("database is ready")
    say.fetched(3_000_000, 3_000_000, "b.jar")
    seen = [line.split("\x1b[K")[-1][10:] for line in told.getvalue().split("\n")]
    fetched = ["fetching Kafka and registry: 1 of 3 MB (a.jar)", "fetching Kafka and registry: 2 of 3 MB (a.jar)"]
    first = [] if screen is Terminal else fetched
    assert seen == [*first, "database is ready", "fetching Kafka and registry: 3 of 3 MB (b.jar)", ""]
