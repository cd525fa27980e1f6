"""Faretide for Python programs: publish events, await quotes, accept them, all over Kafka topics.

>>> from faretide import Client, new_request
"""

from faretide.client import Answer, Client
from faretide.rides import new_request
from infra.clients.connection import Security
from infra.clients.errors import AccessDeniedError, ClientError, NoAnswerError, UnreachableError
from infra.settings import SaslMechanism, SecurityProtocol
from topics.events import DriverPinged, DriverStatus, QuoteRequested, RideEventHappened, RideEventKind
from topics.prices import BookingJudged, BookingOutcome, QuoteAnswered, QuoteOutcome

__all__ = [
    "AccessDeniedError",
    "Answer",
    "BookingJudged",
    "BookingOutcome",
    "Client",
    "ClientError",
    "DriverPinged",
    "DriverStatus",
    "NoAnswerError",
    "QuoteAnswered",
    "QuoteOutcome",
    "QuoteRequested",
    "RideEventHappened",
    "RideEventKind",
    "SaslMechanism",
    "Security",
    "SecurityProtocol",
    "UnreachableError",
    "new_request",
]
