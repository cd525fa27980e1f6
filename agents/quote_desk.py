"""What one QUOTES worker knows: the newest tick of every zone, markets and policies, and what was answered already.

Ticks of all zones are known to every worker; answers only of the partitions it was assigned, read back from the topics
they stand in.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pricing.bookings import judge
from pricing.markets import MarketBook
from pricing.policy import PolicyBook
from pricing.prepared_tick import PreparedTick
from pricing.quote import QuoteContext, answer, quote_id_of
from pricing.quote_memory import QuoteMemory
from topics.events import QuoteRequested, RideEventHappened
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered, SurgeTicked

REMEMBERED_PER_PARTITION = 1 << 18


@dataclass(slots=True)
class AnsweredPartition:
    """What was answered in one partition number.

    `underway` are quote ids sent but not yet read back; `decided` the offsets of acceptances that have their decision;
    `early` the bookings read before their quote, since the two topics are read back side by side.
    """

    memory: QuoteMemory = field(default_factory=lambda: QuoteMemory(REMEMBERED_PER_PARTITION))
    underway: set[str] = field(default_factory=set)
    decided: dict[int, int] = field(default_factory=dict)
    early: dict[str, BookingJudged] = field(default_factory=dict)

    def has_answered(self, quote_id: str) -> bool:
        """Whether the request of that quote has its record, or will have."""
        return quote_id in self.underway or self.memory.has_answered(quote_id)

    def quote_read(self, quote: QuoteAnswered, offset: int) -> None:
        """Take in a record of `quotes.v1`, whoever wrote it, in order of offset."""
        self.memory.record(quote, offset)
        self.underway.discard(quote.quote_id)
        booking = self.early.pop(quote.quote_id, None)
        if booking is not None:
            self.memory.record_decision(booking)

    def decision_read(self, decision: BookingJudged) -> None:
        """Take in a record of `booking-decisions.v1`, whoever wrote it, in order of offset."""
        self.decided[decision.acceptance_offset] = decision.now_ms
        if self.memory.has_answered(decision.quote_id):
            self.memory.record_decision(decision)
        elif decision.outcome is BookingOutcome.ACCEPTED:
            self.early.setdefault(decision.quote_id, decision)

    def forget(self, appended_ms: int, decisions_before_ms: int) -> None:
        """Drop what nobody can ask for any more."""
        self.memory.forget_before(appended_ms)
        self.decided = {offset: at for offset, at in self.decided.items() if at >= decisions_before_ms}
        self.early = {quote_id: it for quote_id, it in self.early.items() if it.now_ms >= decisions_before_ms}


@dataclass(slots=True)
class QuoteDesk:
    """Answers requests and judges acceptances."""

    markets: MarketBook
    policies: PolicyBook
    ticks: dict[int, PreparedTick] = field(default_factory=dict)
    partitions: dict[int, AnsweredPartition] = field(default_factory=dict)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Begin with blank memories, to be read back before anything is answered."""
        self.partitions = {partition: AnsweredPartition() for partition in partitions}

    def tick_read(self, tick: SurgeTicked, partition: int, offset: int) -> None:
        """Take in a record of `surge.v1`; one of a lower epoch than the zone's newest is a zombie's."""
        known = self.ticks.get(tick.zone)
        if known is None or _epoch(tick) >= _epoch(known.tick):
            self.ticks[tick.zone] = PreparedTick(tick, partition, offset)

    def answer(
        self,
        partition: int,
        request: QuoteRequested,
        *,
        cell: int,
        zone: int,
        appended_ms: int,
        now_ms: int,
        offset: int,
    ) -> QuoteAnswered | None:
        """The answer to a request; None if it has one."""
        answered = self.partitions[partition]
        if answered.has_answered(quote_id_of(request.request_id)):
            return None
        market = self.markets.holding(cell, now_ms) if cell else None
        where = QuoteContext(
            cell=cell,
            zone=zone,
            market=market,
            policy=self.policies.at(market.name, now_ms) if market else None,
            tick=self.ticks.get(zone),
        )
        quote = answer(request, where, appended_ms=appended_ms, now_ms=now_ms, request_offset=offset)
        answered.underway.add(quote.quote_id)
        return quote

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


def _epoch(tick: SurgeTicked) -> tuple[int, int]:
    return tick.epoch_generation, tick.epoch_started_ms
