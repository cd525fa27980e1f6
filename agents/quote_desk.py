"""What one QUOTES worker knows: the newest tick of every zone, markets and policies, and what was answered already.

Ticks of all zones are known to every worker; answers only of the partitions it was assigned, read back from the topics
they stand in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np

from agents.runtime.broadcast import LastMs
from pricing.quotes.bookings import judge
from pricing.quotes.prepared_tick import PreparedTick
from pricing.quotes.quote import QuoteContext, answer, quote_id_of
from pricing.quotes.quote_memory import QuoteMemory, reach_ms
from pricing.quotes.quote_offers import AnswerValue, Asked, Offer, RoutingEngine, answer_values, offer_of, request_at
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.rules.policy_rules import RANGES
from topics.arrays import Int64s
from topics.columns import Columns
from topics.events import RideEventHappened
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered, SurgeTicked
from windows.hexagons import zone_of
from windows.panes import GRACE_MS

LONGEST_LOCK_MS = RANGES["lock_ms"][1]
DECIDED = ("quote_id", "ride_id", "outcome", "at_ms", "now_ms", "acceptance_offset")
"""Fields of a decision that are remembered; the others need not be read."""


class Booking(NamedTuple):
    """An acceptance that stood, made at event time `at_ms` and appended at `now_ms`."""

    ride_id: str
    at_ms: int
    now_ms: int


@dataclass(slots=True)
class AnsweredPartition:
    """What was answered in one partition number.

    `claimed` are ids of requests that wait for their answer, `underway` quote ids sent but not yet read back; `decided`
    the offsets of acceptances that have their decision; `early` the bookings read before their quote, since the two
    topics are read back side by side.
    """

    memory: QuoteMemory = field(default_factory=QuoteMemory)
    claimed: set[str] = field(default_factory=set)
    underway: set[str] = field(default_factory=set)
    decided: dict[int, int] = field(default_factory=dict)
    early: dict[str, Booking] = field(default_factory=dict)

    def has_answered(self, quote_id: str) -> bool:
        """Whether the request of that quote has its record, or will have."""
        return quote_id in self.underway or self.memory.has_answered(quote_id)

    def quote_read(self, quote: QuoteAnswered, offset: int) -> None:
        """Take in a record of `quotes.v1`, whoever wrote it, in order of offset."""
        self.memory.record(quote, offset)
        self.underway.discard(quote.quote_id)
        booking = self.early.pop(quote.quote_id, None)
        if booking is not None:
            self.memory.record_booking(quote.quote_id, booking.ride_id, booking.at_ms)

    def quotes_read(self, quotes: Columns, offsets: Int64s) -> None:
        """Take in a chunk of records of `quotes.v1`, each as `quote_read` would; `offsets` are of all its values."""
        self.memory.record_all(quotes, offsets)
        quote_ids = quotes.texts("quote_id")
        self.underway.difference_update(quote_ids)
        for quote_id in self.early.keys() & quote_ids if self.early else ():
            booking = self.early.pop(quote_id)
            self.memory.record_booking(quote_id, booking.ride_id, booking.at_ms)

    def decision_read(self, decision: BookingJudged) -> None:
        """Take in a record of `booking-decisions.v1`, whoever wrote it, in order of offset."""
        self.decided[decision.acceptance_offset] = decision.now_ms
        if decision.outcome is BookingOutcome.ACCEPTED:
            self._booked(decision.quote_id, Booking(decision.ride_id, decision.at_ms, decision.now_ms))

    def decisions_read(self, decisions: Columns) -> None:
        """Take in a chunk of records of `booking-decisions.v1`, each as `decision_read` would, with the fields DECIDED.

        Decoding included, this costs a sixth of what it does object by object.
        """
        now_ms = decisions.ints("now_ms")
        self.decided.update(zip(decisions.ints("acceptance_offset").tolist(), now_ms.tolist(), strict=True))
        stood = np.flatnonzero(decisions.is_symbol("outcome", BookingOutcome.ACCEPTED))
        times = decisions.ints("at_ms")[stood].tolist(), now_ms[stood].tolist()
        quote_ids, ride_ids = (decisions.texts(name, stood) for name in ("quote_id", "ride_id"))
        for quote_id, *booking in zip(quote_ids, ride_ids, *times, strict=True):
            self._booked(quote_id, Booking(*booking))

    def _booked(self, quote_id: str, booking: Booking) -> None:
        if not self.memory.record_booking(quote_id, booking.ride_id, booking.at_ms):
            self.early.setdefault(quote_id, booking)

    def forget(self, appended_ms: int, decisions_before_ms: int) -> None:
        """Drop what nobody can ask for any more."""
        self.memory.forget_before(appended_ms)
        self.decided = {offset: at for offset, at in self.decided.items() if at >= decisions_before_ms}
        self.early = {quote_id: it for quote_id, it in self.early.items() if it.now_ms >= decisions_before_ms}


@dataclass(slots=True)
class QuoteDesk:
    """Answers requests and judges acceptances; without an `engine` rides are estimated.

    `offers` are by zone, and go with the tick they were made from: one seldom asked for would keep its tick for good.
    """

    markets: MarketBook
    policies: PolicyBook
    engine: RoutingEngine | None = None
    ticks: dict[int, PreparedTick] = field(default_factory=dict)
    partitions: dict[int, AnsweredPartition] = field(default_factory=dict)
    offers: dict[int, dict[tuple[int, str], Offer]] = field(default_factory=dict)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Begin with blank memories, to be read back before anything is answered."""
        self.partitions = {partition: AnsweredPartition() for partition in partitions}

    def tick_read(self, tick: SurgeTicked, partition: int, offset: int) -> None:
        """Take in a record of `surge.v1`; one of a lower epoch than the zone's newest is a zombie's."""
        known = self.ticks.get(tick.zone)
        if known is None or _epoch(tick) >= _epoch(known.tick):
            self.ticks[tick.zone] = PreparedTick(tick, partition, offset)
            self.offers.pop(tick.zone, None)

    def claim(self, asked: Asked) -> list[int]:
        """Rows of the requests whose id does not wait for its answer yet; they do from now on, until `answer_all`."""
        rows = []
        for row, (partition, request_id) in enumerate(zip(asked.partition, asked.request_id, strict=True)):
            claimed = self.partitions[partition].claimed
            if request_id not in claimed:
                claimed.add(request_id)
                rows.append(row)
        return rows

    def answer_all(self, asked: Asked, *, frame: bytes, now_ms: int) -> list[AnswerValue | QuoteAnswered | None]:
        """The answer to each request at `now_ms`; None if it has one.

        All but those refused are bytes: `answer_values` equals `answer` encoded. The few others go through `answer`.
        """
        answered: list[AnswerValue | QuoteAnswered | None] = []
        offers = partial(self._offer, now_ms=now_ms)
        coded = answer_values(asked, offers, frame=frame, now_ms=now_ms, engine=self.engine)
        for place, (partition, request_id) in enumerate(zip(asked.partition, asked.request_id, strict=True)):
            known, made = self.partitions[partition], coded[place]
            known.claimed.discard(request_id)
            quote_id = made.quote_id if made else quote_id_of(request_id)
            if known.has_answered(quote_id):
                answered.append(None)
                continue
            known.underway.add(quote_id)
            answered.append(made or self._refused(asked, place, now_ms))
        return answered

    def _refused(self, asked: Asked, place: int, now_ms: int) -> QuoteAnswered:
        request, appended_ms, offset = request_at(asked, place)
        where = self._where(asked.cell[place], now_ms)
        return answer(request, where, appended_ms=appended_ms, now_ms=now_ms, request_offset=offset)

    def _offer(self, cell: int, product: str, *, now_ms: int) -> Offer | None:
        """The offer known, or made anew where tick, policy, market or the tick's age have moved on."""
        where = self._where(cell, now_ms)
        known = self.offers.get(where.zone, {}).get((cell, product))
        if known is not None and known.holds(where, now_ms):
            return known
        made = offer_of(where, product, now_ms)
        if made is not None:
            self.offers.setdefault(where.zone, {})[cell, product] = made
        return made

    def _where(self, cell: int, now_ms: int) -> QuoteContext:
        market = self.markets.holding(cell, now_ms) if cell else None
        zone = zone_of(cell) if cell else 0
        return QuoteContext(
            cell=cell,
            zone=zone,
            market=market,
            policy=self.policies.at(market.name, now_ms) if market else None,
            tick=self.ticks.get(zone),
        )

    def judge(
        self, partition: int, acceptance: RideEventHappened, *, appended_ms: int, offset: int
    ) -> BookingJudged | None:
        """The decision about an acceptance; None if it has one."""
        answered = self.partitions[partition]
        if offset in answered.decided:
            return None
        decision = judge(acceptance, answered.memory, appended_ms=appended_ms, acceptance_offset=offset)
        answered.decision_read(decision)
        return decision


def answers_back(stamp_ms: int | None, longest_lock_ms: int) -> LastMs:
    """From where to read answers back if all that was appended before `stamp_ms` is judged; None if nothing was.

    What is left to judge can ask for no earlier ones. If much is left they are bounded all the same: an assignment must
    begin within 27 s.
    """
    since_ms = stamp_ms - reach_ms(longest_lock_ms) if stamp_ms else 0
    return LastMs(LONGEST_LOCK_MS + GRACE_MS, max(0, since_ms))


def _epoch(tick: SurgeTicked) -> tuple[int, int]:
    return tick.epoch_generation, tick.epoch_started_ms
