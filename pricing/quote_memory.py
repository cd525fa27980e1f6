"""Which quotes have been given and still bind: `quotes.v1` remembered as arrays.

The first record of a quote id in its partition is binding; a later one that says otherwise is counted and ignored.
Rows stand in a ring in order of arrival, and go when nobody can accept them any more. Ids are kept as 64-bit hashes:
two of a million live quotes share one with a chance of 3 in 10^8, and the second is then treated as a conflict, never
sold at another's price.
"""

from dataclasses import dataclass

import numpy as np

from pricing.quote import LONGEST_DEADLINE_MS, quote_id_hash
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered, QuoteOutcome
from windows.panes import GRACE_MS

UNDECIDED = 0
_ROW = np.dtype(
    [
        ("id_hash", "i8"),
        ("binds_until_ms", "i8"),
        ("valid_until_ms", "i8"),
        ("amount_minor", "i8"),
        ("offset", "i8"),
        ("zone", "i8"),
        ("cell", "i8"),
        ("rider_hash", "i8"),
        ("ride_hash", "i8"),
        ("booked_at_ms", "i8"),
        ("product", "i4"),
        ("currency", "i4"),
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedQuote:
    """One binding answer. `valid_until_ms` is 0 if it was not priced.

    `ride_hash` is 0 until an acceptance stood, `booked_at_ms` the event time of that acceptance.
    """

    valid_until_ms: int
    amount_minor: int
    currency: str
    offset: int
    zone: int
    cell: int
    product: str
    rider_hash: int
    ride_hash: int
    booked_at_ms: int


class QuoteMemory:
    """The binding answers of one partition number, at most `capacity` of them.

    `conflicts` counts records that contradict a binding one, `forgotten_early` answers dropped for want of room.
    """

    __slots__ = ("_first", "_names", "_next", "_row_of", "_rows", "conflicts", "forgotten_early")

    def __init__(self, capacity: int = 1 << 20) -> None:
        if capacity <= 0:
            raise ValueError(f"capacity must be positive, got {capacity}")
        self._rows = np.zeros(capacity, _ROW)
        self._row_of: dict[int, int] = {}
        self._names: dict[str, int] = {}
        self._first = 0
        self._next = 0
        self.conflicts = 0
        self.forgotten_early = 0

    def __len__(self) -> int:
        return len(self._row_of)

    def has_answered(self, quote_id: str) -> bool:
        """Whether a binding answer with that id is remembered, priced or not."""
        return quote_id_hash(quote_id) in self._row_of

    def record(self, quote: QuoteAnswered, offset: int) -> bool:
        """Take in a record of `quotes.v1`, in order of offset; return whether it is the binding one.

        The same record read again (equal offset) binds and is no conflict.
        """
        key = quote_id_hash(quote.quote_id)
        known = self._row_of.get(key)
        if known is not None:
            return self._repeated(quote, offset, known)
        if self._next - self._first == self._rows.size:
            self._drop_first()
            self.forgotten_early += 1
        row = self._next % self._rows.size
        self._rows[row] = self._row(quote, offset, key)
        self._row_of[key] = row
        self._next += 1
        return True

    def _repeated(self, quote: QuoteAnswered, offset: int, row: int) -> bool:
        known = self._rows[row]
        if int(known["offset"]) == offset:
            return True
        same = int(known["amount_minor"]) == quote.amount_minor and int(known["valid_until_ms"]) == _valid_until(quote)
        self.conflicts += not same
        return False

    def _row(self, quote: QuoteAnswered, offset: int, key: int) -> tuple[int, ...]:
        valid_until_ms = _valid_until(quote)
        return (
            key,
            max(valid_until_ms, quote.at_ms + LONGEST_DEADLINE_MS),
            valid_until_ms,
            quote.amount_minor,
            offset,
            quote.zone,
            quote.cell,
            quote_id_hash(quote.rider_id),
            UNDECIDED,
            0,
            self._names.setdefault(quote.product, len(self._names)),
            self._names.setdefault(quote.currency, len(self._names)),
        )

    def find(self, quote_id: str) -> RememberedQuote | None:
        """The binding answer with that id; None if there is none or it is forgotten."""
        index = self._row_of.get(quote_id_hash(quote_id))
        if index is None:
            return None
        row, names = self._rows[index], tuple(self._names)
        return RememberedQuote(
            valid_until_ms=int(row["valid_until_ms"]),
            amount_minor=int(row["amount_minor"]),
            currency=names[row["currency"]],
            offset=int(row["offset"]),
            zone=int(row["zone"]),
            cell=int(row["cell"]),
            product=names[row["product"]],
            rider_hash=int(row["rider_hash"]),
            ride_hash=int(row["ride_hash"]),
            booked_at_ms=int(row["booked_at_ms"]),
        )

    def record_decision(self, decision: BookingJudged) -> None:
        """Take in a record of `booking-decisions.v1`: the first acceptance that stood uses the quote up."""
        index = self._row_of.get(quote_id_hash(decision.quote_id))
        accepted = decision.outcome is BookingOutcome.ACCEPTED
        if accepted and index is not None and int(self._rows[index]["ride_hash"]) == UNDECIDED:
            self._rows[index]["ride_hash"] = quote_id_hash(decision.ride_id)
            self._rows[index]["booked_at_ms"] = decision.at_ms

    def forget_before(self, appended_ms: int) -> None:
        """Drop the oldest answers that cannot bind any acceptance or repeat appended from `appended_ms` on."""
        while self._first < self._next:
            row = self._rows[self._first % self._rows.size]
            if int(row["binds_until_ms"]) + GRACE_MS >= appended_ms:
                return
            self._drop_first()

    def _drop_first(self) -> None:
        row = self._first % self._rows.size
        del self._row_of[int(self._rows[row]["id_hash"])]
        self._first += 1


def _valid_until(quote: QuoteAnswered) -> int:
    return quote.valid_until_ms if quote.outcome is QuoteOutcome.PRICED else 0
