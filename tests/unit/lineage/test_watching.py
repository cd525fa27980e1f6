"""The live view goes on, whatever a record holds; where it cannot, the server hears of it."""

import asyncio
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.consumer import fetcher

from agents.runtime import raw_fetch
from lineage import reader, watching
from lineage.access import Access
from lineage.server import make_app
from lineage.state import State
from lineage.watching import Watching
from topics.catalogue import EVERY_TOPIC


class Failing:
    """A reader whose first looks fail as aiokafka does at a header whose name is no UTF-8."""

    places: dict[str, Any] = {topic.name: [] for topic in EVERY_TOPIC}  # noqa: RUF012

    def __init__(self, times: int) -> None:
        self.looks, self._times = 0, times
        self.passed = asyncio.Event()

    async def begins_and_ends(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        self.looks += 1
        if self.looks <= self._times:
            b"\xff".decode()
        self.passed.set()
        return {}, {}

    async def at(self, _wanted: Any) -> dict[Any, Any]:
        return {}


class Still(Watching):
    """Reads no topic whole."""

    async def _follow(self) -> None:
        await asyncio.Event().wait()


async def test_an_error_nobody_thought_of_is_told_and_reading_goes_on(monkeypatch):
    """The view says that it stands still, then looks again."""
    monkeypatch.setattr(watching, "AGAIN_AFTER_S", 0.001)
    failing = Failing(times=2)
    live = Still(None, None, failing, State())  # type: ignore[arg-type]  nothing is connected
    running = asyncio.create_task(live.run())
    await asyncio.wait_for(failing.passed.wait(), 60)
    assert failing.looks == 3
    assert "UnicodeDecodeError" in live.trouble
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_the_dashboard_reads_records_whose_header_names_are_no_utf8(monkeypatch):
    """Before anything is read the lenient batches are in place."""
    monkeypatch.setattr(fetcher, "MemoryRecords", object())
    monkeypatch.setattr(fetcher, "PartitionRecords", object())
    found: list[Any] = []

    @asynccontextmanager
    async def opened(_connection: Any) -> Any:
        found.append(fetcher.MemoryRecords)
        raise ConnectionError
        yield

    monkeypatch.setattr(reader, "open_consumer", opened)
    with pytest.raises(ConnectionError):
        async with reader.open_reader(None, None):  # type: ignore[arg-type]  nothing is connected
            pass
    assert found == [raw_fetch._MemoryRecords]


async def test_a_server_whose_live_view_died_is_told_to_end():
    """A page that gets no frame any more is worse than a server that is gone."""

    async def dies() -> None:
        raise ZeroDivisionError

    async def beats() -> None:
        await asyncio.Event().wait()

    desk = SimpleNamespace(
        questions={}, operations={}, watching=SimpleNamespace(run=dies), hub=SimpleNamespace(run=beats)
    )
    told: list[str] = []
    app = make_app(desk, Access(operator_token="o"), failed=lambda: told.append("end"))  # type: ignore[arg-type]  a stand-in
    with pytest.raises(ExceptionGroup):
        async with app.router.lifespan_context(app):
            await asyncio.wait_for(asyncio.Event().wait(), 5)
    assert told == ["end"]
