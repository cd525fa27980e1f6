"""What outside producers say: drivers' pings, riders' requests, and what became of rides.

One class per record of `avro/`, field for field; the meaning and unit of each field stand there.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class DriverStatus(StrEnum):
    """What the car is doing. UNKNOWN counts as neither idle nor busy."""

    UNKNOWN = "UNKNOWN"
    IDLE = "IDLE"
    BUSY = "BUSY"
    OFFLINE = "OFFLINE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverPinged:
    """A driver's app reported where the car is and whether it is free."""

    driver_id: str
    at_ms: int
    lat: float
    lon: float
    status: DriverStatus
    products: list[str] = field(default_factory=list)
    free_at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRequested:
    """A rider asked what a ride would cost."""

    request_id: str
    rider_id: str
    at_ms: int
    pickup_lat: float
    pickup_lon: float
    dropoff_lat: float
    dropoff_lon: float
    product: str
    deadline_ms: int | None = None


class RideEventKind(StrEnum):
    """What happened."""

    UNKNOWN = "UNKNOWN"
    QUOTE_ACCEPTED = "QUOTE_ACCEPTED"
    RIDE_STARTED = "RIDE_STARTED"
    RIDE_COMPLETED = "RIDE_COMPLETED"
    RIDE_CANCELLED = "RIDE_CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class RideEventHappened:
    """What became of a quote: accepted, and then the ride's life."""

    event_id: str
    rider_id: str
    ride_id: str
    kind: RideEventKind
    at_ms: int
    quote_id: str | None = None
    amount_minor: int | None = None
    currency: str | None = None
    driver_id: str | None = None
