"""A small HTTP server beside a worker: /metrics for Prometheus, /livez and /readyz for whoever supervises it.

It lives in threads of its own, so that a stuck event loop is told of instead of going silent, and the loop waits for
no scrape. It reads and never changes anything; there is nothing to sign in to, so it listens on the loopback address
unless told otherwise.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
from prometheus_client import CONTENT_TYPE_LATEST

from agents.runtime.health import Verdict
from agents.runtime.health_watch import HealthWatch
from agents.runtime.metrics_page import MetricsPage
from agents.runtime.telemetry import Meter

LOOK_EVERY_S = 0.5
PATIENCE_S = 5.0
"""How long a client may take to say what it wants."""
JSON = "application/json"


class Endpoint(ThreadingHTTPServer):
    """The server of one worker."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], service: str, meter: Meter, watch: HealthWatch) -> None:
        """Listen on `address`, port 0 for a free one. Raises OSError naming the setting if that cannot be."""
        self._watch = watch
        self._page = MetricsPage(service, meter, self._judged)
        try:
            super().__init__(address, _Handler)
        except OSError as error:
            raise OSError(
                f"FARETIDE_METRICS_HOST and FARETIDE_METRICS_PORT must be an address this worker can listen on, "
                f"got {address[0]}:{address[1]}: {error.strerror}"
            ) from None

    def service_actions(self) -> None:
        """Look at the worker; the server's own loop calls it every LOOK_EVERY_S."""
        self._watch.look()

    def answers(self) -> dict[str, Callable[[], tuple[HTTPStatus, str, bytes]]]:
        """Status, content type and body by path."""
        return {
            "/metrics": lambda: (HTTPStatus.OK, CONTENT_TYPE_LATEST, self._page.text()),
            "/livez": lambda: _told(self._watch.live()),
            "/readyz": lambda: _told(self._watch.ready()),
        }

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that went away in the middle is no news."""

    def _judged(self) -> dict[str, float]:
        return {"live": float(self._watch.live().well), "ready": float(self._watch.ready().well)}


class _Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of the three paths."""

    server: Endpoint
    timeout = PATIENCE_S
    server_version, sys_version = "faretide", ""

    def do_GET(self) -> None:
        """Answer with the body."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer without the body."""
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        answer = self.server.answers().get(self.path.partition("?")[0])
        if answer is None:
            self.send_error(HTTPStatus.NOT_FOUND, "try /metrics, /livez or /readyz")
            return
        status, content_type, body = answer()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *_said: object) -> None:
        """Keep the log free of probes."""


def _told(verdict: Verdict) -> tuple[HTTPStatus, str, bytes]:
    status = HTTPStatus.OK if verdict.well else HTTPStatus.SERVICE_UNAVAILABLE
    return status, JSON, orjson.dumps({"status": "ok" if verdict.well else "failing", "reasons": verdict.reasons})


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[int]:
    """Serve during the block, in a thread; yields the port."""
    thread = threading.Thread(
        target=endpoint.serve_forever, kwargs={"poll_interval": LOOK_EVERY_S}, name="metrics", daemon=True
    )
    thread.start()
    try:
        yield endpoint.server_address[1]
    finally:
        endpoint.shutdown()
        endpoint.server_close()
