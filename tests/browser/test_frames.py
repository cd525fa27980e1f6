"""Frames a second of the page when everything on it changes ten times a second; the stack is not needed."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.processes import start_bound
from tests.browser.conftest import ROOT, until

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.browser, pytest.mark.timeout(120)]
FLOOR = float(os.environ.get("FRAMES_FLOOR", "10"))
"""What a machine that also runs everything else still reaches; `make frames` asks a quiet one for 55."""
COUNT_FRAMES = """async (seconds) => {
    const gaps = [];
    let before = await new Promise(requestAnimationFrame);
    const end = before + seconds * 1000;
    while (before < end) {
        const now = await new Promise(requestAnimationFrame);
        gaps.push(now - before);
        before = now;
    }
    gaps.sort((a, b) => a - b);
    return {frames_per_s: gaps.length / seconds, p99_ms: gaps[Math.floor(gaps.length * 0.99)]};
}"""


@pytest.fixture(scope="module")
def synthetic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of `synthetic.py` as a process; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = _started(port, tmp_path_factory.mktemp("synthetic") / "server.log")
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(20)


def _started(port: int, log: Path) -> subprocess.Popen[bytes]:
    """The synthetic server, answering."""
    command = [sys.executable, "-m", "tests.browser.synthetic", str(port)]
    server = start_bound(command, log=log, cwd=ROOT, environment=dict(os.environ) | {"PYTHONPATH": str(ROOT)})
    until(lambda: _listens(port, server), "the synthetic server answers")
    return server


def _listens(port: int, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize(("view", "ready"), [("map", ".map canvas"), ("lineage", ".node.service")])
def test_the_page_keeps_drawing_while_everything_changes(
    view: str, ready: str, browser: Any, synthetic: str, record_property: Any, capsys: Any
) -> None:
    """5,167 cells, 40 nodes and their edges change in every frame of the protocol."""
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"{synthetic}/{view}#token=operate")
    page.wait_for_selector(ready)
    page.wait_for_timeout(1_000)
    counted = page.evaluate(COUNT_FRAMES, 3)
    record_property(view, counted)
    said = f"{view}: {counted['frames_per_s']:.0f} frames a second, 99 % of gaps under {counted['p99_ms']:.0f} ms"
    capsys.readouterr()
    with capsys.disabled():
        sys.stdout.write(f"\n{said}\n")
    page.context.close()
    assert counted["frames_per_s"] >= FLOOR


def test_a_server_that_is_gone_is_said_to_be_and_comes_back(browser: Any, tmp_path: Path) -> None:
    """The last state stays, greyed; the page tries again by itself and is live once the server is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = _started(port, tmp_path / "first.log")
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(f"http://127.0.0.1:{port}/lineage#token=operate")
    page.wait_for_selector(".node.service")
    server.kill()
    server.wait(20)
    page.get_by_text("The dashboard's server does not answer").wait_for()
    assert page.locator(".main.grey").count() == 1
    assert page.locator(".node.service").count() > 0
    again = _started(port, tmp_path / "second.log")
    page.locator('[data-status="live"]').wait_for(timeout=60_000)
    assert page.locator(".main.grey").count() == 0
    page.context.close()
    again.terminate()
    again.wait(20)
