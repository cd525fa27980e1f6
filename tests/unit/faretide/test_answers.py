"""Whoever waits for an answer gets it, or hears why not: at once, not when the time is over."""

import asyncio
from types import SimpleNamespace

import pytest

from faretide.answers import Answers
from infra.clients.connection import Connection
from infra.clients.consumer import Decoder, Entry
from infra.clients.endpoints import Endpoints
from infra.clients.errors import ClientError, RegistryUnavailable, UnreadableError
from infra.clients.schema_ids import SchemaIds
from topics.catalogue import QUOTES
from topics.wire import frame

LONG_S = 20
"""Far beyond what a machine at many times its load needs; waited for only by a test that fails."""


class FakeConsumer:
    """Stands at `end` and gives what is put into `batches`, or raises it."""

    def __init__(self, end):
        self.end, self.batches = end, asyncio.Queue()

    async def end_offsets(self, places):
        return dict.fromkeys(places, self.end)

    def assign(self, places):
        self.quotes = next(place for place in places if place.topic == QUOTES.name)

    def seek(self, _place, _offset):
        pass

    async def getmany(self, **_options):
        batch = await self.batches.get()
        if isinstance(batch, Exception):
            raise batch
        return {self.quotes: batch}


class FakeDecoder:
    """Takes the value of a record for its request id, and an empty one for damaged.

    At the value "meanwhile", `meanwhile` happens.
    """

    meanwhile = None

    async def entry(self, raw):
        if raw.value == "meanwhile":
            await self.meanwhile
        return Entry(
            topic=QUOTES,
            partition=0,
            offset=raw.offset,
            timestamp_ms=0,
            key=raw.key,
            headers=(),
            schema_id=1,
            record=SimpleNamespace(request_id=raw.value) if raw.value else None,
            problem="" if raw.value else "it is cut short",
        )


def answer(offset, value):
    """A record of the rider's, as it comes."""
    return SimpleNamespace(offset=offset, key=b"rider", value=value)


@pytest.fixture
async def answers():
    """Answers read from offset 7 on."""
    made = Answers(Connection(endpoints=Endpoints(bootstrap="", registry_url="")), ids=SchemaIds(None))
    made._consumer, made._decoders = FakeConsumer(end=7), {QUOTES.name: FakeDecoder()}
    await made.stand(0)
    yield made
    await made.__aexit__(None, None, None)


async def test_an_answer_that_cannot_be_decoded_is_told_to_who_waits_for_it(answers):
    """It was answered, and saying that nobody did would be wrong."""
    with answers.quotes.awaited(b"rider", "request") as waiting:
        answers._consumer.batches.put_nowait([answer(7, "")])
        with pytest.raises(UnreadableError, match=r"quotes.v1\[0\]@7: it is cut short"):
            await asyncio.wait_for(waiting, LONG_S)


class Hung:
    """A registry that answers no question until two are asked, and then that it cannot."""

    def __init__(self):
        self.asked, self.two = [], asyncio.Event()

    async def schema(self, schema_id):
        self.asked.append(schema_id)
        if len(self.asked) > 1:
            self.two.set()
        await self.two.wait()
        raise RegistryUnavailable("down")


async def test_schemas_of_a_fetch_are_asked_for_together_and_once(answers):
    """However many answers name them: a registry that hangs would delay what can be read by seconds for each."""
    registry = Hung()
    answers._ids = SchemaIds(registry, unanswered_for_s=5.0, clock_s=lambda: 0.0)
    answers._decoders = {QUOTES.name: Decoder(QUOTES, answers._ids)}
    fetched = [answer(7 + number, frame(number % 2 + 1, b"")) for number in range(6)]
    fetched.append(SimpleNamespace(offset=13, key=b"last", value=frame(1, b"")))
    with answers.quotes.awaited(b"rider", "request"), answers.quotes.awaited(b"last", "request") as waiting:
        answers._consumer.batches.put_nowait(fetched)
        with pytest.raises(RegistryUnavailable):
            await asyncio.wait_for(waiting, LONG_S)
    assert sorted(registry.asked) == [1, 2]


async def test_whatever_ends_the_reading_is_told_to_who_waits_and_who_asks_later(answers):
    """Also what nobody foresaw: no answer will be read any more."""
    with answers.quotes.awaited(b"rider", "request") as waiting:
        answers._consumer.batches.put_nowait(ZeroDivisionError("by chance"))
        with pytest.raises(ClientError, match="cannot be read any more: ZeroDivisionError: by chance"):
            await asyncio.wait_for(waiting, LONG_S)
    with pytest.raises(ClientError, match="by chance"):
        await answers.stand(0)


async def test_a_topic_made_anew_is_read_from_its_first_record(answers):
    """Its offsets are below those of the topic that had its name."""
    with answers.quotes.awaited(b"rider", "request") as waiting:
        for batch in ([answer(7, "another")], [answer(0, "other"), answer(1, "request")]):
            answers._consumer.batches.put_nowait(batch)
        assert (await asyncio.wait_for(waiting, LONG_S)).offset == 1


async def test_what_is_fetched_again_after_a_partition_came_to_those_read_is_passed_over(answers):
    """A new assignment goes back to what was being handed over; each answer is given once."""
    answers._decoders[QUOTES.name].meanwhile = answers.stand(1)
    with answers.quotes.awaited(b"rider", "last") as waiting:
        for batch in ([answer(7, "meanwhile"), answer(8, "other")], [answer(8, ""), answer(9, "last")]):
            answers._consumer.batches.put_nowait(batch)
        assert (await asyncio.wait_for(waiting, LONG_S)).offset == 9
