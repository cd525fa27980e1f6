"""What all requests for one product in one cell have in common, found once, and the quotes made from it.

A chunk of requests is answered in one pass. Each that is priced or came too late becomes the bytes of its record; those
refused, and they are few, go the long way through `quotes.quote`, which is also what these bytes must equal.

    request ──> offer of its cell and product? ──> distance ──> deadline ──> route, fare lines ──> bytes
                     none                        out of bounds     └── passed ──────────────────────┘
                       └────── pricing.quotes.quote.answer ──────┘
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quote import (
    LONGEST_DEADLINE_MS,
    LONGEST_RIDE_M,
    SAME_PLACE_M,
    QuoteContext,
    distance_m,
    quote_id_of,
)
from pricing.quotes.quote_values import (
    EXPIRED,
    NO_FARE,
    NO_PAY,
    NO_SOURCE,
    PRICED,
    fallbacks_of,
    lines_of,
    long_of,
    reasons_of,
    text_of,
    text_of_name,
)
from pricing.quotes.quoted_multiplier import NO_TICK, STALE_TICK, quoted_multiplier
from pricing.rules.driver_pay import PayTerms, driver_pay, pay_terms
from pricing.rules.fares import amount_of, fare_lines
from pricing.rules.markets import Market
from pricing.rules.policy import Policy
from pricing.rules.routes import Route, route_of
from topics.control import Product
from topics.events import QuoteRequested
from topics.prices import QuoteOutcome
from windows.panes import is_from_future

_FOR_EVER_MS = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Offer:
    """Multiplier and product of one cell by one tick, policy and market, good until `until_ms`.

    The bytes are fields of the record, in the order of `quotes.quote_values`: market to currency in `place`, reasons
    and fallback in `why`, tick offset to models that fell back in `sources`. `pay` are the driver's terms. Of an answer
    that comes too late `late` are the fields before the request's offset, `late_sources` those after it.
    """

    market: Market
    policy: Policy
    tick: PreparedTick | None
    until_ms: int
    product: Product
    hundredths: int
    fallback: str
    place: bytes
    multiplier: bytes
    eta: bytes
    why: bytes
    sources: bytes
    late: bytes
    late_sources: bytes
    pay: PayTerms

    def holds(self, where: QuoteContext, now_ms: int) -> bool:
        """Whether it is still what `where` offers at `now_ms`."""
        same = self.tick is where.tick and self.policy is where.policy and self.market is where.market
        return same and now_ms <= self.until_ms


def offer_of(where: QuoteContext, product: str, now_ms: int) -> Offer | None:
    """What `where` offers at `now_ms`; None if every request for the product there is refused."""
    market, policy = where.market, where.policy
    if market is None or policy is None or where.cell not in market.jurisdiction_of:
        return None
    if product not in market.product_index:
        return None
    quoted = quoted_multiplier(
        where.tick,
        policy,
        cell=where.cell,
        product=product,
        jurisdiction=market.jurisdiction_of[where.cell],
        now_ms=now_ms,
    )
    tick = where.tick if quoted.eta_s >= 0 else None
    named = (tick.partition, tick.offset, tick.tick.now_ms) if tick else (-1, -1, 0)
    place = b"".join((text_of_name(market.name), text_of_name(product), long_of(where.zone), long_of(where.cell)))
    terms = long_of(policy.offset) + long_of(market.offset)
    return Offer(
        market=market,
        policy=policy,
        tick=where.tick,
        until_ms=_until(where.tick, policy, quoted.fallback, now_ms),
        product=market.products[market.product_index[product]],
        hundredths=quoted.hundredths,
        fallback=quoted.fallback,
        place=place + text_of_name(market.currency),
        multiplier=long_of(quoted.hundredths),
        eta=long_of(quoted.eta_s),
        why=reasons_of(quoted.reasons) + text_of_name(quoted.fallback),
        sources=b"".join(
            (
                *map(long_of, named),
                terms,
                long_of(quoted.idle_near_milli),
                fallbacks_of(quoted.model_fallbacks),
            )
        ),
        late=long_of(0) + place + NO_FARE,
        late_sources=NO_SOURCE + terms + NO_PAY,
        pay=pay_terms(
            market,
            policy,
            product=product,
            jurisdiction=market.jurisdiction_of[where.cell],
            multiplier_hundredths=quoted.hundredths,
        ),
    )


def _until(tick: PreparedTick | None, policy: Policy, fallback: str, now_ms: int) -> int:
    """Until when age changes nothing: while the tick is held; one that steps down is another at every instant."""
    if tick is None or fallback == NO_TICK:
        return _FOR_EVER_MS
    return now_ms if fallback == STALE_TICK else tick.tick.now_ms + policy.rules.stale_hold_ms


class RoutingEngine(Protocol):
    """What may know rides better than the estimate of `rules.routes`: a road network, a feed of traffic."""

    def route(
        self, pickup: tuple[float, float], dropoff: tuple[float, float], at_ms: int, market: Market
    ) -> Route | None:
        """The ride between two points (latitude, longitude) that begins at `at_ms`; None for the estimate.

        Asked for every request on the event loop, so it answers from memory, in microseconds. Its name stands in
        `Route.source` and in the quote with what it said: a replay needs no engine.
        """


class Asked(NamedTuple):
    """A chunk of requests in columns, one entry each; `cell` is 0 where the pickup's coordinates are none.

    `partition` and `offset` say where each stands, `deadline_ms` is None where the client named none.
    """

    partition: list[int]
    offset: list[int]
    appended_ms: list[int]
    request_id: list[str]
    rider_id: list[str]
    at_ms: list[int]
    pickup_lat: list[float]
    pickup_lon: list[float]
    dropoff_lat: list[float]
    dropoff_lon: list[float]
    product: list[str]
    deadline_ms: list[int | None]
    cell: list[int]


def request_at(asked: Asked, place: int) -> tuple[QuoteRequested, int, int]:
    """One request of a chunk as an object, with its append time and offset."""
    names = ("request_id", "rider_id", "at_ms", "pickup_lat", "pickup_lon", "dropoff_lat", "dropoff_lon", "product",
             "deadline_ms")  # fmt: skip
    request = QuoteRequested(**{name: getattr(asked, name)[place] for name in names})
    return request, asked.appended_ms[place], asked.offset[place]


class AnswerValue(NamedTuple):
    """One answer, ready to be published."""

    quote_id: str
    outcome: QuoteOutcome
    fallback: str
    value: bytes


def answer_values(
    asked: Asked,
    offers: Callable[[int, str], Offer | None],
    *,
    frame: bytes,
    now_ms: int,
    engine: RoutingEngine | None = None,
) -> list[AnswerValue | None]:
    """The answer to each request at `now_ms`, priced or expired; None where it is refused.

    `offers(cell, product)` is what holds at `now_ms`; `frame` begins every value. Without an `engine`, and where it
    knows no way, rides are estimated.
    """
    known: dict[tuple[int, str], Offer | None] = {}
    made: list[AnswerValue | None] = []
    for _, offset, appended_ms, request_id, rider_id, at_ms, lat, lon, to_lat, to_lon, product, wanted_ms, cell in zip(
        *asked, strict=True
    ):
        key = (cell, product)
        if key not in known:
            known[key] = offers(cell, product)
        offer = known[key]
        far_m = distance_m(lat, lon, to_lat, to_lon)
        if offer is None or not SAME_PLACE_M <= far_m <= LONGEST_RIDE_M or is_from_future(at_ms, appended_ms):
            made.append(None)
            continue
        quote_id = quote_id_of(request_id)
        ids = frame, text_of(quote_id), text_of(request_id), text_of(rider_id)
        latest_ms = at_ms + LONGEST_DEADLINE_MS
        if wanted_ms is not None and wanted_ms < latest_ms:
            latest_ms = wanted_ms
        if now_ms > latest_ms:
            value = _expired(offer, ids, at_ms=at_ms, now_ms=now_ms, request_offset=offset)
            made.append(AnswerValue(quote_id, QuoteOutcome.EXPIRED, "", value))
            continue
        market = offer.market
        route = engine.route((lat, lon), (to_lat, to_lon), at_ms, market) if engine else None
        route = route or route_of(far_m, market.km_per_h_at(at_ms))
        value = _priced(offer, ids, route, at_ms=at_ms, now_ms=now_ms, request_offset=offset)
        made.append(AnswerValue(quote_id, QuoteOutcome.PRICED, offer.fallback, value))
    return made


def _expired(offer: Offer, ids: Sequence[bytes], *, at_ms: int, now_ms: int, request_offset: int) -> bytes:
    """The value of an answer that comes too late; `ids` are frame, quote, request and rider."""
    instants = long_of(at_ms), long_of(now_ms)
    return b"".join((*ids, EXPIRED, *instants, offer.late, long_of(request_offset), offer.late_sources))


def _priced(offer: Offer, ids: Sequence[bytes], route: Route, *, at_ms: int, now_ms: int, request_offset: int) -> bytes:
    """The value of a priced answer."""
    lines = fare_lines(offer.product, route, offer.hundredths)
    return b"".join(
        (
            *ids,
            PRICED,
            long_of(at_ms),
            long_of(now_ms),
            long_of(now_ms + offer.policy.rules.lock_ms),
            offer.place,
            long_of(amount_of(lines)),
            offer.multiplier,
            long_of(route.distance_m),
            long_of(route.duration_s),
            offer.eta,
            lines_of(lines),
            offer.why,
            long_of(request_offset),
            offer.sources,
            lines_of(driver_pay(offer.pay, lines)),
            text_of_name(route.source),
        )
    )
