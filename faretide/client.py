"""A client of one installation: publish what drivers and riders do, await quotes, accept them.

    async with Client("localhost:9092", "http://localhost:8081", source="my-app") as client:
        await client.publish(ping)
        quote = await client.quote(new_request("rider-1", pickup, dropoff), deadline_s=5)
        if quote.outcome is QuoteOutcome.PRICED:
            decision = await client.accept(quote)

A refusal is an answer, not an error: look at `outcome` and `refusal`. Errors are ClientError, one sentence each.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self
from uuid import uuid4

from faretide.answers import Answers
from faretide.rides import acceptance_of, new_request, now_ms
from infra.clients.connection import Connection, Security
from infra.clients.consumer import Entry, tail
from infra.clients.endpoints import Endpoints
from infra.clients.errors import ClientError, NoAnswerError
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS, Topic
from topics.events import DriverPinged, QuoteRequested, RideEventHappened
from topics.partitioners import Partitioner, partition_of
from topics.prices import BookingJudged, QuoteAnswered
from topics.validity import FUTURE_TOLERANCE_MS

# How long an answer may travel after the deadline by which it has to be decided.
GRACE_S = 1.0
MOST_WAITING = 10_000
LOOK_BACK_AT_ONCE = 4
UNANSWERED_FOR_S = 5.0
"""A schema id that the registry cannot tell now is not asked for again so long: other answers are read meanwhile."""
REMEMBERED = 100_000

TOPIC_OF: dict[type, Topic] = {
    DriverPinged: DRIVER_PINGS,
    QuoteRequested: QUOTE_REQUESTS,
    RideEventHappened: RIDE_EVENTS,
}
OutsideEvent = DriverPinged | QuoteRequested | RideEventHappened


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A quote and where it stands in quotes.v1; `latency_ms` from handing over the request to having the answer."""

    quote: QuoteAnswered
    partition: int
    offset: int
    latency_ms: float


class Client:
    """Use it as an async context, from one event loop; any number of its methods may be under way at once."""

    def __init__(
        self,
        bootstrap: str,
        registry_url: str,
        *,
        source: str = "faretide-client",
        security: Security | None = None,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """Nothing is opened yet. `source` names this program in the headers of what it writes.

        Beyond `most_waiting` questions without an answer, new ones wait for their turn within their own deadline.
        """
        self._connection = Connection(
            endpoints=Endpoints(bootstrap=bootstrap, registry_url=registry_url),
            security=security or Security(),
            client_id=source,
        )
        self._source = source
        self._turns = asyncio.Semaphore(most_waiting)
        self._looking_back = asyncio.Semaphore(LOOK_BACK_AT_ONCE)  # each is a consumer of its own
        self._unanswered: OrderedDict[str, None] = OrderedDict()  # published, newest last
        self._open: AsyncExitStack | None = None

    async def __aenter__(self) -> Self:
        """Connect to registry and brokers. Raises UnreachableError, SchemaMissingError, TopicMissingError."""
        async with AsyncExitStack() as opening:
            registry = await opening.enter_async_context(Registry(self._connection))
            self._ids = SchemaIds(registry, unanswered_for_s=UNANSWERED_FOR_S)
            schema_ids = await registry.ids_of(TOPIC_OF.values())
            self._answers = await opening.enter_async_context(Answers(self._connection, self._ids))
            self._publisher = await opening.enter_async_context(
                Publisher(self._connection, schema_ids, source=self._source, linger_ms=0)
            )
            requests = await self._publisher.partitions_of(QUOTE_REQUESTS)
            if requests != self._answers.partitions:
                raise ClientError(
                    f"{QUOTES.name} must have as many partitions as {QUOTE_REQUESTS.name}, "
                    f"got {self._answers.partitions} and {requests}: see `faretide topics check`"
                )
            self._open = opening.pop_all()
        # Codecs are loaded at their first record, for about a second: now, not while riders wait.
        self._publisher.encode(QUOTE_REQUESTS, new_request("", (0.0, 0.0), (0.0, 0.0)))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell those who still wait, write out what was handed over, and disconnect.

        Raises UnreachableError if the brokers do not acknowledge what was handed over, unless `error` says more.
        """
        opened, self._open = self._open, None
        if opened is not None:
            self._answers.tell_closed()  # first: the brokers may have ten seconds for the rest
            await opened.__aexit__(kind, error, trace)

    async def publish(self, *events: OutsideEvent) -> None:
        """Publish events in order and return when the brokers have all of them; waits while their buffer is full.

        Raises ValueError naming a field that does not fit its type, ClientError.
        """
        self._check_open()
        sent = [(TOPIC_OF[type(event)], event) for event in events]
        written = [await self._publisher.publish(topic, event) for topic, event in sent]
        if written:
            await self._publisher.written(sent[0][0], written)

    async def quote(self, request: QuoteRequested, *, deadline_s: float = 10.0, again: bool = False) -> QuoteAnswered:
        """The one answer to `request`: priced, refused or expired. Takes and raises what `ask` does."""
        return (await self.ask(request, deadline_s=deadline_s, again=again)).quote

    async def ask(self, request: QuoteRequested, *, deadline_s: float = 10.0, again: bool = False) -> Answer:
        """As `quote`, with where the answer stands.

        Asking again with the same `request_id` is safe: an answer given meanwhile is found and nothing is published.
        This client knows which of its requests had no answer; `again` says so of one that another process published.

        Raises NoAnswerError when nobody answered in time, UnreachableError, RegistryUnavailable, ClientError.
        """
        key, partition = self._addressed(request.rider_id)
        again = again or request.request_id in self._unanswered
        if request.deadline_ms is None:
            request = replace(request, deadline_ms=now_ms() + round(deadline_s * 1000))
        started = time.perf_counter()
        async with self._patience(deadline_s + GRACE_S, f"request {request.request_id}"):
            await self._answers.stand(partition)
            with self._answers.quotes.awaited(key, request.request_id) as answer:
                entry = await self._earlier(request, partition) if again else None
                if entry is None:
                    started = time.perf_counter()
                    self._note_unanswered(request.request_id)
                    sent = await self._publisher.publish(QUOTE_REQUESTS, request, partition=partition)
                    await self._publisher.written(QUOTE_REQUESTS, [sent])
                    entry = await answer
        self._unanswered.pop(request.request_id, None)
        return Answer(
            quote=entry.decoded(),
            partition=entry.partition,
            offset=entry.offset,
            latency_ms=(time.perf_counter() - started) * 1000,
        )

    async def accept(
        self, quote: QuoteAnswered, *, ride_id: str | None = None, deadline_s: float = 10.0
    ) -> BookingJudged:
        """Accept a priced quote and return whether the booking stands; `ride_id` is the ride it is for, new by default.

        Accepting again for the same ride is safe and gets the same decision; another ride is refused.

        Raises ValueError unless the quote is priced, NoAnswerError, ClientError.
        """
        ride_id = ride_id or f"ride-{uuid4()}"
        acceptance = acceptance_of(quote, ride_id, now_ms())
        key, partition = self._addressed(quote.rider_id)
        async with self._patience(deadline_s, f"acceptance of quote {quote.quote_id} for {ride_id}"):
            await self._answers.stand(partition)
            with self._answers.decisions.awaited(key, ride_id) as decision:
                sent = await self._publisher.publish(RIDE_EVENTS, acceptance, partition=partition)
                await self._publisher.written(RIDE_EVENTS, [sent])
                judged: BookingJudged = (await decision).decoded()
                return judged

    async def _earlier(self, request: QuoteRequested, partition: int) -> Entry | None:
        """The answer that request got before this call, None if it has none."""
        since_ms = request.at_ms - FUTURE_TOLERANCE_MS  # by how much its clock may be ahead of the broker's
        said = tail(self._connection, QUOTES, self._ids, start=since_ms, partition=partition, follow=False)
        async with self._looking_back, aclosing(said) as entries:
            async for entry in entries:
                if entry.record is not None and entry.record.request_id == request.request_id:
                    return entry
        return None

    @asynccontextmanager
    async def _patience(self, limit_s: float, asked: str) -> AsyncIterator[None]:
        """A turn among those who wait, and the block in it, within `limit_s`."""
        self._check_open()
        has_turn = False
        try:
            async with asyncio.timeout(limit_s), self._turns:
                has_turn = True
                yield
        except TimeoutError:
            raise NoAnswerError(
                f"no answer to {asked} in {limit_s:g} s: is the service `quotes` running? The same may be asked again"
                if has_turn
                else f"no turn for {asked} in {limit_s:g} s: ask fewer at once, or raise most_waiting"
            ) from None

    def _note_unanswered(self, request_id: str) -> None:
        """Remember that the request is published, so that asking again looks for its answer first."""
        self._unanswered[request_id] = None
        if len(self._unanswered) > REMEMBERED:
            self._unanswered.popitem(last=False)

    def _addressed(self, rider_id: str) -> tuple[bytes, int]:
        """Key and partition of all that concerns the rider."""
        self._check_open()
        key = rider_id.encode()
        return key, partition_of(Partitioner.MURMUR2, key, self._answers.partitions)

    def _check_open(self) -> None:
        if self._open is None:
            raise RuntimeError("a Client must be entered before it is used, and not left: `async with Client(...)`")
