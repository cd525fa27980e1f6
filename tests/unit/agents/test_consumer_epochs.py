"""The beginning and the end of an epoch: the agents are told in time, or the worker ends."""

import asyncio
from types import SimpleNamespace

import pytest
from faust.tables.recovery import Recovery
from faust.transport import consumer as faust_consumer
from faust.types import TP
from mode import Service

from agents.runtime.consumer import Consumer
from agents.runtime.group_consumer import Seeked
from agents.runtime.parking import Parking
from agents.runtime.progress import ReadingProgress
from agents.runtime.rewind import Span
from agents.runtime.timeline import Timeline
from windows.epochs import Epoch

REQUESTS = TP("quote-requests.v1", 0)


class Group:
    """The half that speaks to the group, which begins epochs at once."""

    async def begin_epoch(self, _policies):
        """One partition with forty records above the commit."""
        return Seeked(Epoch(3, 1_000), {REQUESTS: Span(0, 10)}, {REQUESTS: 50})


class _Recovery(Service):
    def __post_init__(self):
        self.signal_recovery_start = asyncio.Event()


class App:
    """What a consumer asks of its app; agents take `takes_s` to begin."""

    def __init__(self, takes_s=0.0):
        self.timeline, self.conf = Timeline(), SimpleNamespace(broker_request_timeout=0.2)
        self.publisher, self.said, self._takes_s, self.tables = self, [], takes_s, None
        self.acknowledged = asyncio.Event()

    async def began(self, _epoch, _spans):
        """Read back."""
        await asyncio.sleep(self._takes_s)

    async def lost(self, partitions):
        """Note which."""
        self.said.append(partitions)

    async def settled(self):
        """Wait for a record that is underway."""
        await self.acknowledged.wait()


def consumer(app):
    """A consumer of one partition, without Faust around it."""
    one = object.__new__(Consumer)
    one.app, one._thread, one._read_offset, one._committed_offset = app, Group(), {}, {}
    one.epoch, one._told, one.deliveries, one.ends, one.parking = None, None, {}, {}, Parking()
    one.acknowledged, one._working, one._idle = 0, {}, asyncio.Event()
    one._topics, one.reading = lambda: {REQUESTS.topic}, lambda _topic: SimpleNamespace(rewind=None)
    one.highwater, one.assignment = (lambda _tp: 50), lambda: {REQUESTS}
    app._reader = one
    return one


async def test_agents_that_do_not_begin_in_time_end_the_worker():
    """Faust waits so long for a seek, then leaves its recovery for good without a word: it must hear an error first."""
    app = App(takes_s=30.0)
    recovery = _Recovery()
    recovery._started.set()
    with pytest.raises(TimeoutError):
        await Recovery._wait(recovery, consumer(app).perform_seek(), timeout=app.conf.broker_request_timeout)


async def test_a_worker_whose_agents_have_not_begun_is_behind():
    """Its partitions are blocked until then, so nothing else would tell the watchdog."""
    one = consumer(App())
    await one.perform_seek()
    assert not one.has_begun
    assert ReadingProgress(one.app).behind()
    one.rebalanced()
    assert one.has_begun


async def test_agents_are_told_of_a_loss_before_anything_is_waited_for(monkeypatch):
    """A flush meanwhile would ask for partitions that are gone."""

    async def stop_the_flow(_self, _revoked):
        return

    monkeypatch.setattr(faust_consumer.Consumer, "on_partitions_revoked", stop_the_flow)
    app = App()
    one = consumer(app)
    await one.perform_seek()
    revocation = asyncio.create_task(one.on_partitions_revoked({REQUESTS}))
    await asyncio.sleep(0.01)
    assert app.said == [{REQUESTS}]
    assert not revocation.done()
    app.acknowledged.set()
    await revocation
