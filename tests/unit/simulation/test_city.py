"""A city on a wire in memory, on a clock that jumps: every request sent is accounted for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from heapq import heappop, heappush
from typing import Any

import pytest

from simulation.city import Answer, City
from simulation.fleet import Pings
from simulation.plan import CityPlan
from simulation.play import play
from simulation.summary import CitySummary
from tests.unit.simulation.cities import ms, recorded
from topics.catalogue import QUOTE_REQUESTS, RIDE_EVENTS, Topic
from topics.events import QuoteRequested, RideEventHappened, RideEventKind
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered, QuoteOutcome

START_MS = ms("2026-11-17T22:00")
PLAN = CityPlan(requests_per_s=4.0)


class JumpingClock:
    """Time that stands still while anyone can go on, then jumps to the next instant someone waits for."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        return self._now_ms

    async def until(self, at_ms: int) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heappush(self._waiting, (at_ms, self._count, woken))
        await woken

    async def run(self) -> None:
        while True:
            for _ in range(20):
                await asyncio.sleep(0)
            if self._waiting:
                at_ms, _, woken = heappop(self._waiting)
                self._now_ms = max(self._now_ms, at_ms)
                if not woken.done():
                    woken.set_result(None)


Pricer = Callable[[QuoteRequested], list[QuoteAnswered]]


class MemoryWire:
    """Answers each request by `pricer` and judges each acceptance as told, saying it twice; keeps what was sent."""

    def __init__(self, pricer: Pricer, *, books: BookingOutcome | None = BookingOutcome.ACCEPTED) -> None:
        self._pricer = pricer
        self._books = books
        self._answers: asyncio.Queue[Answer] = asyncio.Queue()
        self.requests: list[QuoteRequested] = []
        self.events: list[RideEventHappened] = []
        self.pings = 0

    async def send(self, topic: Topic, records: Sequence[Any]) -> None:
        for record in records:
            if topic is QUOTE_REQUESTS:
                self.requests.append(record)
                for answer in self._pricer(record):
                    self._answers.put_nowait(answer)
            else:
                assert topic is RIDE_EVENTS
                self.events.append(record)
                if record.kind == RideEventKind.QUOTE_ACCEPTED and self._books is not None:
                    for _ in range(2):
                        self._answers.put_nowait(judged(record, self._books))

    async def send_pings(self, pings: Pings) -> None:
        self.pings += pings.car.size

    async def answers(self) -> AsyncIterator[Sequence[Answer]]:
        while True:
            yield [await self._answers.get()]


def priced(request: QuoteRequested, **changes: Any) -> QuoteAnswered:
    """A quote at 1.2× with a wait of two minutes."""
    said = {
        "quote_id": f"{request.request_id}-quote",
        "request_id": request.request_id,
        "rider_id": request.rider_id,
        "outcome": QuoteOutcome.PRICED,
        "at_ms": request.at_ms,
        "now_ms": request.at_ms,
        "product": request.product,
        "request_offset": 0,
        "amount_minor": 1_234,
        "currency": "USD",
        "multiplier_hundredths": 120,
        "eta_s": 120,
    }
    return QuoteAnswered(**said | changes)


def judged(event: RideEventHappened, outcome: BookingOutcome) -> BookingJudged:
    """The decision about an acceptance."""
    return BookingJudged(
        decision_id=f"{event.quote_id}-decision",
        quote_id=event.quote_id or "",
        ride_id=event.ride_id,
        rider_id=event.rider_id,
        outcome=outcome,
        refusal="" if outcome == BookingOutcome.ACCEPTED else "expired",
        at_ms=event.at_ms,
        now_ms=event.at_ms,
        acceptance_offset=0,
    )


async def played(wire: MemoryWire, seconds: int, plan: CityPlan = PLAN) -> CitySummary:
    """What a city saw that was played for so long."""
    clock = JumpingClock(START_MS)
    time = asyncio.create_task(clock.run())
    city = City(plan, recorded(), start_ms=START_MS)
    try:
        return await play(city, wire, clock, stop=asyncio.Event(), end_ms=START_MS + 1_000 * seconds)
    finally:
        time.cancel()


def sometimes(request: QuoteRequested) -> list[QuoteAnswered]:
    """Every kind of answer, by the request's number; some twice, some to nobody."""
    match int(request.request_id.rpartition("-")[2]) % 5:
        case 0:
            return []
        case 1:
            return [priced(request, outcome=QuoteOutcome.EXPIRED)]
        case 2:
            return [priced(request, outcome=QuoteOutcome.REFUSED, refusal="outside-markets")]
        case 3:
            return [priced(request), priced(request)]
        case _:
            return [priced(request, request_id="of-someone-else"), priced(request)]


async def test_every_request_ends_in_exactly_one_way() -> None:
    """With answers, refusals, silence, doubles and strangers, the ways add up to the requests sent."""
    wire = MemoryWire(sometimes)
    saw = await played(wire, 60)
    assert saw.sent == len(wire.requests) > 150
    assert saw.sent == saw.priced + saw.late + saw.expired + saw.refused + saw.unanswered
    assert saw.outstanding == saw.late == saw.skipped == 0
    numbers = [int(request.request_id.rpartition("-")[2]) % 5 for request in wire.requests]
    assert [saw.unanswered, saw.expired, saw.refused] == [numbers.count(kind) for kind in range(3)]
    assert saw.refusals == {"outside-markets": saw.refused}


async def test_silence_is_waited_out_and_measured() -> None:
    """Without any answer the city stops after deadline and grace, and the latency shows how long riders waited."""
    saw = await played(MemoryWire(lambda _: []), 20)
    assert saw.unanswered == saw.sent > 40
    assert saw.latency_p50_ms >= PLAN.patience_ms + PLAN.answer_grace_ms


async def test_riders_accept_their_price_after_thinking_and_ride() -> None:
    """Acceptances repeat the quoted amount 2 to 8 s later, in the stated share; booked rides start."""
    wire = MemoryWire(lambda request: [priced(request, multiplier_hundredths=100, eta_s=180)])
    saw = await played(wire, 240)
    asked = {f"{request.request_id}-quote": request.at_ms for request in wire.requests}
    accepted = [event for event in wire.events if event.kind == RideEventKind.QUOTE_ACCEPTED]
    thought = [event.at_ms - asked[event.quote_id] for event in accepted]
    assert {(event.amount_minor, event.currency) for event in accepted} == {(1_234, "USD")}
    assert 2_000 <= min(thought) <= max(thought) <= 8_000 + 100
    assert saw.accepted / saw.priced == pytest.approx(PLAN.accepted_share, abs=0.06)
    assert saw.booked == saw.accepted == len(accepted)
    assert saw.started > 0
    assert saw.surged_share == 0.0
    ids = [event.event_id for event in wire.events]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("books", [BookingOutcome.REFUSED, None], ids=["refused", "never judged"])
async def test_no_car_is_sent_without_a_booking(books: BookingOutcome | None) -> None:
    """An acceptance that was refused, or not judged, moves no car and starts no ride."""
    wire = MemoryWire(lambda request: [priced(request)], books=books)
    saw = await played(wire, 60)
    assert {event.kind for event in wire.events} == {RideEventKind.QUOTE_ACCEPTED}
    assert saw.booked == saw.started == 0
    assert saw.booking_refused + saw.undecided > 0


async def test_rides_that_find_no_car_are_called_off() -> None:
    """In a city of three cars most bookings end cancelled after the stated wait."""
    wire = MemoryWire(lambda request: [priced(request)])
    saw = await played(wire, 420, CityPlan(requests_per_s=1.0, drivers=3))
    assert saw.found_no_car > 20
    cancelled = [event for event in wire.events if event.kind == RideEventKind.RIDE_CANCELLED]
    assert len(cancelled) == saw.found_no_car + saw.cancelled


def test_a_stall_is_counted_and_its_riders_do_not_flood() -> None:
    """After ten minutes of standstill only riders still patient ask, at their true time; the rest are skipped."""
    city = City(PLAN, recorded(), start_ms=START_MS)
    now_ms = START_MS + 600_000
    asked = city.requests(now_ms)
    saw = city.summary()
    assert {request.at_ms for request in asked} == {now_ms}
    assert all(request.deadline_ms is not None and request.deadline_ms >= now_ms for request in asked)
    assert 10 < len(asked) < 100
    assert saw.skipped == pytest.approx(600 * 4, rel=0.35)
    assert saw.slippage_max_ms <= PLAN.patience_ms


@pytest.mark.parametrize("after_ms", [0, 20_500, 60_000, 185_000])
def test_who_asked_before_the_play_began_is_not_of_this_city(after_ms: int) -> None:
    """However long opening took, the first riders ask on time and nobody is skipped."""
    city, began_ms = City(PLAN, recorded(), start_ms=START_MS), START_MS + after_ms
    city.begin(began_ms)
    assert city.requests(began_ms - 1) == []
    due_ms = city.next_request_ms()
    assert began_ms <= due_ms < began_ms + 5_000
    assert len(city.requests(due_ms)) >= 1
    assert (city.summary().skipped, city.summary().slippage_max_ms) == (0, 0)


def test_an_answer_after_the_deadline_is_late_and_nobody_takes_it() -> None:
    """A price read one millisecond after the deadline counts as late; within it, as priced."""
    city = City(PLAN, recorded(), start_ms=START_MS)
    first, second = city.requests(START_MS + 5_000)[:2]
    assert first.deadline_ms is not None
    assert second.deadline_ms is not None
    city.hear([priced(first)], now_ms=first.deadline_ms + 1)
    city.hear([priced(second)], now_ms=second.deadline_ms)
    assert (city.summary().late, city.summary().priced) == (1, 1)


async def test_the_same_answers_give_the_same_city() -> None:
    """Two plays with one seed send the same requests and events; another seed does not."""

    async def sent(seed: int) -> tuple[list[QuoteRequested], list[RideEventHappened], int]:
        wire = MemoryWire(sometimes)
        await played(wire, 30, CityPlan(requests_per_s=4.0, seed=seed))
        return wire.requests, wire.events, wire.pings

    first = await sent(1)
    assert first == await sent(1)
    assert first[0] != (await sent(2))[0]
