"""Why this price: one quote, everything it rests on, and where each of these stands.

    quote ─> request ─> what the rider sent           quote ─> tick ─> its counts, model, previous tick
          └> policy, market                                         └> panes and cars at that instant

Every step is a record read again from its topic by the offset that the quote or the tick names; nothing is remembered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from infra.clients.consumer import Entry
from infra.clients.errors import ClientError
from lineage.reader import Reader
from lineage.shown import shown, shown_entry
from pricing.reasons import wire_name_of
from topics.catalogue import DEMAND_CELLS, MARKETS, PRICING_POLICY, QUOTE_REQUESTS, QUOTES, SUPPLY_CELLS, SURGE, Topic
from topics.counts import CountKind
from topics.prices import QuoteAnswered, SurgeTicked
from windows.hexagons import zone_of

PANES_BACK_MS = 240_000
CARS_BACK_MS = 60_000
MOST = 20_000
STEP_WORDS = {
    "sent": "the app sent the request",
    "appended": "the broker had it",
    "decided": "quotes decided",
    "published": "the answer was readable",
}


class NoSuchQuoteError(ClientError):
    """There is no quote at the place asked for."""


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains quotes by reading topics."""

    reader: Reader

    async def explain(self, partition: int, offset: int) -> dict[str, Any]:
        """The whole story of the quote at that place of quotes.v1.

        Raises NoSuchQuoteError, UnreachableError.
        """
        entry = await self._quote(partition, offset)
        quote: QuoteAnswered = entry.record
        named = [(QUOTE_REQUESTS, partition, quote.request_offset), (PRICING_POLICY, 0, quote.policy_offset)]
        named += [(MARKETS, 0, quote.markets_offset), (SURGE, quote.tick_partition, quote.tick_offset)]
        found = await self.reader.at(place for place in named if place[2] >= 0)
        request, policy, market, tick = (found.get((topic.name, n, at)) for topic, n, at in named)
        return {
            "quote": shown_entry(entry),
            "request": _maybe(request),
            "policy": _maybe(policy),
            "market": _maybe(market),
            "tick": await self._tick(tick, quote) if tick is not None and tick.record is not None else None,
            "waterfall": _waterfall(entry, request),
            "sources": [_source(topic, n, at) for topic, n, at in named if at >= 0],
        }

    async def _quote(self, partition: int, offset: int) -> Entry:
        known = partition < len(self.reader.places[QUOTES.name])
        entry = (
            (await self.reader.at([(QUOTES, partition, offset)])).get((QUOTES.name, partition, offset))
            if known
            else None
        )
        if entry is None:
            raise NoSuchQuoteError(
                f"there is no quote at {partition}@{offset} of {QUOTES.name}: it was never there, or is no longer kept"
            )
        entry.decoded()
        return entry

    async def _tick(self, entry: Entry, quote: QuoteAnswered) -> dict[str, Any]:
        tick: SurgeTicked = entry.record
        said: dict[str, Any] = {
            "place": f"{entry.partition}@{entry.offset}",
            "appended_ms": entry.timestamp_ms,
            **shown({name: getattr(tick, name) for name in ("now_ms", "data_age_ms", "model", "fallback", "market")}),
            "complete": tick.supply_complete and tick.demand_complete,
            "inputs": [
                _source(SUPPLY_CELLS, entry.partition, tick.supply_offset),
                _source(DEMAND_CELLS, entry.partition, tick.demand_offset),
                _source(SURGE, entry.partition, tick.previous_offset),
            ],
            "cell": cell_of(tick, quote.cell, quote.product),
        }
        return said | await self._counts(entry, quote)

    async def _counts(self, entry: Entry, quote: QuoteAnswered) -> dict[str, Any]:
        """Riders per pane and cars in the quote's cell, as the tick had them."""
        tick: SurgeTicked = entry.record
        here, until_ms = entry.partition, tick.now_ms + 1
        demand = await self.reader.between(
            [DEMAND_CELLS], tick.now_ms - PANES_BACK_MS, until_ms, most=MOST, partition=here
        )
        supply = await self.reader.between(
            [SUPPLY_CELLS], tick.now_ms - CARS_BACK_MS, until_ms, most=MOST, partition=here
        )
        before = [known for known in demand if known.offset <= tick.demand_offset]
        cars = [known for known in supply if known.offset <= tick.supply_offset]
        return {
            "panes": panes_of(before, quote.cell, since_ms=tick.now_ms - PANES_BACK_MS),
            "cars": cars_of(cars, zone=tick.zone, cell=quote.cell),
        }


def cell_of(tick: SurgeTicked, cell: int, product: str) -> dict[str, Any] | None:
    """What the tick says about one cell and product; None if it says nothing."""
    if cell not in tick.cells or product not in tick.products:
        return None
    place = tick.cells.index(cell) * len(tick.products) + tick.products.index(product)
    moved = zip(tick.reason_at, tick.reason_code, tick.reason_before, tick.reason_after, strict=True)
    return {
        "multiplier_hundredths": tick.multiplier_hundredths[place],
        "smooth_hundredths": tick.smooth_hundredths[place],
        "propensity_hundredths": tick.propensity_hundredths[place],
        "eta_s": tick.eta_s[place],
        "demand_milli": tick.demand_milli[place],
        "supply_milli": tick.supply_milli[place],
        "reasons": [
            {"code": wire_name_of(code), "before_hundredths": before, "after_hundredths": after}
            for at, code, before, after in moved
            if at == place
        ],
    }


def panes_of(entries: Iterable[Entry], cell: int, *, since_ms: int) -> list[dict[str, int]]:
    """Distinct riders and bookings of one cell per pane, all products and source partitions, oldest first.

    Counts are absolute: of one source partition, zone and pane the last record stands. A cell in the halo of another
    zone is named there too, and counted in its own zone only.
    """
    newest: dict[tuple[int, int], Any] = {}
    for entry in entries:
        record = entry.record
        if record is None or record.kind is not CountKind.CELLS or record.pane_start_ms < since_ms:
            continue
        if cell in record.cells and zone_of(cell) == record.zone:
            newest[record.source_partition, record.pane_start_ms] = record
    sums: dict[int, list[int]] = {}
    for (_, pane_ms), record in newest.items():
        many, place = len(record.products), record.cells.index(cell)
        part = slice(place * many, (place + 1) * many)
        held = sums.setdefault(pane_ms, [0, 0])
        held[0] += sum(record.requests[part])
        held[1] += sum(record.bookings[part])
    return [{"pane_ms": at, "requests": held[0], "bookings": held[1]} for at, held in sorted(sums.items())]


def cars_of(entries: Iterable[Entry], *, zone: int, cell: int) -> dict[str, int] | None:
    """Idle and busy cars of one cell, or None if no count of its zone was made in the minute before the tick."""
    newest = {
        e.record.source_partition: e.record
        for e in entries
        if e.record is not None and e.record.kind is CountKind.CELLS and e.record.zone == zone
    }
    if not newest:
        return None
    places = [(counts, counts.cells.index(cell)) for counts in newest.values() if cell in counts.cells]
    return {
        "idle": sum(counts.idle[place] for counts, place in places),
        "busy": sum(counts.busy[place] for counts, place in places),
        "source_partitions": len(newest),
    }


def _waterfall(quote: Entry, request: Entry | None) -> list[dict[str, Any]]:
    """The instants the request passed, in order, with words for people."""
    instants = {"sent": quote.record.at_ms}
    if request is not None:
        instants["appended"] = request.timestamp_ms
    instants |= {"decided": quote.record.now_ms, "published": quote.timestamp_ms}
    return [{"step": step, "at_ms": at_ms, "words": STEP_WORDS[step]} for step, at_ms in instants.items()]


def _source(topic: Topic, partition: int, offset: int) -> dict[str, Any]:
    return {"topic": topic.name, "partition": partition, "offset": offset}


def _maybe(entry: Entry | None) -> dict[str, Any] | None:
    return None if entry is None else shown_entry(entry)
