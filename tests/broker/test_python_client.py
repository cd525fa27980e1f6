"""The Python client over a real broker, answered by the test in the place of the services."""

import asyncio
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import pytest

from faretide import Client, ClientError, NoAnswerError, QuoteAnswered, QuoteOutcome, new_request
from infra.clients.admin import Admin
from infra.clients.connection import Connection
from infra.clients.consumer import Edge, tail
from infra.clients.endpoints import Endpoints
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from infra.settings import Settings
from topics.catalogue import BOOKING_DECISIONS, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS
from topics.prices import BookingJudged, BookingOutcome

pytestmark = pytest.mark.broker

HERE, THERE = (40.758, -73.9855), (40.6413, -73.7781)


class Desk:
    """Answers as the services would, when told to."""

    def __init__(self, connection, publisher, ids):
        self.connection, self.publisher, self.ids = connection, publisher, ids

    async def quote(self, request, partition, **changes):
        """Answer a request with a price."""
        priced = QuoteAnswered(
            quote_id=f"{request.request_id}-q",
            request_id=request.request_id,
            rider_id=request.rider_id,
            outcome=QuoteOutcome.PRICED,
            at_ms=request.at_ms,
            now_ms=request.at_ms,
            product=request.product,
            currency="USD",
            amount_minor=900,
            request_offset=0,
        )
        await self.publisher.publish(QUOTES, replace(priced, **changes), partition=partition)

    async def judge(self, acceptance, partition):
        """Let a booking stand."""
        judged = BookingJudged(
            decision_id="d",
            quote_id=acceptance.quote_id,
            ride_id=acceptance.ride_id,
            rider_id=acceptance.rider_id,
            outcome=BookingOutcome.ACCEPTED,
            at_ms=acceptance.at_ms,
            now_ms=acceptance.at_ms,
            acceptance_offset=0,
        )
        await self.publisher.publish(BOOKING_DECISIONS, judged, partition=partition)

    async def records(self, topic, start=Edge.EARLIEST, follow=True):
        """Entries of a topic."""
        async with aclosing(tail(self.connection, topic, self.ids, start=start, follow=follow)) as entries:
            async for entry in entries:
                yield entry

    async def asked(self, request_id):
        """The entry of a request, once it is there."""
        async with aclosing(self.records(QUOTE_REQUESTS)) as entries:
            return await anext(e async for e in entries if e.record and e.record.request_id == request_id)

    async def serve(self, topic, answer):
        """Answer everything that comes after now."""
        async with aclosing(self.records(topic, start=Edge.LATEST)) as entries:
            async for entry in entries:
                await answer(entry.record, entry.partition)


@pytest.fixture
async def desk(stack):
    """The catalogue's topics and schemas, and someone who answers."""
    connection = Connection(endpoints=Endpoints(bootstrap=stack.bootstrap, registry_url=stack.registry_url))
    async with Admin(connection, Settings()) as admin, Registry(connection) as registry:
        await admin.create_missing()
        await registry.register_all()
        ids = await registry.ids_of([QUOTES, BOOKING_DECISIONS])
        async with Publisher(connection, ids, source="tests", linger_ms=0) as publisher:
            yield Desk(connection, publisher, SchemaIds(registry))


@asynccontextmanager
async def entered(desk, **options):
    """A client of these servers."""
    endpoints = desk.connection.endpoints
    async with Client(endpoints.bootstrap, endpoints.registry_url, source="tests", **options) as client:
        yield client


@asynccontextmanager
async def background(*doings):
    """Tasks that end with the block."""
    tasks = [asyncio.create_task(doing) for doing in doings]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_quote_is_the_first_answer_to_the_request(desk):
    """Answers to others and a second answer do not count; the deadline stands in the request."""
    ask = new_request("rider-first", HERE, THERE)
    async with entered(desk) as client, background(client.ask(ask, deadline_s=20)) as (asking,):
        entry = await desk.asked(ask.request_id)
        assert entry.record.deadline_ms > ask.at_ms
        assert dict(entry.headers)["ce_source"] == b"tests"
        others = new_request("rider-first", HERE, THERE), new_request("stranger", HERE, THERE)
        for request, amount in ((others[0], 1), (others[1], 2), (ask, 3), (ask, 4)):
            await desk.quote(request, entry.partition, amount_minor=amount)
        answer = await asking
    assert (answer.quote.amount_minor, answer.partition) == (3, entry.partition)
    assert answer.latency_ms > 0


async def test_asking_again_finds_the_answer_given_meanwhile_and_publishes_nothing(desk):
    """After no answer in time the same request is safe: in this client, and in another after a restart."""
    ask = new_request("rider-again", HERE, THERE)
    async with entered(desk) as client:
        with pytest.raises(NoAnswerError, match=ask.request_id):
            await client.quote(ask, deadline_s=-0.5)
        await desk.quote(ask, (await desk.asked(ask.request_id)).partition)
        assert (await client.quote(ask, deadline_s=20)).request_id == ask.request_id
    async with entered(desk) as later:
        assert (await later.quote(ask, deadline_s=20, again=True)).request_id == ask.request_id
    async with aclosing(desk.records(QUOTE_REQUESTS, follow=False)) as entries:
        assert [e.record.request_id async for e in entries].count(ask.request_id) == 1


async def test_a_thousand_at_once_each_get_their_own(desk):
    """All partitions are read while they are joined; no answer is lost or mistaken."""
    asks = [new_request(f"rider-{n % 300}", HERE, THERE) for n in range(1_000)]
    async with entered(desk) as client, background(desk.serve(QUOTE_REQUESTS, desk.quote)):
        await answered(client, "rider-probe")
        quotes = await asyncio.gather(*(client.quote(ask, deadline_s=60) for ask in asks))
    assert [quote.request_id for quote in quotes] == [ask.request_id for ask in asks]


async def test_an_acceptance_is_judged_for_its_ride(desk):
    """The decision of the ride asked for is returned, also when two are under way."""
    async with (
        entered(desk) as client,
        background(desk.serve(QUOTE_REQUESTS, desk.quote), desk.serve(RIDE_EVENTS, desk.judge)),
    ):
        quote = await answered(client, "rider-accepts")
        rides = await asyncio.gather(
            *(judged(client, quote, ride_id) for ride_id in ("ride-1", "ride-2")),
        )
    assert [ride.ride_id for ride in rides] == ["ride-1", "ride-2"]
    assert {ride.outcome for ride in rides} == {BookingOutcome.ACCEPTED}


async def answered(client, rider):
    """A quote, asked for until the desk listens."""
    while True:
        try:
            return await client.quote(new_request(rider, HERE, THERE), deadline_s=1)
        except NoAnswerError:
            continue


async def judged(client, quote, ride_id):
    """A decision, asked for until the desk listens."""
    while True:
        try:
            return await client.accept(quote, ride_id=ride_id, deadline_s=2)
        except NoAnswerError:
            continue


async def test_beyond_the_most_who_may_wait_the_next_say_so(desk):
    """Backpressure has a sentence of its own; whoever had the turn is told the other one."""
    async with entered(desk, most_waiting=1) as client:
        said = await asyncio.gather(
            *(client.quote(new_request("rider", HERE, THERE), deadline_s=-0.5) for _ in range(2)),
            return_exceptions=True,
        )
    assert ["no turn" in str(one) for one in said] == [False, True]


async def test_closing_tells_those_who_wait(desk):
    """Nobody waits for an answer that nobody reads."""
    ask = new_request("rider-left", HERE, THERE)
    async with entered(desk) as client:
        asking = asyncio.create_task(client.quote(ask, deadline_s=30))
        await desk.asked(ask.request_id)
    with pytest.raises(ClientError, match="closed while an answer was awaited"):
        await asking
    with pytest.raises(RuntimeError, match="and not left"):
        await client.quote(ask)
