"""Acceptances judged against the memory of quotes: the first record binds, and the first ride on it stands."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.quotes.bookings import judge
from pricing.quotes.quote_memory import QuoteMemory
from tests.unit.pricing.worlds import NOON_MS, TIMES_SQUARE, ZONE
from topics.events import RideEventHappened, RideEventKind
from topics.prices import BookingOutcome, QuoteAnswered, QuoteOutcome
from windows.panes import GRACE_MS

VALID_MS = NOON_MS + 120_000


def quote(quote_id="q-1", **changes):
    priced = QuoteAnswered(
        quote_id=quote_id,
        request_id="r-1",
        rider_id="rider-1",
        outcome=QuoteOutcome.PRICED,
        at_ms=NOON_MS,
        now_ms=NOON_MS,
        valid_until_ms=VALID_MS,
        product="xl",
        zone=ZONE,
        cell=TIMES_SQUARE,
        currency="USD",
        amount_minor=2_500,
        request_offset=1,
    )
    return replace(priced, **changes)


def test_products_that_were_refused_leave_no_names_behind():
    """Anybody can ask for a product of any name; what is priced bears one of the market's."""
    memory = QuoteMemory(8)
    memory.record(quote(), 0)
    for number in range(100):
        refused = {"outcome": QuoteOutcome.REFUSED, "product": f"made-up-{number}", "currency": ""}
        memory.record(quote(f"refused-{number}", **refused), number + 1)
    assert len(memory._names) == 3  # the product, the currency, and none


def test_a_request_from_the_future_holds_no_memory_back():
    """It was refused; answers behind it go when they bind no more."""
    memory = QuoteMemory(8)
    memory.record(quote("ahead", outcome=QuoteOutcome.REFUSED, at_ms=2**61), 0)
    memory.record(quote("q-2"), 1)
    memory.forget_before(VALID_MS + 60_000)
    assert len(memory) == 0


def acceptance(**changes):
    event = RideEventHappened(
        event_id="e-1",
        rider_id="rider-1",
        ride_id="ride-1",
        kind=RideEventKind.QUOTE_ACCEPTED,
        at_ms=NOON_MS + 1_000,
        quote_id="q-1",
        amount_minor=2_500,
        currency="USD",
    )
    return replace(event, **changes)


def remembering(*quotes, capacity=16):
    memory = QuoteMemory(capacity)
    for offset, one in enumerate(quotes or (quote(),)):
        memory.record(one, offset)
    return memory


def judged(memory, appended_ms=NOON_MS + 1_000, **changes):
    return judge(acceptance(**changes), memory, appended_ms=appended_ms, acceptance_offset=5)


def test_an_acceptance_that_stands_carries_the_locked_price():
    """Amount, place and product come from the quote."""
    decision = judged(remembering(quote("other"), quote()))
    assert (decision.outcome, decision.refusal) == (BookingOutcome.ACCEPTED, "")
    assert (decision.amount_minor, decision.currency, decision.product) == (2_500, "USD", "xl")
    assert (decision.zone, decision.cell, decision.quote_offset, decision.acceptance_offset) == (
        ZONE,
        TIMES_SQUARE,
        1,
        5,
    )


@pytest.mark.parametrize(
    ("changes", "appended_ms", "refusal"),
    [
        ({"quote_id": "q-9"}, NOON_MS, "unknown-quote"),
        ({"quote_id": None}, NOON_MS, "unknown-quote"),
        ({"rider_id": "rider-2"}, NOON_MS, "unknown-quote"),
        ({"amount_minor": 2_499}, NOON_MS, "altered"),
        ({"currency": "EUR"}, NOON_MS, "altered"),
        ({}, VALID_MS + 1, "expired"),
        ({}, VALID_MS, ""),
        ({"at_ms": 0}, VALID_MS + 1, "expired"),  # the append time counts, not what the sender says
        ({"amount_minor": None, "currency": None}, NOON_MS, ""),
    ],
)
def test_acceptances_are_refused_by_name(changes, appended_ms, refusal):
    """Known, the rider's own, unexpired by append time, unaltered."""
    assert judged(remembering(), appended_ms, **changes).refusal == refusal


def test_a_quote_is_used_once_and_a_repeat_gets_the_same_decision():
    """The same ride accepted again is decided alike; another ride on the quote is refused."""
    memory = remembering()
    first = judged(memory)
    memory.record_decision(first)
    assert judged(memory) == first
    assert judged(memory, event_id="e-3", at_ms=NOON_MS + 130_000) == first
    assert replace(judged(memory, VALID_MS + 1, event_id="e-4"), now_ms=first.now_ms) == first  # booked is booked
    assert judged(memory, VALID_MS, event_id="e-2", ride_id="ride-2").refusal == "already-decided"
    assert judged(memory, VALID_MS + 1, event_id="e-5", amount_minor=1).refusal == "altered"


def test_a_refusal_does_not_use_a_quote_up():
    """A wrong amount is refused under an id of its own; the right one afterwards stands."""
    memory = remembering()
    refused = judged(memory, amount_minor=1)
    memory.record_decision(refused)
    stands = judged(memory, event_id="e-2")
    assert stands.outcome is BookingOutcome.ACCEPTED
    assert stands.decision_id != refused.decision_id


def test_the_first_record_of_an_id_binds():
    """A later record that differs is counted and ignored; the same record read again is not a conflict."""
    memory = remembering()
    assert memory.record(quote(), 0)
    assert not memory.record(quote(amount_minor=1), 1)
    assert memory.conflicts == 1
    assert not memory.record(quote(), 2)
    assert memory.conflicts == 1
    assert judged(memory).amount_minor == 2_500


def test_an_answer_without_a_price_binds_too():
    """What was first answered as expired cannot be accepted, even if priced later."""
    expired = quote(outcome=QuoteOutcome.EXPIRED, valid_until_ms=0, amount_minor=0)
    memory = remembering(expired, quote())
    assert memory.has_answered("q-1")
    assert judged(memory).refusal == "unknown-quote"


def test_an_event_that_is_no_acceptance_is_refused_by_name():
    """Only acceptances are judged."""
    with pytest.raises(ValueError, match="kind must be QUOTE_ACCEPTED"):
        judged(remembering(), kind=RideEventKind.RIDE_STARTED)


def test_memory_forgets_what_no_acceptance_can_reach_and_nothing_sooner():
    """A quote stays until its lock and the grace have passed."""
    memory = remembering()
    memory.forget_before(VALID_MS + 20_000)
    assert memory.has_answered("q-1")
    memory.forget_before(VALID_MS + 20_001)
    assert not memory.has_answered("q-1")
    assert len(memory) == 0


@given(st.lists(st.integers(0, 12), max_size=60), st.integers(1, 8))
def test_memory_is_bounded_and_keeps_the_newest(numbers, most):
    """At most `most` answers, the first record of each in order of arrival, equal to a plain list."""
    memory, plain, dropped = QuoteMemory(min(2, most), most), [], 0
    for offset, number in enumerate(numbers):
        memory.record(quote(f"q-{number}", amount_minor=offset), offset)
        if number not in [known for known, _ in plain]:
            plain.append((number, offset))
            dropped += len(plain) > most
            plain = plain[-most:]
    assert len(memory) == len(plain)
    assert memory.forgotten_early == dropped
    for number, offset in plain:
        found = memory.find(f"q-{number}")
        assert found is not None
        assert (found.amount_minor, found.offset) == (offset, offset)


def test_memory_grows_while_acceptances_that_wait_may_ask_for_a_quote():
    """A burst loses nobody's quote, nor does time by itself; what nobody can ask for goes when that is said."""
    memory = QuoteMemory(2)
    for number in range(5):
        memory.record(quote(f"q-{number}"), number)
        memory.record_booking("q-1", "ride-1", NOON_MS)
    assert [memory.find(f"q-{number}").offset for number in range(5)] == [0, 1, 2, 3, 4]
    assert [memory.find(f"q-{number}").booked_at_ms for number in range(3)] == [0, NOON_MS, 0]
    for number in range(5, 13):
        later_ms = VALID_MS + 2 * GRACE_MS + 1
        memory.record(quote(f"q-{number}", now_ms=later_ms, valid_until_ms=later_ms + 120_000), number)
    assert all(memory.has_answered(f"q-{number}") for number in range(13))
    memory.forget_before(later_ms - GRACE_MS)
    assert [memory.has_answered(f"q-{number}") for number in (4, 5, 12)] == [False, True, True]
    assert (len(memory), memory.forgotten_early) == (8, 0)


def test_quotes_read_back_that_nobody_can_ask_for_make_room_for_the_next():
    """They are not counted as lost, and the memory does not grow for them."""
    memory = QuoteMemory(2)
    memory.forget_before(VALID_MS + GRACE_MS + 1)
    for number in range(5):
        memory.record(quote(f"q-{number}"), number)
    assert [memory.has_answered(f"q-{number}") for number in range(5)] == [False, False, False, True, True]
    assert memory.forgotten_early == 0


def test_a_memory_without_room_is_refused_by_name():
    """Capacity is at least one."""
    with pytest.raises(ValueError, match="capacity must be positive"):
        QuoteMemory(0)
