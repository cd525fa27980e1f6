"""The running system and a browser: servers, services and city from `faretide up`, the dashboard beside them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.embedded.processes import start_bound
from tests.broker.conftest import CACHE, open_dir

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STARTED_WITHIN_S = 150.0
__all__ = ["open_dir"]


def until(done: Callable[[], Any], what: str, within_s: float = 60.0) -> Any:
    """What `done` returns once it is true; fails naming `what` if that takes too long."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        found = done()
        if found:
            return found
        time.sleep(0.1)
    pytest.fail(f"{what} did not happen within {within_s:.0f} s")


@dataclass(slots=True)
class Running:
    """A system under a city, and its dashboard."""

    bootstrap: str
    address: str
    environment: dict[str, str]
    directory: Path
    dashboard: subprocess.Popen[bytes]
    shown_since_s: float
    """When the dashboard was started, by the monotonic clock."""


@dataclass(slots=True)
class Seen:
    """What a page must never do: complain, or ask anyone but its own server."""

    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def system(open_dir: Path) -> Iterator[Running]:
    """`faretide up` with a small city, and `faretide dashboard` on a free port."""
    state = open_dir / "up"
    state.mkdir()
    state.joinpath("cache").symlink_to(CACHE)
    environment = dict(os.environ) | {"FARETIDE_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "infra.cli"]
    city = [*command, "up", "--seconds", "1800", "--drivers", "300", "--json"]
    up = start_bound(city, log=open_dir / "up.log", cwd=ROOT, environment=environment)
    note = state / "endpoints.json"
    try:
        until(lambda: note.exists() or up.poll() is not None, "faretide up writes its note", STARTED_WITHIN_S)
        assert up.poll() is None, (open_dir / "up.log").read_text()[-2000:]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        show = [*command, "dashboard", "--port", str(port), "--token", "operate", "--viewer-token", "look"]
        dashboard = start_bound(show, log=open_dir / "dashboard.log", cwd=ROOT, environment=environment)
        bootstrap = json.loads(note.read_text())["bootstrap"]
        yield Running(bootstrap, f"http://127.0.0.1:{port}", environment, open_dir, dashboard, time.monotonic())
        dashboard.terminate()
        dashboard.wait(20)
    finally:
        up.terminate()
        up.wait(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The machine's own Chromium, drawing without a graphics card and without any forced emulation of one."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: install the package `chromium` to see the page tested")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Any, system: Running) -> Iterator[Callable[..., Any]]:
    """Opens signed-in pages; at the end each must have been quiet and have asked its own server only."""
    seen, contexts = Seen(), []

    def open_one(path: str = "/lineage", *, token: str = "operate") -> Any:
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda said: seen.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("request", lambda asked: seen.outside.append(asked.url) if system.address not in asked.url else None)
        until(lambda: _answers(system), "the dashboard answers", STARTED_WITHIN_S)
        page.goto(f"{system.address}{path}#token={token}")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert seen.outside == []
    assert seen.complaints == []


def _answers(system: Running) -> bool:
    host, port = system.address.removeprefix("http://").split(":")
    try:
        with socket.create_connection((host, int(port)), 1):
            return True
    except OSError:
        return False
