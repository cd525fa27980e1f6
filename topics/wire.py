"""What stands around a record on the wire: the Confluent frame of its value, and its headers.

A framed value is a zero byte, the schema id as four bytes (big-endian, signed), then the Avro body. Headers follow
CloudEvents (`ce_id`, `ce_source`, `ce_type`, `ce_time`) and W3C Trace Context (`traceparent`), all UTF-8.
"""

import re
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

FRAME_BYTES = 5
_FRAME = struct.Struct(">bi")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

Headers = list[tuple[str, bytes]]


def frame(schema_id: int, body: bytes) -> bytes:
    r"""`body` as a value whose schema the registry knows by `schema_id`.

    >>> frame(7, b"ab")
    b'\x00\x00\x00\x00\x07ab'
    """
    return _FRAME.pack(0, schema_id) + body


def schema_id(value: bytes) -> int | None:
    """Registry id of a framed value; None if it has no frame.

    >>> schema_id(frame(7, b"")), schema_id(b"{}")
    (7, None)
    """
    if len(value) < FRAME_BYTES or value[0] != 0:
        return None
    return int.from_bytes(value[1:FRAME_BYTES], "big", signed=True)


class Event(NamedTuple):
    """CloudEvents attributes of one record; `time_ms` is epoch milliseconds UTC, None where absent or not readable."""

    id: str
    source: str
    type: str
    time_ms: int | None


class Trace(NamedTuple):
    """Position in a distributed trace: 32 and 16 lower-case hexadecimal digits, neither all zero."""

    trace_id: str
    span_id: str
    sampled: bool


def headers(event: Event, trace: Trace | None = None) -> Headers:
    """Headers of a record: the event's four, then `traceparent` if it belongs to a trace.

    >>> headers(Event("r1-quote", "quotes", "QuoteAnswered", 1_700_000_000_250))[3]
    ('ce_time', b'2023-11-14T22:13:20.250Z')
    """
    said: Headers = [
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
    ]
    if event.time_ms is not None:
        said.append(("ce_time", rfc3339(event.time_ms).encode()))
    if trace is not None:
        said.append(("traceparent", traceparent(trace)))
    return said


def event_of(said: Iterable[tuple[str, bytes | None]]) -> Event | None:
    """The event attributes in some record's headers; None if it has no `ce_id`. Foreign headers are passed over."""
    found = {name: (value or b"").decode(errors="replace") for name, value in said if name.startswith("ce_")}
    if not found.get("ce_id"):
        return None
    return Event(found["ce_id"], found.get("ce_source", ""), found.get("ce_type", ""), _ms(found.get("ce_time", "")))


def client_of(said: Iterable[tuple[str, bytes | None]]) -> str:
    """Which client wrote a record, by its headers; other headers may be missing.

    >>> client_of([("ce_source", b"driver-app/2.1")]), client_of([])
    ('driver-app/2.1', 'a client without ce_source')
    """
    for name, value in said:
        if name == "ce_source" and value:
            return value.decode(errors="replace")
    return "a client without ce_source"


def traceparent(trace: Trace) -> bytes:
    """The header value of `trace`, version 00 of W3C Trace Context."""
    return f"00-{trace.trace_id}-{trace.span_id}-{1 if trace.sampled else 0:02x}".encode()


def trace_of(said: Iterable[tuple[str, bytes | None]]) -> Trace | None:
    """The trace some record's headers belong to; None if absent or malformed, as the standard asks.

    >>> trace_of([("traceparent", b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01")]).sampled
    True
    """
    for name, value in said:
        if name == "traceparent" and value is not None:
            match = _TRACEPARENT.fullmatch(value.decode("ascii", errors="replace"))
            if match and match[1] != "ff" and match[2].strip("0") and match[3].strip("0"):
                return Trace(match[2], match[3], bool(int(match[4], 16) & 1))
    return None


def passed_on(said: Iterable[tuple[str, bytes | None]]) -> Headers:
    """The header by which an answer belongs to the trace of what it answers; none if that belongs to none."""
    trace = trace_of(said)
    return [("traceparent", traceparent(trace))] if trace is not None else []


def rfc3339(at_ms: int) -> str:
    """An instant for people and CloudEvents: UTC, to the millisecond."""
    return f"{_to_the_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(64)
def _to_the_second(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"


def _ms(text: str) -> int | None:
    """Epoch milliseconds of an RFC 3339 instant; None if it is none or names no offset."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if at.tzinfo is None:
        return None
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
