"""The one answer to a quote request: priced and locked, expired, or refused with its reason.

    deadline = min(what the client says, at_ms + 30 s)
    refused    from-the-future · bad-coordinates · outside-every-market · unknown-product · same-place · too-far
    expired    now is after the deadline
    priced     fare(request) x multiplier of the pickup's cell

No model runs here. Ids derive from the request's id, so a request answered twice gets one quote.
"""

import hashlib
from dataclasses import dataclass

from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quoted_multiplier import quoted_multiplier
from pricing.rules.driver_pay import driver_pay, pay_terms
from pricing.rules.fares import amount_of, fare_lines
from pricing.rules.markets import Market
from pricing.rules.policy import Policy
from pricing.rules.routes import Route, great_circle_m, route_of
from topics.events import QuoteRequested
from topics.prices import QuoteAnswered, QuoteOutcome
from windows.panes import is_from_future

LONGEST_DEADLINE_MS = 30_000
LONGEST_RIDE_M = 300_000
SAME_PLACE_M = 1.0

FROM_THE_FUTURE = "from-the-future"
BAD_COORDINATES = "bad-coordinates"
OUTSIDE = "outside-every-market"
UNKNOWN_PRODUCT = "unknown-product"
SAME_PLACE = "same-place"
TOO_FAR = "too-far"
REFUSALS = (FROM_THE_FUTURE, BAD_COORDINATES, OUTSIDE, UNKNOWN_PRODUCT, SAME_PLACE, TOO_FAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteContext:
    """What is known where the request starts: all but the request itself.

    `cell` and `zone` hold the pickup, both 0 if its coordinates are none. `market` is the one in force there, None if
    there is none; `policy` rules it and must be given with it. `tick` is the zone's newest acknowledged one.
    `route` is what a routing engine says of the ride; None for the estimate of `rules.routes`.
    """

    cell: int
    zone: int
    market: Market | None
    policy: Policy | None
    tick: PreparedTick | None
    route: Route | None = None


def quote_id_of(request_id: str) -> str:
    """Id of the quote that answers the request: 32 hexadecimal digits.

    >>> quote_id_of("r-1") == quote_id_of("r-1"), len(quote_id_of("r-1"))
    (True, 32)
    """
    return hashlib.blake2b(request_id.encode(), digest_size=16, person=b"faretide-quote").hexdigest()


def quote_id_hash(quote_id: str) -> int:
    """A 64-bit hash of any string given as a quote id, as a signed integer, for the memory of one process.

    Python's own (SipHash, keyed anew in each process): nobody outside can make two ids share one, and it takes 0.07 µs
    where a cryptographic one takes 0.6.
    """
    return hash(quote_id)


def deadline_of(request: QuoteRequested) -> int:
    """After this instant an answer is of no use, epoch milliseconds."""
    latest = request.at_ms + LONGEST_DEADLINE_MS
    return latest if request.deadline_ms is None else min(request.deadline_ms, latest)


def answer(
    request: QuoteRequested, where: QuoteContext, *, appended_ms: int, now_ms: int, request_offset: int
) -> QuoteAnswered:
    """The answer at `now_ms` to a request the broker appended at `appended_ms`; every request gets one."""
    far_m = distance_m(request.pickup_lat, request.pickup_lon, request.dropoff_lat, request.dropoff_lon)
    refusal = _refusal(request, where, far_m, appended_ms)
    if refusal:
        return _unpriced(
            request, where, QuoteOutcome.REFUSED, refusal=refusal, now_ms=now_ms, request_offset=request_offset
        )
    if now_ms > deadline_of(request):
        return _unpriced(request, where, QuoteOutcome.EXPIRED, refusal="", now_ms=now_ms, request_offset=request_offset)
    assert where.market is not None
    assert where.policy is not None
    return _priced(
        request, where, where.market, where.policy, far_m=far_m, now_ms=now_ms, request_offset=request_offset
    )


def distance_m(lat: float, lon: float, to_lat: float, to_lon: float) -> float:
    """Distance of the ride's ends, metres; negative if one of them is not on earth."""
    # Chained comparisons are false for NaN.
    if not (-90.0 <= lat <= 90.0 and -90.0 <= to_lat <= 90.0 and -180.0 <= lon <= 180.0 and -180.0 <= to_lon <= 180.0):
        return -1.0
    return great_circle_m(lat, lon, to_lat, to_lon)


def _refusal(request: QuoteRequested, where: QuoteContext, far_m: float, appended_ms: int) -> str:
    """Code of the first rule that refuses the request; empty if none does."""
    if is_from_future(request.at_ms, appended_ms):
        return FROM_THE_FUTURE
    if far_m < 0.0:
        return BAD_COORDINATES
    if where.market is None or where.policy is None or where.cell not in where.market.jurisdiction_of:
        return OUTSIDE
    if request.product not in where.market.product_index:
        return UNKNOWN_PRODUCT
    if far_m < SAME_PLACE_M:
        return SAME_PLACE
    return TOO_FAR if far_m > LONGEST_RIDE_M else ""


def _unpriced(
    request: QuoteRequested,
    where: QuoteContext,
    outcome: QuoteOutcome,
    *,
    refusal: str,
    now_ms: int,
    request_offset: int,
) -> QuoteAnswered:
    return QuoteAnswered(
        quote_id=quote_id_of(request.request_id),
        request_id=request.request_id,
        rider_id=request.rider_id,
        outcome=outcome,
        refusal=refusal,
        at_ms=request.at_ms,
        now_ms=now_ms,
        market=where.market.name if where.market else "",
        product=request.product,
        zone=where.zone,
        cell=where.cell,
        request_offset=request_offset,
        policy_offset=where.policy.offset if where.policy else -1,
        markets_offset=where.market.offset if where.market else -1,
    )


def _priced(
    request: QuoteRequested,
    where: QuoteContext,
    market: Market,
    policy: Policy,
    *,
    far_m: float,
    now_ms: int,
    request_offset: int,
) -> QuoteAnswered:
    """The record of a fare. Longer than house size: each of its fields is named once, beside what it is made of."""
    quoted = quoted_multiplier(
        where.tick,
        policy,
        cell=where.cell,
        product=request.product,
        jurisdiction=market.jurisdiction_of[where.cell],
        now_ms=now_ms,
    )
    route = where.route or route_of(far_m, market.km_per_h_at(request.at_ms))
    lines = fare_lines(market.products[market.product_index[request.product]], route, quoted.hundredths)
    terms = pay_terms(
        market,
        policy,
        product=request.product,
        jurisdiction=market.jurisdiction_of[where.cell],
        multiplier_hundredths=quoted.hundredths,
    )
    tick = where.tick if quoted.eta_s >= 0 else None
    return QuoteAnswered(
        quote_id=quote_id_of(request.request_id),
        request_id=request.request_id,
        rider_id=request.rider_id,
        outcome=QuoteOutcome.PRICED,
        at_ms=request.at_ms,
        now_ms=now_ms,
        valid_until_ms=now_ms + policy.rules.lock_ms,
        market=market.name,
        product=request.product,
        zone=where.zone,
        cell=where.cell,
        currency=market.currency,
        amount_minor=amount_of(lines),
        multiplier_hundredths=quoted.hundredths,
        distance_m=route.distance_m,
        duration_s=route.duration_s,
        eta_s=quoted.eta_s,
        breakdown=lines,
        reasons=quoted.reasons,
        fallback=quoted.fallback,
        request_offset=request_offset,
        tick_partition=tick.partition if tick else -1,
        tick_offset=tick.offset if tick else -1,
        tick_now_ms=tick.tick.now_ms if tick else 0,
        policy_offset=policy.offset,
        markets_offset=market.offset,
        idle_near_milli=quoted.idle_near_milli,
        model_fallbacks=quoted.model_fallbacks,
        driver_pay=driver_pay(terms, lines),
        route_source=route.source,
    )
