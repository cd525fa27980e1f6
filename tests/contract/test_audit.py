"""The audit of dependencies: findings fail, silence of the service is told and does not."""

import importlib.util
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.embedded.ports import free_port

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
assert spec is not None
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)

LOCKED = "h11==0.14.0 --hash=sha256:e3fe4ac4b851c468cc8363d500db52c2ead036020723024a109d37346efaa761\n"
FOUND = {"id": "TEST-2020-1", "summary": "bad", "details": "bad", "modified": "2020-01-01T00:00:00Z", "affected": []}


@contextmanager
def vulnerability_service(*found: dict) -> Iterator[str]:
    """A service that knows these of every package; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"vulns": found} if found else {}).encode())

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/query"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def lock(tmp_path):
    """A lock file of one package."""
    file = tmp_path / "requirements.lock"
    file.write_text(LOCKED)
    return file


def looked(lock: Path, url: str) -> tuple[int, list[str]]:
    """Audit by the service at `url`, with no answer of earlier runs."""
    options = ("--vulnerability-service", "osv", "--osv-url", url, "--cache-dir", str(lock.parent / "cache"))
    return audit.verdict(*audit.audit(lock, *options))


def test_a_known_vulnerability_fails(lock):
    """The line names package, version and finding."""
    with vulnerability_service(FOUND) as url:
        code, (line,) = looked(lock, url)
    assert code == 1
    assert "h11 0.14.0: TEST-2020-1" in line


def test_nothing_known_passes(lock):
    """And says how many were looked at."""
    with vulnerability_service() as url:
        assert looked(lock, url) == (0, ["audit: no known vulnerability in 1 packages"])


def test_a_service_out_of_reach_is_told_and_does_not_fail(lock):
    """Nobody takes the silence for a clean bill."""
    code, (line,) = looked(lock, f"http://127.0.0.1:{free_port()}/v1/query")
    assert code == 0
    assert line.startswith("audit: NOT RUN")


def test_a_service_that_knows_nothing_is_told(lock):
    """A mirror without the advisory interface answers that it knows no package."""
    skipped = {"dependencies": [{"name": "a", "skip_reason": "not found"}]}
    code, (line,) = audit.verdict(0, json.dumps(skipped), "")
    assert code == 0
    assert "NOT RUN" in line


def test_a_broken_lock_fails(lock):
    """What cannot be read was not audited, and that is our fault."""
    lock.write_text("==\n")
    code, (line,) = looked(lock, "http://127.0.0.1:1/v1/query")
    assert code != 0
    assert line.startswith("audit: pip-audit failed")
