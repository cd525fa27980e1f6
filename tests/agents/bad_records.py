"""The records of docs/bad-input.md, each made from a good one by spoiling one thing or two."""

import struct
from dataclasses import replace

from topics import wire
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS
from topics.codec import ObjectCodec
from topics.events import DriverPinged, DriverStatus, QuoteRequested, RideEventHappened, RideEventKind

NOW_MS = 1_793_620_800_000
SCHEMA_ID = {DRIVER_PINGS: 1, QUOTE_REQUESTS: 2, RIDE_EVENTS: 3}
CODECS = {topic: ObjectCodec(topic, number) for topic, number in SCHEMA_ID.items()}
NAN, INFINITE = float("nan"), float("inf")
LONG = "x" * 300

PING = DriverPinged(
    driver_id="driver-1", at_ms=NOW_MS, lat=40.758, lon=-73.985, status=DriverStatus.IDLE, products=["standard"]
)
REQUEST = QuoteRequested(
    request_id="request-1", rider_id="rider-1", at_ms=NOW_MS, pickup_lat=40.758, pickup_lon=-73.985,
    dropoff_lat=40.7033, dropoff_lon=-74.017, product="standard",
)  # fmt: skip
ACCEPTANCE = RideEventHappened(
    event_id="event-1", rider_id="rider-1", ride_id="ride-1", kind=RideEventKind.QUOTE_ACCEPTED, at_ms=NOW_MS
)
FUTURE, SECONDS, LATE = NOW_MS + 3_600_000, NOW_MS // 1000, NOW_MS - 60_000


def value_of(topic, record):
    """The record as its producer would send it."""
    return CODECS[topic].encode(record)


def _keyed(topic, record, key):
    """A good value under a key."""
    return key, value_of(topic, record)


def _changed(topic, record, who, **changes):
    """The record with some fields changed, under the key it then names."""
    changed = replace(record, **changes)
    return getattr(changed, who).encode(), value_of(topic, changed)


def _ping(**changes):
    return _changed(DRIVER_PINGS, PING, "driver_id", **changes)


def _request(**changes):
    return _changed(QUOTE_REQUESTS, REQUEST, "rider_id", **changes)


def acceptance(quote, **changes):
    """An acceptance of that quote as it was given, with some fields changed."""
    same = {"quote_id": quote.quote_id, "amount_minor": quote.amount_minor, "currency": quote.currency}
    return _changed(RIDE_EVENTS, ACCEPTANCE, "rider_id", **{**same, **changes})


_GOOD = value_of(DRIVER_PINGS, PING)
# driver_id, at_ms, lat, lon, then the number of the status: zigzag, one byte.
_STATUS_AT = _GOOD.index(struct.pack("<d", PING.lon)) + 8

PINGS = {
    "null value": (b"driver-1", None),
    "no bytes": (b"driver-1", b""),
    "text in place of Avro": (b"driver-1", b'{"driver_id": "driver-1"}'),
    "cut short": (b"driver-1", _GOOD[:-3]),
    "bytes after the end": (b"driver-1", _GOOD + b"\0"),
    "id that is not UTF-8": (b"driver-1", _GOOD.replace(b"driver-1", b"driver-\xff")),
    "unknown schema id": (b"driver-1", wire.frame(99, _GOOD[5:])),
    "negative schema id": (b"driver-1", wire.frame(-1, _GOOD[5:])),
    "enum number out of range": (b"driver-1", _GOOD[:_STATUS_AT] + b"\x7e" + _GOOD[_STATUS_AT + 1 :]),
    "status of a newer app": _ping(status=DriverStatus.UNKNOWN),
    "latitude 400": _ping(lat=400.0),
    "latitude NaN": _ping(lat=NAN),
    "longitude infinite": _ping(lon=INFINITE),
    "an hour ahead": _ping(at_ms=FUTURE),
    "seconds for milliseconds": _ping(at_ms=SECONDS),
    "a minute late": _ping(at_ms=LATE),
    "no key": _keyed(DRIVER_PINGS, PING, None),
    "key of another driver": _keyed(DRIVER_PINGS, PING, b"driver-2"),
    "empty id": _ping(driver_id=""),
    "id of 300 bytes": _ping(driver_id=LONG),
    "no products": _ping(products=[]),
    "products of 2,000 bytes": _ping(products=[str(number) * 200 for number in range(10)]),
    "outside every market": _ping(lat=0.0, lon=0.0),
    "teleports across the city": _ping(at_ms=NOW_MS + 1, lat=40.65, lon=-73.95),
    "huge when unpacked": (b"driver-1", b"{" + b" " * 2**21),
}
REQUESTS = {
    "null value": (b"rider-1", None),
    "text in place of Avro": (b"rider-1", b'{"rider_id": "rider-1"}'),
    "unknown schema id": (b"rider-1", wire.frame(99, value_of(QUOTE_REQUESTS, REQUEST)[5:])),
    "key of another rider": _keyed(QUOTE_REQUESTS, REQUEST, b"rider-2"),
    "empty request id": _request(request_id=""),
    "request id of 300 bytes": _request(request_id=LONG),
    "product of 300 bytes": _request(product=LONG),
    "product of 300 bytes, pickup NaN": _request(product=LONG, pickup_lat=NAN),
    "request id of 300 bytes, an hour ahead": _request(request_id=LONG, at_ms=FUTURE),
    "empty request id, pickup NaN": _request(request_id="", pickup_lat=NAN),
    "pickup NaN": _request(pickup_lat=NAN),
    "an hour ahead": _request(at_ms=FUTURE),
    "seconds for milliseconds": _request(at_ms=SECONDS),
    "empty product": _request(product=""),
    "a minute late": _request(at_ms=LATE),
    "deadline passed": _request(deadline_ms=NOW_MS - 1),
    "outside every market": _request(pickup_lat=0.0, pickup_lon=0.0),
    "unknown product": _request(product="boat"),
    "dropoff equal to pickup": _request(dropoff_lat=REQUEST.pickup_lat, dropoff_lon=REQUEST.pickup_lon),
    "dropoff on another continent": _request(dropoff_lat=51.5, dropoff_lon=-0.12),
    "the same request again": _request(),
    "its id with other content": _request(pickup_lat=40.7, pickup_lon=-73.95, product="xl"),
}
REPEATS = {"the same request again", "its id with other content"}


def rides(quote):
    """Ride events by case, given the quote they are about."""
    good = acceptance(quote)
    return {
        "null value": (b"rider-1", None),
        "cut short": (good[0], good[1][:-3]),
        "kind of a newer app": acceptance(quote, kind=RideEventKind.UNKNOWN),
        "key of another rider": (b"rider-2", good[1]),
        "acceptance without quote": acceptance(quote, quote_id=None),
        "acceptance without currency": acceptance(quote, currency=None),
        "currency of two letters": acceptance(quote, currency="US"),
        "quote id of 300 bytes": acceptance(quote, quote_id=LONG),
        "an hour ahead": acceptance(quote, at_ms=FUTURE),
        "unknown quote": acceptance(quote, quote_id="0" * 32),
        "quote of another rider": acceptance(quote, rider_id="rider-2"),
        "expired quote": good,
        "altered amount": acceptance(quote, amount_minor=quote.amount_minor - 1),
        "altered currency": acceptance(quote, currency="EUR"),
        "quote sold to another ride": acceptance(quote, event_id="event-2", ride_id="ride-2"),
        "the same acceptance again": good,
    }


SOLD_BEFORE = {"quote sold to another ride", "the same acceptance again"}
TOO_LATE = {"expired quote"}
