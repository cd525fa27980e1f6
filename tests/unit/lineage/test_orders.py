"""What may change things: only operators, only from our own page or a program, under the name of who asked."""

import asyncio
import re
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from infra.clients.errors import ClientError
from lineage.access import Access
from lineage.boards import Board
from lineage.hub import Hub
from lineage.pseudonyms import Pseudonyms
from lineage.server import make_app

ACCESS = Access(operator_token="operate", viewer_token="look", proxies=frozenset({"testclient"}))


async def redrive(asked: Any, who: str) -> Any:
    """An operation that says what it was told, or refuses."""
    if not asked.get("letters"):
        raise ValueError("letters must be named")
    if asked["letters"] == "gone":
        raise ClientError("they are no longer kept")
    return {"who": who, "letters": asked["letters"]}


@pytest.fixture
def client() -> TestClient:
    """The server with one operation, and no system behind it."""
    desk = SimpleNamespace(questions={}, operations={"redrive": redrive}, pseudonyms=Pseudonyms(b"key"))
    return TestClient(make_app(desk, ACCESS))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer look"}, 403),
        ({"authorization": "Bearer operate"}, 200),
        ({"authorization": "Bearer operate", "origin": "http://elsewhere"}, 401),
        ({"x-forwarded-user": "ann"}, 403),
        ({"x-forwarded-user": "ann", "x-faretide-role": "operator"}, 200),
    ],
)
def test_only_an_operator_from_our_own_page_may(client, headers, status):
    """A viewer, a stranger and another site's page are refused with a sentence."""
    answer = client.post("/api/redrive", json={"letters": ["a"]}, headers=headers)
    assert answer.status_code == status
    assert status == 200 or answer.json()["sentence"]


def test_the_audit_names_whom_a_trusted_proxy_names_and_nobody_else(client):
    """A header from anywhere else is only a header."""
    headers = {"x-forwarded-user": "ann", "x-faretide-role": "operator"}
    assert client.post("/api/redrive", json={"letters": ["a"]}, headers=headers).json()["who"] == "ann"
    assert Access(operator_token="o").name_of(headers=headers, peer="1.2.3.4") == "dashboard operator"


@pytest.mark.parametrize(
    ("body", "sentence"), [({}, "letters must be named"), ({"letters": "gone"}, "they are no longer kept")]
)
def test_what_cannot_be_done_is_said_in_a_sentence(client, body, sentence):
    """Status 400 and the reason, never a traceback."""
    answer = client.post("/api/redrive", json=body, headers={"authorization": "Bearer operate"})
    assert (answer.status_code, answer.json()) == (400, {"sentence": sentence})


def test_every_answer_carries_the_security_headers(client):
    """Refusals too."""
    answer = client.post("/api/redrive", json={})
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "DENY"


def test_a_browser_asks_again_for_every_file_of_the_page(client):
    """Their names stay over releases: an old script would talk to a new server."""
    page = client.get("/")
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page.text)
    assert len(files) >= 3
    for answer in (page, *map(client.get, files)):
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(("path", "most"), [("/api/session", 4 << 10), ("/api/redrive", 1 << 20)])
def test_a_body_that_is_too_large_is_refused(client, path, most):
    """Whoever may try to sign in could fill the memory: that is anybody."""
    headers, said = {"authorization": "Bearer operate"}, b'{"token": "operate", "letters": ["a"]}'
    assert client.post(path, content=said.ljust(most), headers=headers).status_code == 200
    answer = client.post(path, content=said.ljust(most + 1), headers=headers)
    assert (answer.status_code, answer.json()) == (413, {"sentence": f"the body must have at most {most:,} bytes"})


@pytest.mark.parametrize(
    ("origin", "secure"), [("https://testserver", True), ("http://testserver", False), (None, False)]
)
def test_a_page_that_came_over_tls_sends_its_cookie_over_nothing_else(client, origin, secure):
    """Also where a proxy ends TLS, so that this server is asked over plain HTTP."""
    answer = client.post("/api/session", json={"token": "look"}, headers={"origin": origin} if origin else {})
    assert ("secure" in answer.headers["set-cookie"].lower()) == secure


def test_what_nobody_foresaw_is_a_sentence_too():
    """The page reads every answer as JSON; the traceback is for the log, not for who asks."""

    async def breaks(_asked: Any, _who: str) -> Any:
        raise ZeroDivisionError("secret")

    desk = SimpleNamespace(questions={}, operations={"redrive": breaks}, pseudonyms=Pseudonyms(b"key"))
    client = TestClient(make_app(desk, ACCESS), raise_server_exceptions=False)
    answer = client.post("/api/redrive", json={}, headers={"authorization": "Bearer operate"})
    assert (answer.status_code, [*answer.json()]) == (500, ["sentence"])
    assert "secret" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("message", [{"text": "hello"}, {"bytes": b"{}"}])
async def test_a_message_that_is_not_understood_closes_with_the_reason(message):
    """Text or not: code 4400, as the protocol says."""
    hub = Hub([Board("map")], Pseudonyms(b"key"), clock_ms=lambda: 0)
    desk = SimpleNamespace(questions={}, operations={}, hub=hub)
    coming, sent = asyncio.Queue[Any](), asyncio.Queue[Any]()
    for one in ({"type": "websocket.connect"}, {"type": "websocket.receive", **message}):
        coming.put_nowait(one)
    scope = {"type": "websocket", "path": "/api/boards", "headers": [(b"authorization", b"Bearer look")]}
    await asyncio.wait_for(make_app(desk, ACCESS)(scope, coming.get, sent.put), 5)
    said = [sent.get_nowait() for _ in range(sent.qsize())]
    assert [(one["type"], one.get("code")) for one in said] == [("websocket.accept", None), ("websocket.close", 4400)]
