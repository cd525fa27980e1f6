"""The quotes and decisions of one rider partition, each judged again from the records it names.

A quote names its request, tick, policy, market and `now_ms`; a decision names its acceptance and its quote. The first
record of a quote id, and of an acceptance, is the one that binds; later ones are passed over.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pricing.bookings import judge
from pricing.prepared_tick import PreparedTick
from pricing.quote import QuoteContext, answer
from pricing.quote_memory import QuoteMemory
from replay.logs import Forward, Sought, decoded, every
from replay.recording import Raw, Recording, RecordingError, Records
from replay.ticks import AS_RECORDED, EVERY_ZONE, Alternative, ByOffset
from topics.catalogue import BOOKING_DECISIONS, QUOTE_REQUESTS, QUOTES, RIDE_EVENTS, SURGE
from topics.events import QuoteRequested
from topics.prices import BookingJudged, QuoteAnswered, SurgeTicked
from windows.hexagons import cells_of, zone_of

REACH_MS = 180_000
# The longest lock, and grace: after it nobody can accept an answer, or have it repeated.
BINDS_MS = 620_000
REMEMBERED = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class QuoteAgain:
    """One binding quote and the one made from what it names."""

    raw: Raw
    recorded: QuoteAnswered
    again: QuoteAnswered


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionAgain:
    """One binding decision and the one made from what it names."""

    raw: Raw
    recorded: BookingJudged
    again: BookingJudged


class RiderPartition:
    """Recomputes one partition number of `quotes.v1` and `booking-decisions.v1`."""

    def __init__(
        self,
        recording: Recording,
        partition: int,
        *,
        ticks: Records | None = None,
        zones: frozenset[int] = EVERY_ZONE,
        otherwise: Alternative = AS_RECORDED,
        versions: ByOffset | None = None,
    ) -> None:
        """Quote from `ticks`, the recorded ones if None; of `zones` only, all if none is named."""
        self._recording, self._partition, self._zones, self._otherwise = recording, partition, zones, otherwise
        self._versions = versions or ByOffset.of(recording)
        source = ticks or recording
        count = recording.about.partitions[SURGE.name]
        self._ticks = [Sought(source, SURGE.name, number, reach_ms=REACH_MS) for number in range(count)]
        self._prepared: dict[tuple[int, int], PreparedTick] = {}

    def quotes(self) -> Iterator[QuoteAgain]:
        """Every binding quote of the recording's range, in order of offset."""
        about = self._recording.about
        requests = Sought(self._recording, QUOTE_REQUESTS.name, self._partition, reach_ms=REACH_MS)
        binding: dict[str, Raw] = {}
        for raw, quote in every(self._recording, QUOTES, self._partition):
            if binding.setdefault(quote.quote_id, raw).offset != raw.offset:
                continue
            _forget(binding, raw.timestamp_ms)
            inside = about.from_ms <= raw.timestamp_ms < about.to_ms
            if inside and (not self._zones or quote.zone in self._zones):
                yield QuoteAgain(raw=raw, recorded=quote, again=self._quoted(quote, requests))

    def _quoted(self, quote: QuoteAnswered, requests: Sought) -> QuoteAnswered:
        asked = requests.at(quote.request_offset)
        if asked is None:
            place = f"{QUOTE_REQUESTS.name} {self._partition}@{quote.request_offset}"
            raise RecordingError(f"the recording lacks {place}, which quote {quote.quote_id} names")
        request: QuoteRequested = decoded(self._recording, QUOTE_REQUESTS, asked)
        cell = _pickup_cell(request)
        market = self._versions.market(quote.markets_offset) if quote.markets_offset >= 0 else None
        policy = self._versions.policy(quote.policy_offset, market.name) if market else None
        otherwise = self._otherwise.policy
        if market is not None and otherwise is not None and otherwise.rules.market == market.name:
            policy = otherwise
        where = QuoteContext(
            cell=cell, zone=zone_of(cell) if cell else 0, market=market, policy=policy, tick=self._tick_of(quote)
        )
        return answer(
            request, where, appended_ms=asked.timestamp_ms, now_ms=quote.now_ms, request_offset=quote.request_offset
        )

    def _tick_of(self, quote: QuoteAnswered) -> PreparedTick | None:
        if quote.tick_offset < 0:
            return None
        place = quote.tick_partition, quote.tick_offset
        if place not in self._prepared:
            raw = self._ticks[place[0]].at(place[1])
            if raw is None:
                raise RecordingError(
                    f"the recording lacks {SURGE.name} {place[0]}@{place[1]}, which quote {quote.quote_id} names"
                )
            tick: SurgeTicked = decoded(self._recording, SURGE, raw)
            self._prepared[place] = PreparedTick(tick, *place)
            if len(self._prepared) > 256:
                del self._prepared[next(iter(self._prepared))]
        return self._prepared[place]

    def decisions(self) -> Iterator[DecisionAgain]:
        """Every binding decision of the recording's range, in order of offset."""
        about = self._recording.about
        events = Sought(self._recording, RIDE_EVENTS.name, self._partition, reach_ms=REACH_MS)
        memory = QuoteMemory(REMEMBERED)
        quotes = Forward(self._recording, QUOTES, self._partition, memory.record)
        judged: dict[int, int] = {}
        for raw, decision in every(self._recording, BOOKING_DECISIONS, self._partition):
            if judged.setdefault(decision.acceptance_offset, raw.offset) != raw.offset:
                continue
            quotes.to(decision.quote_offset)
            inside = about.from_ms <= raw.timestamp_ms < about.to_ms
            if inside and (not self._zones or decision.zone in self._zones):
                accepted = events.at(decision.acceptance_offset)
                if accepted is None:
                    place = f"{RIDE_EVENTS.name} {self._partition}@{decision.acceptance_offset}"
                    raise RecordingError(f"the recording lacks {place}, which decision {decision.decision_id} names")
                yield DecisionAgain(raw=raw, recorded=decision, again=self._judged(decision, accepted, memory))
            memory.record_decision(decision)

    def _judged(self, decision: BookingJudged, accepted: Raw, memory: QuoteMemory) -> BookingJudged:
        """The decision on what was known then; one that names no quote may have come before the quote was read."""
        event = decoded(self._recording, RIDE_EVENTS, accepted)
        said = {"appended_ms": accepted.timestamp_ms, "acceptance_offset": accepted.offset}
        again = judge(event, memory, **said)
        return judge(event, QuoteMemory(1), **said) if again != decision and decision.quote_offset < 0 else again


def _pickup_cell(request: QuoteRequested) -> int:
    """Cell of the pickup; 0 where the coordinates are none."""
    if not (abs(request.pickup_lat) <= 90.0 and abs(request.pickup_lon) <= 180.0):
        return 0
    return int(cells_of(np.array([request.pickup_lat]), np.array([request.pickup_lon]))[0])


def _forget(binding: dict[str, Raw], now_ms: int) -> None:
    """Drop answers that bind no more; the dict is in order of time."""
    while next(iter(binding.values())).timestamp_ms < now_ms - BINDS_MS:
        del binding[next(iter(binding))]
