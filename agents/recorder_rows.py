"""A record of a topic as a row of its table: the place it stands at, the columns one asks by, and the whole of it.

The place is the key: day of the broker's append time (UTC), topic, partition, offset. It is a fact of the log, so a
record that is read twice is the same row. A record that cannot be read or that PostgreSQL cannot hold becomes a row as
well, with its bytes and the reason.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

import orjson

from topics.catalogue import BOOKING_DECISIONS, DEAD_LETTERS, QUOTES, RIDE_EVENTS, SURGE, Topic
from topics.dead_letters import Received

RECORDED = (QUOTES, SURGE, BOOKING_DECISIONS, RIDE_EVENTS, *DEAD_LETTERS)
"""The topics that are kept in the database."""

PLACE = ("day", "topic", "partition", "record_offset", "appended_at", "record_key", "headers")
WHOLE = ("record", "unreadable_value", "unreadable_reason")
NO_ZEROES = "PostgreSQL cannot hold the zero character that a text of this record has"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ESCAPED_ZERO = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

Column = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class RecordTable:
    """One table: its name, and what each of the columns it is asked by takes from a record."""

    name: str
    asked_by: Mapping[str, Column]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of all columns, in the order of `row_of`."""
        return (*PLACE, *self.asked_by, *WHOLE)


class Row(NamedTuple):
    """A row and the day of its partition; `unreadable` says that it holds bytes in place of a record."""

    day: date
    values: tuple[Any, ...]
    unreadable: bool


def _same(*names: str) -> dict[str, Column]:
    return {name: attrgetter(name) for name in names}


def _hexagon(name: str) -> dict[str, Column]:
    """An H3 index the way people write it, None for 0, which means none."""
    get = attrgetter(name)
    return {name: lambda record: f"{get(record):x}" if get(record) else None}


QUOTES_TABLE = RecordTable(
    "quotes",
    _same("quote_id", "request_id", "rider_id", "outcome", "refusal", "at_ms", "now_ms", "valid_until_ms")
    | _same("market", "product", "currency", "amount_minor", "multiplier_hundredths", "eta_s", "fallback")
    | _same("request_offset", "tick_partition", "tick_offset", "tick_now_ms", "policy_offset", "markets_offset")
    | _hexagon("zone")
    | _hexagon("cell"),
)
TICKS_TABLE = RecordTable(
    "ticks",
    _same("market", "now_ms", "epoch_generation", "epoch_started_ms", "previous_offset", "supply_offset")
    | _same("demand_offset", "city_offset", "policy_offset", "markets_offset", "models_offset", "forecast_offset")
    | _same("model", "fallback", "supply_complete", "demand_complete", "data_age_ms")
    | _hexagon("zone")
    | {
        "cells_priced": lambda tick: len(tick.cells),
        "highest_multiplier_hundredths": lambda tick: max(tick.multiplier_hundredths, default=None),
    },
)
DECISIONS_TABLE = RecordTable(
    "booking_decisions",
    _same("decision_id", "quote_id", "ride_id", "rider_id", "outcome", "refusal", "at_ms", "now_ms", "product")
    | _same("currency", "amount_minor", "acceptance_offset", "quote_offset")
    | _hexagon("zone")
    | _hexagon("cell"),
)
RIDE_EVENTS_TABLE = RecordTable(
    "ride_events",
    _same("event_id", "rider_id", "ride_id", "kind", "at_ms", "quote_id", "amount_minor", "currency", "driver_id"),
)
DEAD_LETTERS_TABLE = RecordTable(
    "dead_letters",
    {f"source_{name}": attrgetter(name) for name in ("topic", "partition", "offset", "timestamp_ms", "key", "value")}
    | _same("error_class", "field", "rule", "sentence", "attempt", "service", "now_ms"),
)
TABLES = (QUOTES_TABLE, TICKS_TABLE, DECISIONS_TABLE, RIDE_EVENTS_TABLE, DEAD_LETTERS_TABLE)
TABLE_OF: Mapping[str, RecordTable] = {
    QUOTES.name: QUOTES_TABLE,
    SURGE.name: TICKS_TABLE,
    BOOKING_DECISIONS.name: DECISIONS_TABLE,
    RIDE_EVENTS.name: RIDE_EVENTS_TABLE,
    **{topic.name: DEAD_LETTERS_TABLE for topic in DEAD_LETTERS},
}


def row_of(topic: Topic, received: Received, record: Any, problem: str = "") -> Row:  # noqa: ANN401  topic's class
    """The row of a record; `record` is None if it cannot be read, then `problem` says why."""
    table = TABLE_OF[topic.name]
    appended_at = _EPOCH + timedelta(milliseconds=received.timestamp or 0)
    place = (
        appended_at.date(),
        topic.name,
        received.partition,
        received.offset,
        appended_at,
        received.key,
        _headers(received.headers or ()),
    )
    said = b"" if problem else orjson.dumps(record, default=_base64)
    if b"\\u0000" in said and _ESCAPED_ZERO.search(said):
        problem = NO_ZEROES
    if problem:
        absent = (None,) * len(table.asked_by)
        return Row(place[0], (*place, *absent, None, received.value, problem), unreadable=True)
    asked_by = [take(record) for take in table.asked_by.values()]
    return Row(place[0], (*place, *asked_by, said.decode(), None, None), unreadable=False)


def _headers(headers: Iterable[tuple[str, bytes | None]]) -> str:
    """Headers as JSON, in order; bytes that are no text are escaped."""
    said = [
        {"name": _text(name), "value": None if value is None else _text(value.decode(errors="backslashreplace"))}
        for name, value in headers
    ]
    return orjson.dumps(said).decode()


def _text(text: str) -> str:
    return text.replace("\x00", "\\x00")


def _base64(value: object) -> str:
    """Bytes in JSON's alphabet, as the command line prints them."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
