"""What a worker makes of a registry that answers wrongly: no answer, so that one partition waits and no more."""

import ssl

import httpx
import pytest

from agents import services
from agents.runtime.schema_ids import RegistryUnavailableError
from infra.clients.connection import Connection
from infra.clients.endpoints import Endpoints
from infra.clients.registry import Registry

CONNECTION = Connection(endpoints=Endpoints(bootstrap="", registry_url="http://registry"))


def answering(monkeypatch, answer):
    """Schemas known by a registry that answers so."""
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(services, "Registry", lambda connection: Registry(connection, transport=transport, tries=1))
    return services.KnownSchemas(CONNECTION, {})


def of_another_authority(_request):
    """The certificate is not one we trust."""
    raise httpx.ConnectError("TLS") from ssl.SSLCertVerificationError(1, "self-signed certificate")


@pytest.mark.parametrize(
    "answer",
    [
        lambda _request: httpx.Response(503),
        lambda _request: httpx.Response(401),
        lambda _request: httpx.Response(403),
        lambda _request: httpx.Response(404, html="<h1>Not found</h1>"),
        lambda _request: httpx.Response(404, json={"error_code": "none"}),
        lambda _request: httpx.Response(200, html="<h1>Sign in</h1>"),
        lambda _request: httpx.Response(200, json={"sign": "in"}),
        lambda _request: httpx.Response(418),
        of_another_authority,
    ],
)
async def test_a_registry_that_answers_wrongly_gave_no_answer(monkeypatch, answer):
    """Whatever ends a command that asks it, a worker asks again later; it does not take the id for unknown."""
    schemas = answering(monkeypatch, answer)
    with pytest.raises(RegistryUnavailableError):
        await schemas.lookup(7)
    assert not schemas.known(7)


async def test_that_there_is_no_such_schema_is_an_answer(monkeypatch):
    """In the registry's own words, it is known that the id means nothing."""
    schemas = answering(monkeypatch, lambda _request: httpx.Response(404, json={"error_code": 40403}))
    await schemas.lookup(7)
    assert schemas.known(7)
    assert 7 not in schemas.schemas
