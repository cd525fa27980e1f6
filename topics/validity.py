"""Rules that readable records of outside topics must keep, for whole chunks at once.

Each check takes the columns of a chunk, and of all the values the chunk was decoded from: `keys`, one each (None: the
record has none), and `appended_ms` int64, the broker's append times. It returns a mask bool[columns.rows] of the rows
that break nothing, and one refusal per other row, naming the first rule broken in the order written here; its `row`
counts values, not rows.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from topics.arrays import Bools, Float64s, Int64s
from topics.columns import Columns, hash_list
from topics.columns_chunk import Joined, joined
from topics.events import RideEventKind
from topics.prices import BookingOutcome
from topics.refusals import BadRow, ErrorClass

FUTURE_TOLERANCE_MS = 5_000
EARLIEST_MS = 946_684_800_000  # 2000-01-01: anything before it is a clock that was never set
CURRENCY_BYTES = 3
LONGEST_TEXT_BYTES = 256
"""Ids and product names: they are said again in answers and counts, which must fit into a record themselves."""
LONGEST_LIST_BYTES = 1024
TOO_LONG = "not-too-long"

Keys = Joined | Sequence[bytes | None]
Checked = tuple[Bools, list[BadRow]]


class _Rule(NamedTuple):
    """Rows (bool[rows]) that break one rule at one field; `says` makes the sentence of a row."""

    breaks: Bools
    field: str
    rule: str
    says: Callable[[int], str]
    error_class: ErrorClass = ErrorClass.INVALID_FIELD


def check_pings(columns: Columns, keys: Keys, appended_ms: Int64s) -> Checked:
    """Drivers' pings: a known driver, somewhere on earth, now, who serves something.

    An unknown status is no fault: it counts as neither idle nor busy, and newer apps may send newer ones.
    """
    return _judged(
        columns,
        [
            *_key_rules(columns, "driver_id", keys),
            *_time_rules(columns, appended_ms),
            *_place_rules(columns, "lat", "lon"),
            _empty_list(columns, "products"),
            _long(columns, "products", LONGEST_LIST_BYTES),
        ],
    )


def check_requests(columns: Columns, keys: Keys, appended_ms: Int64s) -> Checked:
    """Riders' quote requests: a known rider and request, between two places on earth, now, for a product.

    What leaves nobody to answer comes first: an answer names the request and says its texts again, so a request that is
    also wrong elsewhere may not be reported, and answered, for that.
    """
    return _judged(
        columns,
        [
            *_key_rules(columns, "rider_id", keys),
            _empty_text(columns, "request_id"),
            _long(columns, "request_id"),
            _long(columns, "product"),
            *_time_rules(columns, appended_ms),
            *_place_rules(columns, "pickup_lat", "pickup_lon"),
            *_place_rules(columns, "dropoff_lat", "dropoff_lon"),
            _empty_text(columns, "product"),
        ],
    )


def check_ride_events(columns: Columns, keys: Keys, appended_ms: Int64s) -> Checked:
    """Ride events: known rider, ride and kind; an acceptance says which quote at which price."""
    accepted = columns.is_symbol("kind", RideEventKind.QUOTE_ACCEPTED)
    return _judged(
        columns,
        [
            *_key_rules(columns, "rider_id", keys),
            *_time_rules(columns, appended_ms),
            _unknown_symbol(columns, "kind", RideEventKind.UNKNOWN),
            _empty_text(columns, "event_id"),
            _empty_text(columns, "ride_id"),
            *(_long(columns, field) for field in ("event_id", "ride_id", "quote_id")),
            _missing(columns, "quote_id", accepted, "an acceptance names its quote"),
            _missing(columns, "amount_minor", accepted, "an acceptance states the price seen"),
            _missing(columns, "currency", accepted, "an acceptance states its currency"),
            _no_currency(columns, accepted),
        ],
    )


def check_decisions(columns: Columns, keys: Keys, appended_ms: Int64s) -> Checked:
    """Booking decisions: known rider and outcome; an accepted one says where, what and at which price."""
    accepted = columns.is_symbol("outcome", BookingOutcome.ACCEPTED)
    return _judged(
        columns,
        [
            *_key_rules(columns, "rider_id", keys),
            *_time_rules(columns, appended_ms),
            _unknown_symbol(columns, "outcome", BookingOutcome.UNKNOWN),
            _empty_text(columns, "decision_id"),
            _long(columns, "decision_id"),
            _long(columns, "product"),
            _zero(columns, "zone", accepted),
            _zero(columns, "cell", accepted),
            _empty_text(columns, "product", accepted),
            _no_currency(columns, accepted),
        ],
    )


def _judged(columns: Columns, rules: list[_Rule]) -> Checked:
    """Good rows, and the first rule each other row breaks."""
    breaks = np.array([rule.breaks for rule in rules])
    wrong: Bools = np.logical_or.reduce(breaks)
    bad: list[BadRow] = []
    for row in np.flatnonzero(wrong).tolist():
        rule = rules[int(breaks[:, row].argmax())]
        bad.append(BadRow(int(columns.source_row[row]), rule.error_class, rule.field, rule.rule, rule.says(row)))
    return ~wrong, bad


def _key_rules(columns: Columns, field: str, keys: Keys) -> list[_Rule]:
    """The record key is there and is the id the payload states."""
    mine = joined(keys)
    if columns.bad:
        mine = mine.chosen(columns.source_row)
    present = mine.ends > mine.starts

    def differs(row: int) -> str:
        said, key = columns.texts(field, [row])[0], mine.part(row) or b""
        return f"key must be {field} {said!r}, got {key.decode(errors='replace')!r}"

    def lacks(row: int) -> str:
        return f"key must be {field} {columns.texts(field, [row])[0]!r}, got none"

    return [
        _empty_text(columns, field),
        _Rule(~present, field, "key-present", lacks, ErrorClass.INVALID_KEY),
        _Rule(~columns.equals(field, mine), field, "key-equals-id", differs, ErrorClass.INVALID_KEY),
        _long(columns, field),
    ]


def _time_rules(columns: Columns, appended_ms: Int64s) -> list[_Rule]:
    """Event time is after the year 2000 began and at most the tolerance ahead of the broker's clock."""
    at_ms, appended = columns.ints("at_ms"), appended_ms[columns.source_row]

    def ahead(row: int) -> str:
        return f"at_ms must be at most {FUTURE_TOLERANCE_MS} ms after the append time {appended[row]}, got {at_ms[row]}"

    def ancient(row: int) -> str:
        return f"at_ms must be after 2000-01-01 in epoch milliseconds, got {at_ms[row]}"

    return [
        _Rule(at_ms <= EARLIEST_MS, "at_ms", "time-after-2000", ancient),
        _Rule(at_ms > appended + FUTURE_TOLERANCE_MS, "at_ms", "time-not-in-future", ahead),
    ]


def _place_rules(columns: Columns, lat: str, lon: str) -> list[_Rule]:
    """Coordinates are numbers on the globe; both ends of each range included."""
    return [_outside(columns.floats(lat), lat, 90.0), _outside(columns.floats(lon), lon, 180.0)]


def _outside(degrees: Float64s, field: str, bound: float) -> _Rule:
    # Comparisons with NaN are false, so the rule is stated for what is inside.
    inside = (degrees >= -bound) & (degrees <= bound)
    return _Rule(
        ~inside,
        field,
        "coordinate-in-range",
        lambda row: f"{field} must be -{bound:g} to {bound:g} degrees, got {degrees[row]}",
    )


def _empty_text(columns: Columns, field: str, where: Bools | None = None) -> _Rule:
    empty = columns.sizes(field) == 0
    return _Rule(
        empty if where is None else empty & where, field, "text-not-empty", lambda _: f"{field} must not be empty"
    )


def _empty_list(columns: Columns, field: str) -> _Rule:
    empty = columns.hashes(field) == hash_list(())
    return _Rule(empty, field, "list-not-empty", lambda _: f"{field} must name at least one")


def _long(columns: Columns, field: str, most: int = LONGEST_TEXT_BYTES) -> _Rule:
    sizes = columns.sizes(field)
    return _Rule(sizes > most, field, TOO_LONG, lambda row: f"{field} must take at most {most} bytes, got {sizes[row]}")


def _unknown_symbol(columns: Columns, field: str, unknown: str) -> _Rule:
    return _Rule(
        columns.is_symbol(field, unknown),
        field,
        "enum-known",
        lambda _: f"{field} must be known, got one this version does not know",
    )


def _missing(columns: Columns, field: str, where: Bools, why: str) -> _Rule:
    return _Rule(
        where & ~columns.present(field), field, "present-when-accepted", lambda _: f"{field} must be present: {why}"
    )


def _zero(columns: Columns, field: str, where: Bools) -> _Rule:
    zero = columns.ints(field) == 0
    return _Rule(
        where & zero, field, "present-when-accepted", lambda _: f"{field} must be known for an accepted booking, got 0"
    )


def _no_currency(columns: Columns, where: Bools) -> _Rule:
    wrong = columns.sizes("currency") != CURRENCY_BYTES

    def says(row: int) -> str:
        return f"currency must be a three-letter ISO 4217 code, got {columns.texts('currency', [row])[0]!r}"

    return _Rule(where & wrong, "currency", "currency-code", says)
