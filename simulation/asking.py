"""Riders who wait for a price.

Each request ends in exactly one way: priced in time, priced late, expired, refused, or unanswered. The deadline ends
the rider's patience; the city listens a grace longer, since "expired" can only be said after the deadline.

    asked ────────────── deadline ───── + grace
      │ priced: rider decides │ late, expired │ unanswered from here on; a later answer is not counted
"""

from collections import deque
from dataclasses import dataclass

from simulation.choices import accepted_share
from simulation.plan import CityPlan
from simulation.summary import Tally
from topics.prices import QuoteAnswered, QuoteOutcome

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rider:
    """One who asked: points in metres, instants in epoch ms UTC, `product` a number in the plan's product shares."""

    number: int
    request_id: str
    rider_id: str
    intended_ms: int
    deadline_ms: int
    pickup: Point
    dropoff: Point
    product: int
    mood: float
    think_ms: int
    regret: float


class Asking:
    """Requests without an answer yet, at most those of one patience and grace."""

    def __init__(self, plan: CityPlan, tally: Tally) -> None:
        self._plan = plan
        self._tally = tally
        self._open: dict[str, Rider] = {}
        self._order: deque[Rider] = deque()  # patience is the same for all: oldest deadline first

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, rider: Rider, *, now_ms: int) -> None:
        """Wait for the answer to a request sent at `now_ms`."""
        self._open[rider.request_id] = rider
        self._order.append(rider)
        self._tally.sent += 1
        self._tally.slippage.observe(now_ms - rider.intended_ms)

    def answered(self, quote: QuoteAnswered, *, now_ms: int) -> Rider | None:
        """The rider, if they take the offer. Repeated answers and those to nobody here are passed over."""
        rider = self._open.pop(quote.request_id, None)
        if rider is None:
            return None
        self._tally.latency.observe(now_ms - rider.intended_ms)
        if quote.outcome != QuoteOutcome.PRICED:
            self._count_unpriced(quote)
            return None
        self._tally.surged += quote.multiplier_hundredths > 100
        self._tally.multiplier_hundredths += quote.multiplier_hundredths
        if now_ms > rider.deadline_ms:
            self._tally.late += 1
            return None
        self._tally.priced += 1
        share = accepted_share(self._plan, multiplier=quote.multiplier_hundredths / 100, eta_s=quote.eta_s)
        return rider if rider.mood < share else None

    def expire(self, *, now_ms: int) -> None:
        """Give up on requests whose deadline and grace have passed."""
        while self._order and now_ms > self._order[0].deadline_ms + self._plan.answer_grace_ms:
            rider = self._order.popleft()
            if self._open.pop(rider.request_id, None) is not None:
                self._tally.unanswered += 1
                self._tally.latency.observe(now_ms - rider.intended_ms)

    def _count_unpriced(self, quote: QuoteAnswered) -> None:
        if quote.outcome == QuoteOutcome.EXPIRED:
            self._tally.expired += 1
        else:
            self._tally.refused += 1
            self._tally.refuse(quote.refusal)
