"""What the client does without anyone to talk to: refuse, and close."""

from contextlib import AsyncExitStack

import pytest

from faretide import (
    Client,
    ClientError,
    DriverPinged,
    DriverStatus,
    QuoteAnswered,
    QuoteOutcome,
    SaslMechanism,
    Security,
    SecurityProtocol,
    new_request,
)
from faretide.answers import Answers
from faretide.rides import acceptance_of
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints

NOWHERE = Endpoints(bootstrap="", registry_url="")
PING = DriverPinged(driver_id="d", at_ms=1, lat=0.0, lon=0.0, status=DriverStatus.IDLE, products=["xl"])


async def test_a_client_that_is_not_entered_says_so():
    """The sentence shows how to enter it."""
    client = Client("127.0.0.1:1", "http://127.0.0.1:1")
    for question in (client.publish(PING), client.quote(new_request("rider", (1.0, 2.0), (3.0, 4.0)))):
        with pytest.raises(RuntimeError, match="async with Client"):
            await question


async def test_who_waits_is_told_that_the_client_closes_before_the_rest_is_written():
    """Writing may take ten seconds while no broker answers."""
    client = Client("127.0.0.1:1", "http://127.0.0.1:1")
    client._answers = Answers(Connection(endpoints=NOWHERE), ids=None)
    client._open = AsyncExitStack()
    with client._answers.quotes.awaited(b"rider", "request") as answer:
        client._open.callback(lambda: told.append(answer.done()))
        told = []
        await client.__aexit__(None, None, None)
        assert told == [True]
        with pytest.raises(ClientError, match="closed while an answer was awaited"):
            await answer


def test_two_requests_have_two_ids():
    """Each is a question of its own unless its id is used again."""
    one, two = (new_request("rider", (1.0, 2.0), (3.0, 4.0)) for _ in range(2))
    assert one.request_id != two.request_id
    assert (one.pickup_lat, one.pickup_lon, one.dropoff_lat, one.dropoff_lon) == (1.0, 2.0, 3.0, 4.0)


def test_security_is_said_in_names_or_in_text():
    """Both come from `faretide`, and mean the same to the client of the brokers."""
    named = Security(protocol=SecurityProtocol.SASL_SSL, mechanism=SaslMechanism.PLAIN, user="u")
    said = Security(protocol="SASL_SSL", mechanism="PLAIN", user="u")
    options = [Connection(endpoints=NOWHERE, security=security).kafka() for security in (named, said)]
    assert options[0] == options[1]
    assert (options[1]["security_protocol"], options[1]["sasl_mechanism"]) == ("SASL_SSL", "PLAIN")
    with pytest.raises(ValueError, match=r"protocol must be one of PLAINTEXT, SSL, .* got 'TLS'"):
        Security(protocol="TLS")


@pytest.mark.parametrize("outcome", [QuoteOutcome.REFUSED, QuoteOutcome.EXPIRED, QuoteOutcome.UNKNOWN])
def test_only_a_priced_quote_is_accepted(outcome):
    """There is no price to accept otherwise."""
    quote = QuoteAnswered(
        quote_id="q", request_id="r", rider_id="a", outcome=outcome, at_ms=1, now_ms=2, product="xl", request_offset=0
    )
    with pytest.raises(ValueError, match=f"quote must be PRICED to be accepted, got {outcome}"):
        acceptance_of(quote, "ride", 3)
