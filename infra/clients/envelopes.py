"""What goes around a record when it is published: its key and its event attributes.

The key decides the partition, so it is derived from the record and never chosen by whoever publishes.
"""

from operator import attrgetter
from typing import Any

from topics.catalogue import PartitionGroup, Topic
from topics.counts import CountKind
from topics.ledger import DeadLettered
from topics.wire import Event

# Key of control records: they concern every zone and are written to each partition by number.
EVERY_ZONE = b"*"

_KEY_FIELDS = {
    "driver-pings.v1": "driver_id",
    "quote-requests.v1": "rider_id",
    "ride-events.v1": "rider_id",
    "quotes.v1": "rider_id",
    "booking-decisions.v1": "rider_id",
    "city-demand.v1": "source_partition",
    "pricing-policy.v1": "market",
    "markets.v1": "market",
    "models.v1": "name",
    "late-events.v1": "id",
    "telemetry.v1": "worker",
}
_ID_FIELDS = ("event_id", "decision_id", "quote_id", "request_id", "policy_id")
_TIME_FIELDS = ("at_ms", "now_ms", "effective_from_ms", "announced_ms")


def key_of(topic: Topic, record: Any) -> bytes | None:  # noqa: ANN401  the topic's record class
    """Key of `record` in `topic`, as the catalogue says in words.

    >>> from topics.catalogue import DRIVER_PINGS
    >>> from topics.events import DriverPinged, DriverStatus
    >>> key_of(DRIVER_PINGS, DriverPinged(driver_id="d1", at_ms=1, lat=0.0, lon=0.0, status=DriverStatus.IDLE))
    b'd1'
    """
    if isinstance(record, DeadLettered):
        return record.key
    if topic.group is PartitionGroup.ZONE:
        is_control = getattr(record, "kind", CountKind.CELLS) is not CountKind.CELLS
        return EVERY_ZONE if is_control else f"{record.zone:x}".encode()
    return str(attrgetter(_KEY_FIELDS[topic.name])(record)).encode()


def event_of(topic: Topic, record: Any, source: str) -> Event:  # noqa: ANN401  as above
    """Event attributes of `record`: the same record has the same id whoever publishes it, and however often.

    >>> from topics.catalogue import DRIVER_PINGS
    >>> from topics.events import DriverPinged, DriverStatus
    >>> ping = DriverPinged(driver_id="d1", at_ms=7, lat=0.0, lon=0.0, status=DriverStatus.IDLE)
    >>> event_of(DRIVER_PINGS, ping, "app").id
    'd1-7'
    """
    time_ms = next(getattr(record, name) for name in _TIME_FIELDS if hasattr(record, name))
    return Event(id=_id(topic, record, time_ms), source=source, type=type(record).__name__, time_ms=time_ms)


def _id(topic: Topic, record: Any, time_ms: int) -> str:  # noqa: ANN401  as above
    if isinstance(record, DeadLettered):
        return f"{record.topic}-{record.partition}-{record.offset}-{record.attempt}"
    for name in _ID_FIELDS:
        if hasattr(record, name):
            return str(getattr(record, name))
    return f"{(key_of(topic, record) or b'').decode()}-{time_ms}"
