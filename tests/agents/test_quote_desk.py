"""What a QUOTES worker knows after it has read its answers back."""

import itertools
from dataclasses import replace

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from agents.quote_desk import DECIDED, LONGEST_LOCK_MS, AnsweredPartition, QuoteDesk, answers_back
from agents.runtime.broadcast import LastMs
from agents.runtime.contracts import Contracts
from pricing.defaults import new_york_market, new_york_policy
from pricing.quotes.bookings import judge
from pricing.quotes.quote_memory import REMEMBERED, QuoteMemory, reach_ms
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.surge.tick import price_zone
from tests.unit.pricing.worlds import PRODUCTS, ZONE, inputs_of, view_of
from topics.catalogue import BOOKING_DECISIONS, QUOTES
from topics.codec import ObjectCodec
from topics.events import RideEventHappened, RideEventKind
from topics.prices import BookingOutcome, QuoteAnswered, QuoteOutcome
from topics.schemas import schema_of
from windows.hexagons import cells_of_zone
from windows.panes import GRACE_MS

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


DECODER = Contracts({}, {1: schema_of(QUOTES)}).columns(QUOTES, REMEMBERED)
DECISIONS = Contracts({}, {1: schema_of(BOOKING_DECISIONS)}).columns(BOOKING_DECISIONS, DECIDED)
SAID = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 2), st.sampled_from([QuoteOutcome.PRICED, QuoteOutcome.EXPIRED])),
    min_size=1,
    max_size=12,
)


def memory_of(quotes, at_once, capacity):
    """A memory that has read these quotes, in runs of `at_once` as columns; one by one as objects if that is 0."""
    memory, codec = QuoteMemory(min(2, capacity), capacity), ObjectCodec(QUOTES, 1)
    if not at_once:
        for offset, quote in enumerate(quotes):
            memory.record(quote, offset)
        return memory
    for first in range(0, len(quotes), at_once):
        run = quotes[first : first + at_once]
        columns = DECODER.decode([b"unreadable", *(codec.encode(quote) for quote in run)])
        memory.record_all(columns, np.array([-5, *range(first, first + len(run))]))
    return memory


def same_price(one, other):
    """Whether two answers promise the same: an amount, and until when."""
    return one[1:] == other[1:]


@given(SAID, st.integers(1, 5), st.sampled_from([1, 2, 3, 100]))
@example(
    [(0, 1, QuoteOutcome.EXPIRED), (1, 1, QuoteOutcome.PRICED), (2, 1, QuoteOutcome.PRICED)]
    + 7 * [(0, 1, QuoteOutcome.PRICED)],
    5,
    3,
)
def test_the_first_record_of_an_id_binds_however_it_is_read(said, at_once, capacity):
    """Columns leave the memory that objects leave: same binding records, same conflicts, same that were dropped."""
    quotes = [
        replace(QUOTE, quote_id=f"q-{number}", rider_id=f"rider-{amount}", amount_minor=amount, outcome=outcome)
        for number, amount, outcome in said
    ]
    slow, fast = memory_of(quotes, 0, capacity), memory_of(quotes, at_once, capacity)
    if capacity > 4:
        first = {number: next(it for it in said if it[0] == number) for number, _, _ in said}
        assert fast.conflicts == sum(not same_price(it, first[it[0]]) for it in said)
    assert [fast.find(f"q-{number}") for number in range(4)] == [slow.find(f"q-{number}") for number in range(4)]
    assert (len(fast), fast.conflicts, fast.forgotten_early) == (len(slow), slow.conflicts, slow.forgotten_early)
    for memory in (slow, fast):
        memory.forget_before(NOON_MS + 1_000_000)
        assert not len(memory)


def test_a_quote_read_back_is_underway_no_more_and_its_booking_counts():
    """As columns too: what overtook its quote is taken in with it."""
    before_the_crash = AnsweredPartition()
    before_the_crash.quote_read(QUOTE, 0)
    answered = AnsweredPartition(underway={"q-1", "q-2"})
    answered.decision_read(judged(before_the_crash, "ride-1", 0))
    answered.quotes_read(DECODER.decode([ObjectCodec(QUOTES, 1).encode(QUOTE)]), np.array([0]))
    assert answered.underway == {"q-2"}
    assert not answered.early
    assert judged(answered, "ride-2", 1).refusal == "already-decided"


def test_no_offer_keeps_a_tick_that_was_replaced():
    """Each holds its tick: cells that are seldom asked about would keep gigabytes of old ones."""
    desk = QuoteDesk(markets=MarketBook(), policies=PolicyBook())
    desk.markets.learn(replace(new_york_market(), effective_from_ms=0), 0)
    desk.policies.learn(replace(new_york_policy(), effective_from_ms=0), 0)
    tick = price_zone(inputs_of(view_of(requests_per_min=1.0, idle=0.3)))
    for offset, cell in enumerate(cells_of_zone(ZONE)[:8]):
        now_ms = tick.now_ms + 300 * offset
        desk.tick_read(replace(tick, now_ms=now_ms), 0, offset)
        assert [desk._offer(cell, product, now_ms=now_ms) for product in PRODUCTS if product] != []
    offers = [offer for of_zone in desk.offers.values() for offer in of_zone.values()]
    assert len(offers) == len(PRODUCTS)
    assert {offer.tick.offset for offer in offers} == {desk.ticks[ZONE].offset}


def test_decisions_read_as_columns_leave_what_objects_leave():
    """Accepted and refused, of quotes known and not: the same offsets are decided and the same bookings wait."""
    codec = ObjectCodec(BOOKING_DECISIONS, 1)
    known = AnsweredPartition()
    known.quote_read(QUOTE, 0)
    decisions = [
        replace(judged(known, f"ride-{offset}", offset), quote_id=quote_id, outcome=outcome)
        for offset, (quote_id, outcome) in enumerate(
            itertools.product(("q-1", "q-2", "q-2"), (BookingOutcome.REFUSED, BookingOutcome.ACCEPTED))
        )
    ]
    slow, fast = AnsweredPartition(), AnsweredPartition()
    for answered in (slow, fast):
        answered.quote_read(QUOTE, 0)
    for decision in decisions:
        slow.decision_read(decision)
    fast.decisions_read(DECISIONS.decode([b"unreadable", *(codec.encode(decision) for decision in decisions)]))
    assert (fast.decided, fast.early) == (slow.decided, slow.early)
    assert fast.memory.find("q-1") == slow.memory.find("q-1")
    assert judged(fast, "ride-9", 9).refusal == "already-decided"


@given(st.integers(0, LONGEST_LOCK_MS), st.integers(-60_000, 5_000))
def test_what_still_binds_at_the_last_commit_is_read_back(lock_ms, asked_ms):
    """The newest answer that is left out is forgotten by whoever has remembered it all the while."""
    start = answers_back(NOON_MS, lock_ms)
    left_out_ms = start.since_ms - 1
    memory = QuoteMemory(1)
    quote = replace(QUOTE, at_ms=left_out_ms + asked_ms, now_ms=left_out_ms, valid_until_ms=left_out_ms + lock_ms)
    memory.record(quote, 0)
    memory.forget_before(NOON_MS - GRACE_MS)
    assert not len(memory)


def test_answers_of_a_short_lock_are_read_back_no_further_than_they_bind():
    """At 10,000 quotes a second ten minutes of them take longer to read than an assignment may; two minutes do not."""
    book = PolicyBook()
    for offset, lock_ms in enumerate((180_000, 60_000)):
        book.learn(replace(new_york_policy(), effective_from_ms=0, based_on_offset=None, lock_ms=lock_ms), offset)
    assert book.longest_lock_ms == 180_000
    assert answers_back(NOON_MS, 180_000).since_ms == NOON_MS - reach_ms(180_000) == NOON_MS - 220_000
    for nothing_known in (None, 0):
        assert answers_back(nothing_known, 180_000) == LastMs(LONGEST_LOCK_MS + GRACE_MS)
