"""Whether the acceptance of a quote stands: known, the rider's own, unexpired, unaltered, and the first.

An acceptance is judged by the broker's append time, so everyone who reads the log judges it alike. The same ride
accepted twice gets the same decision twice, with the time of the first, so that it counts as one booking of one
instant; another ride on a quote already used is refused. A refusal does not use the quote up.
"""

import hashlib

from pricing.quotes.quote import quote_id_hash
from pricing.quotes.quote_memory import UNDECIDED, QuoteMemory, RememberedQuote
from topics.events import RideEventHappened, RideEventKind
from topics.prices import BookingJudged, BookingOutcome

UNKNOWN_QUOTE = "unknown-quote"
EXPIRED = "expired"
ALTERED = "altered"
ALREADY_DECIDED = "already-decided"
REFUSALS = (UNKNOWN_QUOTE, EXPIRED, ALTERED, ALREADY_DECIDED)


def decision_id_of(quote_id: str, refused_event_id: str = "") -> str:
    """Id of the decision about a quote; a refusal has one per acceptance, so it never stands in for the one that holds.

    >>> decision_id_of("q-1") == decision_id_of("q-1"), decision_id_of("q-1") == decision_id_of("q-1", "e-9")
    (True, False)
    """
    text = f"{quote_id}\x00{refused_event_id}".encode()
    return hashlib.blake2b(text, digest_size=16, person=b"faretide-book").hexdigest()


def judge(
    acceptance: RideEventHappened, memory: QuoteMemory, *, appended_ms: int, acceptance_offset: int
) -> BookingJudged:
    """The decision about an acceptance appended at `appended_ms`; an amount or currency left out means as quoted.

    Changes nothing: `memory.record_decision` takes the decision in. Raises ValueError if the event is no acceptance.
    """
    if acceptance.kind is not RideEventKind.QUOTE_ACCEPTED:
        raise ValueError(f"kind must be QUOTE_ACCEPTED, got {acceptance.kind}")
    quote_id = acceptance.quote_id or ""
    quote = memory.find(quote_id)
    if quote is not None and (quote.rider_hash != quote_id_hash(acceptance.rider_id) or not quote.valid_until_ms):
        quote = None
    refusal = refusal_of(acceptance, quote, appended_ms)
    return BookingJudged(
        decision_id=decision_id_of(quote_id, acceptance.event_id if refusal else ""),
        quote_id=quote_id,
        ride_id=acceptance.ride_id,
        rider_id=acceptance.rider_id,
        outcome=BookingOutcome.REFUSED if refusal else BookingOutcome.ACCEPTED,
        refusal=refusal,
        at_ms=quote.booked_at_ms if quote and quote.ride_hash != UNDECIDED and not refusal else acceptance.at_ms,
        now_ms=appended_ms,
        zone=quote.zone if quote else 0,
        cell=quote.cell if quote else 0,
        product=quote.product if quote else "",
        currency=quote.currency if quote else "",
        amount_minor=quote.amount_minor if quote else 0,
        acceptance_offset=acceptance_offset,
        quote_offset=quote.offset if quote else -1,
    )


def refusal_of(acceptance: RideEventHappened, quote: RememberedQuote | None, appended_ms: int) -> str:
    """Code of the first rule that refuses the acceptance; empty if it stands. The lock's last millisecond holds.

    A ride that is booked stays booked: who accepts again because no decision came may do so after the lock.
    """
    if quote is None:
        return UNKNOWN_QUOTE
    booked = quote.ride_hash == quote_id_hash(acceptance.ride_id)
    if quote.ride_hash != UNDECIDED and not booked:
        return ALREADY_DECIDED
    if appended_ms > quote.valid_until_ms and not booked:
        return EXPIRED
    if acceptance.amount_minor not in {None, quote.amount_minor} or acceptance.currency not in {None, quote.currency}:
        return ALTERED
    return ""
