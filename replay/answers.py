"""Every quote and booking decision of one rider partition made again, from what each names.

A quote names its request, tick, policy and market and the instant of its making; a decision names the ride event and
the quote it found. The first record of a quote id binds, and the first decision about an acceptance: others are repeats
of a worker that came back, and are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pricing.quotes.bookings import judge
from pricing.quotes.quote import QuoteContext, answer
from pricing.quotes.quote_memory import QuoteMemory
from pricing.rules.routes import Route
from replay.archive import Archive
from replay.contracts import Contracts
from replay.control import ControlHistory, NotHeldError
from replay.outputs import Ticks
from replay.records import Cursor, Raw, Recent
from replay.verdict import Unread
from topics.catalogue import BOOKING_DECISIONS, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS, SURGE, Topic
from topics.events import QuoteRequested
from topics.prices import BookingJudged, QuoteAnswered
from windows.hexagons import cells_of, zone_of

REACH_MS = 11 * 60_000
"""Longer than a lock or a deadline and its grace: how far back quotes, requests and decisions are looked up."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AnswerAgain:
    """One quote or decision of the log: as recorded, and as made again.

    `own` is None where it only warms up or could not be made, then `problem` says why. `is_older` if that is because it
    names what is older than all that is held, or than what is looked back for.
    """

    topic: Topic
    raw: Raw
    recorded: Any
    own: Any = None
    request: QuoteRequested | None = None
    problem: str = ""
    is_older: bool = False


@dataclass(slots=True)
class AnswerLog:
    """Makes the quotes and decisions of one partition again; counts the repeats passed over."""

    archive: Archive
    contracts: Contracts
    control: ControlHistory
    ticks: Ticks
    number: int
    quote_repeats: int = 0
    decision_repeats: int = 0
    _requests: Recent = field(init=False)
    _events: Recent = field(init=False)
    _quotes: Cursor = field(init=False)
    _known: dict[int, tuple[int, QuoteAnswered]] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)
    _judged: dict[int, int] = field(default_factory=dict)
    _memory: QuoteMemory = field(default_factory=QuoteMemory)
    _forgotten: int = -1

    def __post_init__(self) -> None:
        self._requests = Recent(self.archive.log(QUOTE_REQUESTS.name, self.number), 2 * REACH_MS)
        self._events = Recent(self.archive.log(RIDE_EVENTS.name, self.number), 2 * REACH_MS)
        self._quotes = Cursor(self.archive.log(QUOTES.name, self.number))

    def answers(self, *, judge_again: bool) -> Iterator[AnswerAgain | Unread]:
        """The effective quotes and, unless only they are wanted, decisions, those that warm up included."""
        if judge_again:
            for raw in self.archive.log(BOOKING_DECISIONS.name, self.number):
                decision = self.contracts.decode(BOOKING_DECISIONS, raw.value)
                if decision is None:
                    yield from self._unread(BOOKING_DECISIONS, raw)
                    continue
                yield from self._quotes_of(self._quotes.before(raw.appended_ms))
                yield from self._quotes_of(self._quotes.through(decision.quote_offset))
                if decision.acceptance_offset in self._judged:
                    self.decision_repeats += 1
                    continue
                self._judged[decision.acceptance_offset] = raw.appended_ms
                _forget(self._judged, raw.appended_ms - REACH_MS)
                again = self._decision(raw, decision)
                self._memory.forget_before(raw.appended_ms - REACH_MS)
                yield again
        yield from self._quotes_of(self._quotes.through(1 << 62))

    # ---- quotes

    def _quotes_of(self, records: Iterator[Raw]) -> Iterator[AnswerAgain | Unread]:
        for raw in records:
            quote = self.contracts.decode(QUOTES, raw.value)
            if quote is None:
                yield from self._unread(QUOTES, raw)
                continue
            if quote.quote_id in self._seen:
                self.quote_repeats += 1
                continue
            self._seen[quote.quote_id] = raw.appended_ms
            again = self._quote(raw, quote)
            self._known[raw.offset] = raw.appended_ms, again.own or quote
            self._forget_before(raw.appended_ms - REACH_MS)
            yield again

    def _quote(self, raw: Raw, quote: QuoteAnswered) -> AnswerAgain:
        if not self._is_wanted(raw, quote.zone):
            return AnswerAgain(topic=QUOTES, raw=raw, recorded=quote)
        try:
            request, asked_ms = self._request(quote.request_offset)
            own = answer(
                request,
                self._where(request, quote),
                appended_ms=asked_ms,
                now_ms=quote.now_ms,
                request_offset=quote.request_offset,
            )
        except NotHeldError as error:
            return AnswerAgain(topic=QUOTES, raw=raw, recorded=quote, problem=str(error), is_older=error.is_older)
        return AnswerAgain(topic=QUOTES, raw=raw, recorded=quote, own=own, request=request)

    def _request(self, offset: int) -> tuple[QuoteRequested, int]:
        """The request at that offset and when it was appended. Raises NotHeldError."""
        raw = self._requests.at(offset)
        request: QuoteRequested | None = None if raw is None else self.contracts.decode(QUOTE_REQUESTS, raw.value)
        if raw is None or request is None:
            raise self._not_held("request", QUOTE_REQUESTS, self.number, offset)
        return request, raw.appended_ms

    def _where(self, request: QuoteRequested, quote: QuoteAnswered) -> QuoteContext:
        """What the worker knew by the offsets the quote names. Raises NotHeldError."""
        cell = cell_of(request)
        market = self.control.market(quote.markets_offset) if quote.markets_offset >= 0 else None
        tick = self.ticks.at(quote.tick_partition, quote.tick_offset) if quote.tick_offset >= 0 else None
        if tick is None and quote.tick_offset >= 0:
            raise self._not_held("tick", SURGE, quote.tick_partition, quote.tick_offset)
        return QuoteContext(
            cell=cell,
            zone=zone_of(cell) if cell else 0,
            market=market,
            policy=self.control.policy(market.name, quote.policy_offset) if market else None,
            tick=tick,
            route=Route(quote.distance_m, quote.duration_s, quote.route_source) if quote.route_source else None,
        )

    # ---- decisions

    def _decision(self, raw: Raw, decision: BookingJudged) -> AnswerAgain:
        """The judgement by the quote the decision found, and by the decisions before it."""
        offset = decision.quote_offset
        if offset in self._known:
            self._memory.record(self._known[offset][1], offset)
        if not self._is_wanted(raw, decision.zone):
            self._memory.record_decision(decision)
            return AnswerAgain(topic=BOOKING_DECISIONS, raw=raw, recorded=decision)
        try:
            own = self._judged_again(decision)
        except NotHeldError as error:
            return AnswerAgain(
                topic=BOOKING_DECISIONS, raw=raw, recorded=decision, problem=str(error), is_older=error.is_older
            )
        self._memory.record_decision(own)
        return AnswerAgain(topic=BOOKING_DECISIONS, raw=raw, recorded=decision, own=own)

    def _judged_again(self, decision: BookingJudged) -> BookingJudged:
        """The acceptance judged by what is remembered.

        Raises NotHeldError, also where the decision would be another one and its quote is too old to be remembered.
        """
        offset = decision.acceptance_offset
        event = self._events.at(offset)
        acceptance = None if event is None else self.contracts.decode(RIDE_EVENTS, event.value)
        if event is None or acceptance is None:
            raise self._not_held("acceptance", RIDE_EVENTS, self.number, offset)
        try:
            own = judge(acceptance, self._memory, appended_ms=event.appended_ms, acceptance_offset=offset)
        except ValueError as error:
            raise NotHeldError(f"{RIDE_EVENTS.name} {self.number}@{offset} is no acceptance: {error}") from None
        if own != decision and self._is_forgotten(decision.quote_offset):
            named = f"{QUOTES.name} {self.number}@{decision.quote_offset}"
            raise NotHeldError(f"the quote, {named}, is not held", is_older=True)
        return own

    def _is_forgotten(self, quote_offset: int) -> bool:
        is_old = quote_offset <= self._forgotten or self.archive.about.is_older(QUOTES.name, self.number, quote_offset)
        return quote_offset >= 0 and is_old and quote_offset not in self._known

    def _not_held(self, what: str, topic: Topic, number: int, offset: int) -> NotHeldError:
        return NotHeldError(
            f"the {what}, {topic.name} {number}@{offset}, is not held",
            is_older=self.archive.about.is_older(topic.name, number, offset),
        )

    def _unread(self, topic: Topic, raw: Raw) -> Iterator[Unread]:
        if raw.appended_ms >= self.archive.about.from_ms:
            yield Unread(topic=topic, raw=raw)

    def _is_wanted(self, raw: Raw, zone: int) -> bool:
        about = self.archive.about
        return raw.appended_ms >= about.from_ms and (not about.zones or zone in about.zones)

    def _forget_before(self, appended_ms: int) -> None:
        _forget(self._seen, appended_ms)
        while self._known and next(iter(self._known.values()))[0] < appended_ms:
            self._forgotten = next(iter(self._known))
            del self._known[self._forgotten]


def _forget(seen: dict[Any, int], before_ms: int) -> None:
    """Drop the oldest entries; they stand in order of time."""
    while seen and next(iter(seen.values())) < before_ms:
        del seen[next(iter(seen))]


def cell_of(request: QuoteRequested) -> int:
    """Cell of the pickup; 0 where the coordinates are none."""
    lat, lon = request.pickup_lat, request.pickup_lon
    if not (-90.0 <= lat <= 90.0 and -180.0 <= lon <= 180.0):
        return 0
    return int(cells_of(np.array([lat]), np.array([lon]))[0])
