"""Events of one ride, made with fresh ids and the clock of this process."""

import time
from uuid import uuid4

from topics.events import QuoteRequested, RideEventHappened, RideEventKind
from topics.prices import QuoteAnswered, QuoteOutcome

LatLon = tuple[float, float]


def now_ms() -> int:
    """Epoch milliseconds UTC."""
    return time.time_ns() // 1_000_000


def new_request(rider_id: str, pickup: LatLon, dropoff: LatLon, *, product: str = "standard") -> QuoteRequested:
    """A request made now, with an id of its own; places are latitude and longitude in degrees."""
    return QuoteRequested(
        request_id=str(uuid4()),
        rider_id=rider_id,
        at_ms=now_ms(),
        pickup_lat=pickup[0],
        pickup_lon=pickup[1],
        dropoff_lat=dropoff[0],
        dropoff_lon=dropoff[1],
        product=product,
    )


def acceptance_of(quote: QuoteAnswered, ride_id: str, at_ms: int) -> RideEventHappened:
    """The rider takes the offer for `ride_id`. The same ride accepting again has the same event id.

    Raises ValueError unless the quote is priced: there is nothing else to accept.

    >>> priced = QuoteAnswered(quote_id="q", request_id="r", rider_id="a", outcome=QuoteOutcome.PRICED, at_ms=1,
    ...     now_ms=2, product="xl", currency="USD", amount_minor=900, request_offset=0)
    >>> acceptance_of(priced, "ride-1", 3).event_id
    'ride-1-accepted'
    """
    if quote.outcome is not QuoteOutcome.PRICED:
        raise ValueError(f"quote must be PRICED to be accepted, got {quote.outcome} {quote.refusal}".rstrip())
    return RideEventHappened(
        event_id=f"{ride_id}-accepted",
        rider_id=quote.rider_id,
        ride_id=ride_id,
        kind=RideEventKind.QUOTE_ACCEPTED,
        at_ms=at_ms,
        quote_id=quote.quote_id,
        amount_minor=quote.amount_minor,
        currency=quote.currency,
    )
