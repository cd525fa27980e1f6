"""The live table of quotes: the newest answers, each with what one row shows."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from infra.clients.consumer import Entry
from topics.prices import QuoteAnswered

KEPT = 300


@dataclass(slots=True)
class Answers:
    """The newest quotes by where they stand, `partition@offset`."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    _order: deque[str] = field(default_factory=deque)

    def answered(self, entry: Entry) -> Iterator[tuple[str, dict[str, Any] | None]]:
        """Take in one record of quotes.v1; yields board changes, None for a row that leaves."""
        key = f"quote/{entry.partition}@{entry.offset}"
        row = row_of(entry)
        self.rows[key] = row
        self._order.append(key)
        yield key, row
        while len(self._order) > KEPT:
            old = self._order.popleft()
            self.rows.pop(old, None)
            yield old, None


def row_of(entry: Entry) -> dict[str, Any]:
    """One row of the table; `latency_ms` runs from the request's event time to the answer's append."""
    quote: QuoteAnswered = entry.record
    return {
        "place": f"{entry.partition}@{entry.offset}",
        "quote_id": quote.quote_id,
        "rider_id": quote.rider_id,
        "appended_ms": entry.timestamp_ms,
        "at_ms": quote.at_ms,
        "outcome": str(quote.outcome),
        "refusal": quote.refusal,
        "product": quote.product,
        "zone": f"{quote.zone:x}" if quote.zone else "",
        "cell": f"{quote.cell:x}" if quote.cell else "",
        "currency": quote.currency,
        "amount_minor": quote.amount_minor,
        "multiplier_hundredths": quote.multiplier_hundredths,
        "eta_s": quote.eta_s,
        "fallback": quote.fallback,
        "reasons": [reason.code for reason in quote.reasons],
        "latency_ms": entry.timestamp_ms - quote.at_ms,
    }
