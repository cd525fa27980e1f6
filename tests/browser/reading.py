"""What a page says, as numbers and sentences."""

import re
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import Running


def figure(page: Any, name: str) -> str:
    """The text of a named figure."""
    return (
        page.locator(f'[data-figure="{name}"]')
        .first.locator("b")
        .or_(page.locator(f'[data-figure="{name}"]').first)
        .first.inner_text()
    )


def number(text: str) -> int:
    """A count as shown, as a number."""
    return int(re.sub(r"[^\d]", "", text))


def shown(page: Any, selector: str, system: Running) -> None:
    """Waits until the page shows it; a failure says what stood there instead, and the end of the server's log."""
    try:
        page.wait_for_selector(selector)
    except PlaywrightTimeout:
        log = (system.directory / "dashboard.log").read_text()[-2000:]
        pytest.fail(f"{page.url} shows no {selector} but\n{page.locator('body').inner_text()[:2000]}\n\n{log}")
