"""Which quotes have been given and still bind: `quotes.v1` remembered as arrays.

The first record of a quote id in its partition is binding; a later one that says otherwise is counted and ignored.
Rows stand in a ring in order of arrival, and go when nobody can accept them any more. Ids are kept as 64-bit hashes:
two of a million live quotes share one with a chance of 3 in 10^8, and the second is then treated as a conflict, never
sold at another's price.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pricing.quotes.quote import LONGEST_DEADLINE_MS, quote_id_hash
from topics.arrays import Int64s
from topics.columns import Columns
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered, QuoteOutcome
from topics.validity import FUTURE_TOLERANCE_MS
from windows.panes import GRACE_MS

UNDECIDED = 0
MOST_ROWS = 1 << 22
"""Of one partition number: 0.4 GB, and somewhat more to find them by."""
REMEMBERED = (
    "quote_id", "rider_id", "outcome", "at_ms", "now_ms", "valid_until_ms", "product", "zone", "cell", "currency",
    "amount_minor",
)  # fmt: skip
"""Fields of a quote that are remembered; the others need not be read."""
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


class _Rows(NamedTuple):
    """A chunk of records in columns, one entry each; where nothing was priced, `valid_until_ms` is 0 and names are "".

    Who is refused may have named any product, and names are kept for good.
    """

    key: list[int]
    rider: list[int]
    product: list[str]
    currency: list[str]
    asked_ms: Int64s
    valid_until_ms: Int64s
    amount_minor: Int64s
    zone: Int64s
    cell: Int64s
    offset: Int64s


class QuoteMemory:
    """The binding answers of one partition number: room for `capacity` of them, doubled up to `most` while all bind.

    What binds no more is for `forget_before` to say: until it does, nothing makes room for another. `conflicts` counts
    records that contradict a binding one, `forgotten_early` answers dropped for want of room though they could bind.
    Rows are numbered from the first one ever; each stands at its number modulo the room.
    """

    __slots__ = (
        "_first", "_most", "_names", "_next", "_reached_ms", "_row_of", "_rows", "conflicts", "forgotten_early",
    )  # fmt: skip

    def __init__(self, capacity: int = 1 << 18, most: int = MOST_ROWS) -> None:
        if capacity <= 0:
            raise ValueError(f"capacity must be positive, got {capacity}")
        self._most = most
        self._rows = np.zeros(capacity, _ROW)
        self._row_of: dict[int, int] = {}
        self._names: dict[str, int] = {}
        self._first = 0
        self._next = 0
        self._reached_ms = 0
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
        priced = quote.outcome is QuoteOutcome.PRICED
        made = _Rows(
            key=[quote_id_hash(quote.quote_id)],
            rider=[quote_id_hash(quote.rider_id)],
            product=[quote.product if priced else ""],
            currency=[quote.currency if priced else ""],
            asked_ms=_asked_ms(np.array([quote.at_ms]), np.array([quote.now_ms])),
            valid_until_ms=np.array([quote.valid_until_ms if priced else 0]),
            amount_minor=np.array([quote.amount_minor]),
            zone=np.array([quote.zone]),
            cell=np.array([quote.cell]),
            offset=np.array([offset]),
        )
        return self._take(made, 0, 1) == 1

    def record_all(self, columns: Columns, offsets: Int64s) -> None:
        """Take in a chunk of records, each as `record` would; `columns` has the fields REMEMBERED.

        Object by object this costs 45 µs a record, decoding included, as columns 4: every quote comes by here again
        once it is written.
        """
        priced = columns.is_symbol("outcome", QuoteOutcome.PRICED)
        product, currency = (
            [text if named else "" for text, named in zip(columns.texts(field), priced.tolist(), strict=True)]
            for field in ("product", "currency")
        )
        made = _Rows(
            key=[quote_id_hash(quote_id) for quote_id in columns.texts("quote_id")],
            rider=[quote_id_hash(rider_id) for rider_id in columns.texts("rider_id")],
            product=product,
            currency=currency,
            asked_ms=_asked_ms(columns.ints("at_ms"), columns.ints("now_ms")),
            valid_until_ms=columns.ints("valid_until_ms") * priced,
            amount_minor=columns.ints("amount_minor"),
            zone=columns.ints("zone"),
            cell=columns.ints("cell"),
            offset=offsets[columns.source_row],
        )
        at_once = self._rows.size  # the room may grow meanwhile
        for first in range(0, columns.rows, at_once):
            self._take(made, first, min(columns.rows, first + at_once))

    def _take(self, made: _Rows, first: int, last: int) -> int:
        """Take in rows [first, last) in order, no more than there is room for at all; how many of them bind."""
        fresh: list[int] = []
        binding = 0
        for place in range(first, last):
            key = made.key[place]
            if key in self._row_of:
                self._write(made, fresh)  # it may be the repeat of a row before it
                binding += len(fresh) + self._repeats(made, place, self._row_of[key])
                fresh = []
                continue
            if self._next - self._first == self._rows.size:
                self._write(made, fresh)
                binding += len(fresh)
                fresh = []
                self._make_room()
            self._row_of[key] = self._next
            self._next += 1
            fresh.append(place)
        self._write(made, fresh)
        return binding + len(fresh)

    def _make_room(self) -> None:
        """Have the first row go, or twice the room if it binds what may still come, as far as `forget_before` told."""
        early = self._binds(self._reached_ms)
        if not early or self._rows.size >= self._most:
            self.forgotten_early += early
            self._drop_first()
            return
        rows = np.zeros(min(2 * self._rows.size, self._most), _ROW)
        numbers = np.arange(self._first, self._next)
        rows[numbers % rows.size] = self._rows[numbers % self._rows.size]
        self._rows = rows

    def _repeats(self, made: _Rows, place: int, row: int) -> bool:
        """Whether the row is the binding record, read again; one that says otherwise is a conflict."""
        known = self._rows[row % self._rows.size]
        if int(known["offset"]) == int(made.offset[place]):
            return True
        said = int(made.amount_minor[place]), int(made.valid_until_ms[place])
        self.conflicts += said != (int(known["amount_minor"]), int(known["valid_until_ms"]))
        return False

    def _write(self, made: _Rows, fresh: list[int]) -> None:
        """Fill the rows last given out, column by column."""
        if not fresh:
            return
        rows, places = np.arange(self._next - len(fresh), self._next) % self._rows.size, np.array(fresh)
        for name, values in (
            ("offset", made.offset),
            ("valid_until_ms", made.valid_until_ms),
            ("amount_minor", made.amount_minor),
            ("zone", made.zone),
            ("cell", made.cell),
            ("binds_until_ms", np.maximum(made.valid_until_ms, made.asked_ms + LONGEST_DEADLINE_MS)),
        ):
            self._rows[name][rows] = values[places]
        for name, hashes in (("id_hash", made.key), ("rider_hash", made.rider)):
            self._rows[name][rows] = [hashes[place] for place in fresh]
        for name, texts in (("product", made.product), ("currency", made.currency)):
            self._rows[name][rows] = [self._names.setdefault(texts[place], len(self._names)) for place in fresh]
        self._rows["ride_hash"][rows] = UNDECIDED
        self._rows["booked_at_ms"][rows] = 0

    def find(self, quote_id: str) -> RememberedQuote | None:
        """The binding answer with that id; None if there is none or it is forgotten."""
        index = self._row_of.get(quote_id_hash(quote_id))
        if index is None:
            return None
        row, names = self._rows[index % self._rows.size], tuple(self._names)
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
        if decision.outcome is BookingOutcome.ACCEPTED:
            self.record_booking(decision.quote_id, decision.ride_id, decision.at_ms)

    def record_booking(self, quote_id: str, ride_id: str, at_ms: int) -> bool:
        """Take in that an acceptance of that event time stood; return whether the quote is remembered."""
        number = self._row_of.get(quote_id_hash(quote_id))
        if number is None:
            return False
        row = number % self._rows.size
        if int(self._rows["ride_hash"][row]) == UNDECIDED:
            self._rows["ride_hash"][row] = quote_id_hash(ride_id)
            self._rows["booked_at_ms"][row] = at_ms
        return True

    def forget_before(self, appended_ms: int) -> None:
        """Drop the oldest answers that cannot bind any acceptance or repeat appended from `appended_ms` on."""
        self._reached_ms = appended_ms
        while self._first < self._next and not self._binds(appended_ms):
            self._drop_first()

    def _binds(self, appended_ms: int) -> bool:
        """Whether the first row can bind an acceptance or repeat appended at that instant."""
        return int(self._rows["binds_until_ms"][self._first % self._rows.size]) + GRACE_MS >= appended_ms

    def _drop_first(self) -> None:
        row = self._first % self._rows.size
        del self._row_of[int(self._rows[row]["id_hash"])]
        self._first += 1


def reach_ms(lock_ms: int) -> int:
    """How long before an acceptance or a repeat is appended its quote can have been, if prices are locked so long.

    As in `forget_before`, with as much again for clocks that differ.
    """
    return max(lock_ms, LONGEST_DEADLINE_MS + FUTURE_TOLERANCE_MS) + 2 * GRACE_MS


def _asked_ms(at_ms: Int64s, now_ms: Int64s) -> Int64s:
    """When requests answered at `now_ms` were made; one from the future is refused, and must not be kept until then."""
    return np.minimum(at_ms, now_ms + FUTURE_TOLERANCE_MS)
