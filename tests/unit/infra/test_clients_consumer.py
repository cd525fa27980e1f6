"""Reading up to the end of a topic ends, one way or the other."""

from contextlib import aclosing, asynccontextmanager

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from infra.clients import consumer as module
from infra.clients.connection import Connection
from infra.clients.consumer import Edge, tail
from infra.clients.endpoints import Endpoints
from infra.clients.errors import UnreachableError
from topics.catalogue import QUOTES

PLACE = TopicPartition(QUOTES.name, 0)
CONNECTION = Connection(endpoints=Endpoints(bootstrap="127.0.0.1:1", registry_url=""))
LOOKS = 10
"""More than it takes until a limit of no time at all has passed."""


class FakeConsumer:
    """One partition that ends at 2, of which the broker gives so many records before it falls silent."""

    def __init__(self, given):
        self.given, self.at, self.looks = given, 0, 0

    async def topics(self):
        return {QUOTES.name}

    def partitions_for_topic(self, _topic):
        return {0}

    def assign(self, _places):
        pass

    async def beginning_offsets(self, _places):
        return {PLACE: 0}

    async def end_offsets(self, _places):
        return {PLACE: 2}

    def seek(self, _place, offset):
        self.at = offset

    async def position(self, _place):
        return self.at

    async def getmany(self, **_options):
        self.looks += 1
        assert self.looks < LOOKS, "it goes on for ever"
        if self.at == self.given:
            return {}
        self.at += 1
        return {PLACE: [ConsumerRecord(QUOTES.name, 0, self.at - 1, 0, 0, b"rider", None, None, 0, 0, ())]}


@pytest.fixture
def entries(monkeypatch):
    """The offsets read without following, from a broker that gives so many records."""

    async def offsets(given):
        @asynccontextmanager
        async def open_fake(_connection):
            yield FakeConsumer(given)

        monkeypatch.setattr(module, "open_consumer", open_fake)
        monkeypatch.setattr(module, "WITHIN_S", 0.0, raising=False)
        async with aclosing(tail(CONNECTION, QUOTES, None, start=Edge.EARLIEST, follow=False)) as read:
            return [entry.offset async for entry in read]

    return offsets


async def test_a_broker_that_falls_silent_before_the_end_is_said(entries):
    """What was read is not all there is."""
    with pytest.raises(UnreachableError, match=r"reading quotes.v1: no record for 0 s before the end"):
        await entries(given=1)


async def test_reading_ends_at_the_end(entries):
    """However short the limit for the next record."""
    assert await entries(given=2) == [0, 1]
