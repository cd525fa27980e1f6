"""From the badge to the faulty node, by someone who knows nothing but the page's texts; too long for every day."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.cli.incident_names import Incident
from infra.cli.incidents import FAULTY_NODE
from infra.embedded.processes import start_bound
from tests.broker.conftest import CACHE
from tests.browser.conftest import ROOT, STARTED_WITHIN_S, until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.alone,
    pytest.mark.browser,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(not os.environ.get("INCIDENTS"), reason="takes 20 minutes: `make incidents` runs it"),
]
MOST_CLICKS = 4
HEALTHY_S = float(os.environ.get("HEALTHY_S", "600"))
UPSTREAM = "It begins upstream, at"


@contextmanager
def disturbed(incident: Incident, directory: Path) -> Iterator[str]:
    """`faretide up` with the incident and a dashboard beside it; the address."""
    state = directory / incident
    state.mkdir()
    state.joinpath("cache").symlink_to(CACHE)
    environment = dict(os.environ) | {"FARETIDE_STATE_DIR": str(state), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "infra.cli"]
    city = [*command, "up", "--seconds", "900", "--drivers", "300", "--json", "--no-dashboard", "--incident", incident]
    up = start_bound(city, log=directory / "up.log", cwd=ROOT, environment=environment)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        until((state / "endpoints.json").exists, "faretide up writes its note", STARTED_WITHIN_S)
        show = [*command, "dashboard", "--port", str(port), "--token", "operate"]
        dashboard = start_bound(show, log=directory / "dashboard.log", cwd=ROOT, environment=environment)
        until(lambda: _listens(port), "the dashboard answers", STARTED_WITHIN_S)
        yield f"http://127.0.0.1:{port}/lineage#token=operate"
        _ended(dashboard)
    finally:
        _ended(up)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(60)


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """One page of the machine's own browser."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    yield opened
    context.close()


@pytest.mark.parametrize("incident", sorted(FAULTY_NODE))
def test_the_faulty_node_is_found_in_four_clicks(
    incident: Incident, page: Any, open_dir: Path, record_property: Callable[[str, object], None]
) -> None:
    """Any node with an error or warning, then the way upstream that its panel names, to the end."""
    with disturbed(incident, open_dir) as address:
        page.goto(address)
        badged = page.locator(".node", has=page.locator(".badge"))
        until(lambda: badged.count() > 0, "a badge appears", 180)
        page.wait_for_timeout(10_000)  # people look when they are told, not in the same instant
        badged.last.click()
        clicks = 1
        while page.locator(".panel", has_text=UPSTREAM).count() and clicks < MOST_CLICKS:
            page.locator(".panel p", has_text=UPSTREAM).locator("a").click()
            clicks += 1
        record_property("clicks", clicks)
        assert page.locator(".panel h2").inner_text() == FAULTY_NODE[incident]
        assert page.locator(".panel .warn").count() > 0


def test_a_healthy_system_wears_no_badge(page: Any, open_dir: Path) -> None:
    """For ten minutes, or as many seconds as HEALTHY_S says."""
    with disturbed(Incident.NONE, open_dir) as address:
        page.goto(address)
        page.wait_for_selector(".node")
        page.wait_for_timeout(30_000)  # a city that begins is not yet a healthy one
        end_s = time.monotonic() + HEALTHY_S
        while time.monotonic() < end_s:
            badges = page.locator(".node .badge").all_inner_texts()
            assert badges == [], [node.inner_text() for node in page.locator(".node", has=page.locator(".badge")).all()]
            page.wait_for_timeout(500)
