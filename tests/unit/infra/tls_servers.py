"""Servers on the loopback address with certificates of every kind, and brokers older than we can use."""

import base64
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

API_VERSIONS, METADATA = 18, 3


class Authority:
    """A certificate authority; its certificate is `file`."""

    def __init__(self, directory: Path) -> None:
        self._authority = trustme.CA()
        self.file = directory / f"authority-{id(self)}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def context(self, host: str = "127.0.0.1", *, expired: bool = False) -> ssl.SSLContext:
        """Return a server's side of TLS with a certificate for `host`."""
        until = datetime.now(UTC) - timedelta(days=1) if expired else None
        since = datetime.now(UTC) - timedelta(days=9) if expired else None
        issued = self._authority.issue_cert(host, not_before=since, not_after=until)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        return context


@contextmanager
def listening(answer: Callable[[socket.socket], None], tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """Have `answer` called with each connection; the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):  # the end of the block closes the server
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        def talk(connection: socket.socket) -> None:
            with suppress(OSError):  # a client that does not trust us hangs up
                answer(tls.wrap_socket(connection, server_side=True) if tls else connection)
            connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def old_broker(connection: socket.socket) -> None:
    """Speak Kafka as a broker of 2016: versions are known, Metadata only in its first."""
    host, port = connection.getsockname()
    while True:
        (size,) = struct.unpack(">i", _exactly(connection, 4))
        key, _version, correlation = struct.unpack(">hhi", _exactly(connection, size)[:8])
        if key == API_VERSIONS:
            body = (
                struct.pack(">hi", 0, 2) + struct.pack(">hhh", API_VERSIONS, 0, 0) + struct.pack(">hhh", METADATA, 0, 1)
            )
        else:
            name = host.encode()
            broker = struct.pack(">iih", 1, 0, len(name)) + name + struct.pack(">i", port)
            body = broker + struct.pack(">hii", -1, 0, 0)
        connection.sendall(struct.pack(">ii", len(body) + 4, correlation) + body)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = connection.recv(size, socket.MSG_WAITALL)
    if len(found) < size:
        raise OSError("the client hung up")
    return found


@contextmanager
def https_registry(tls: ssl.SSLContext, *, user: str, password: str) -> Iterator[str]:
    """A registry with no subject, over https, that lets in this user only; its address."""
    wanted = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            knows = self.headers.get("Authorization") == wanted
            self.send_response(404 if knows else 401)
            self.end_headers()
            self.wfile.write(json.dumps({"error_code": 40403 if knows else 401, "message": "no"}).encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def postgres_front(tls: ssl.SSLContext, behind: tuple[str, int]) -> Iterator[int]:
    """Take TLS as PostgreSQL does and pass what is said to the server `behind`, which need not know TLS; the port."""

    def answer(connection: socket.socket) -> None:
        _exactly(connection, 8)  # the client asks whether it may begin TLS
        connection.sendall(b"S")
        with tls.wrap_socket(connection, server_side=True) as spoken, socket.create_connection(behind) as server:
            threading.Thread(target=_pass_on, args=(server, spoken), daemon=True).start()
            _pass_on(spoken, server)

    with listening(answer) as port:
        yield port


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while said := source.recv(65536):
            target.sendall(said)
        target.shutdown(socket.SHUT_RDWR)
