"""What a QUOTES worker knows after it has read its answers back."""

from agents.quote_desk import AnsweredPartition
from pricing.bookings import judge
from topics.events import RideEventHappened, RideEventKind
from topics.prices import QuoteAnswered, QuoteOutcome

NOON_MS = 1_793_620_800_000

QUOTE = QuoteAnswered(
    quote_id="q-1",
    request_id="r-1",
    rider_id="rider-1",
    outcome=QuoteOutcome.PRICED,
    at_ms=NOON_MS,
    now_ms=NOON_MS,
    valid_until_ms=NOON_MS + 120_000,
    product="standard",
    currency="USD",
    amount_minor=2_500,
    request_offset=0,
)


def judged(answered, ride_id, offset):
    """The decision about an acceptance by a ride."""
    acceptance = RideEventHappened(
        event_id=f"e-{offset}",
        rider_id="rider-1",
        ride_id=ride_id,
        kind=RideEventKind.QUOTE_ACCEPTED,
        at_ms=NOON_MS,
        quote_id="q-1",
        amount_minor=2_500,
        currency="USD",
    )
    return judge(acceptance, answered.memory, appended_ms=NOON_MS, acceptance_offset=offset)


def test_a_booking_read_back_before_its_quote_uses_it_up_all_the_same():
    """The two topics are read side by side, so either may come first; the quote is sold once in both orders."""
    before_the_crash = AnsweredPartition()
    before_the_crash.quote_read(QUOTE, 0)
    booking = judged(before_the_crash, "ride-1", 0)
    for booking_first in (True, False):
        answered = AnsweredPartition()
        if booking_first:
            answered.decision_read(booking)
        answered.quote_read(QUOTE, 0)
        if not booking_first:
            answered.decision_read(booking)
        assert judged(answered, "ride-2", 1).refusal == "already-decided"
        assert 0 in answered.decided


def test_bookings_whose_quote_never_comes_are_forgotten():
    """Memory does not grow with quotes that were dropped long ago."""
    answered = AnsweredPartition()
    before_the_crash = AnsweredPartition()
    before_the_crash.quote_read(QUOTE, 0)
    answered.decision_read(judged(before_the_crash, "ride-1", 0))
    answered.forget(NOON_MS, NOON_MS + 1)
    assert not answered.early
