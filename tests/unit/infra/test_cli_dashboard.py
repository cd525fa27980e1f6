"""The dashboard leaves its token nowhere, and ends when it is told to."""

import asyncio
import socket
from functools import partial
from types import SimpleNamespace

import pytest
import uvicorn

import infra.logging
from infra.cli import dashboard, worker
from infra.embedded import processes
from infra.settings import Settings


@pytest.mark.parametrize(("no_address", "lines"), [(False, 1), (True, 0)])
def test_an_address_that_signs_in_is_printed_unless_its_reader_knows_it(monkeypatch, capsys, no_address, lines):
    """The output of one that `faretide up` started is a file."""

    async def serve(_settings, _connection, _access, listening):
        listening.close()

    monkeypatch.setattr(dashboard, "_serve", serve)
    monkeypatch.setattr(worker, "connection_within", lambda *_arguments: None)
    monkeypatch.setattr(infra.logging, "configure", lambda *_arguments, **_options: None)
    dashboard.command(port=0, host="127.0.0.1", token="", viewer_token="", no_address=no_address)
    assert capsys.readouterr().out.count("#token=") == lines


def test_the_one_beside_gets_its_token_by_environment_and_keeps_it(monkeypatch, tmp_path):
    """Neither its arguments nor its log show it; a file that named it is read by the parent alone."""
    started = []

    def start_bound(command, *, environment, **_options):
        started.append((command, environment))
        return SimpleNamespace(terminate=lambda: None, wait=lambda _timeout_s: 0)

    (tmp_path / "token").write_text("sesame")
    monkeypatch.setenv("FARETIDE_DASHBOARD_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setattr(processes, "start_bound", start_bound)
    with dashboard.beside(Settings(state_dir=tmp_path), logs=tmp_path) as address:
        assert address.endswith("/#token=sesame")
    ((command, environment),) = started
    assert "--no-address" in command
    assert not [word for word in command if "sesame" in word]
    assert environment["FARETIDE_DASHBOARD_TOKEN"] == "sesame"
    assert "FARETIDE_DASHBOARD_TOKEN_FILE" not in environment


async def test_a_page_whose_reader_sleeps_does_not_keep_the_server(monkeypatch):
    """A laptop that is closed leaves a socket that takes no more; the server waits for it a while, and ends."""
    monkeypatch.setattr(dashboard, "GRACE_S", 1)

    spoken = asyncio.Event()

    async def speaking(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "x" * 1_000_000})
            spoken.set()

    config = dashboard.served(speaking)
    config.load()
    server = uvicorn.Server(config)
    server.servers, server.lifespan = [], SimpleNamespace(should_exit=False, state={}, shutdown=_at_once)
    ours, sleeper = socket.socketpair()
    loop = asyncio.get_running_loop()
    protocol = partial(
        config.http_protocol_class, config=config, server_state=server.server_state, app_state={}, _loop=loop
    )
    with sleeper:
        await loop.connect_accepted_socket(protocol, ours)
        sleeper.sendall(UPGRADE)
        await asyncio.wait_for(spoken.wait(), 20)
        await asyncio.wait_for(server.shutdown(), 20)


async def _at_once():
    """Nothing to end."""


UPGRADE = (
    b"GET /api/boards HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
