"""Each view in a real browser against the running system: what it shows is what the topics hold."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from tests.browser.conftest import Running, until
from tests.browser.topics_read import cells_priced, kept, publish_rubbish, record_at

pytestmark = [pytest.mark.broker, pytest.mark.timeout(400)]
OpenPage = Callable[..., Any]


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


def test_rows_stand_still_under_the_pointer(open_page: OpenPage) -> None:
    """While the pointer is over the quotes the first row stays while newer ones come; they show when it leaves."""
    page = open_page("/quotes")
    page.locator("tbody tr").first.hover()
    first = page.locator("tbody tr").first.locator("a").first.get_attribute("href")
    page.get_by_text("newer when the pointer leaves").wait_for()
    assert page.locator("tbody tr").first.locator("a").first.get_attribute("href") == first
    page.mouse.move(1, 1)
    until(lambda: page.locator("tbody tr").first.locator("a").first.get_attribute("href") != first, "newer rows come")


def test_the_lineage_shows_what_the_topic_holds(system: Running, open_page: OpenPage) -> None:
    """Records and partitions of a topic's panel lie between two counts by another client, and services are live."""
    page = open_page("/lineage/quote-requests.v1")
    page.wait_for_selector('.panel [data-figure="records"]')
    before = kept(system.bootstrap, "quote-requests.v1")
    until(lambda: number(figure(page, "records")) >= max(before, 1), "the panel reaches the count")
    shown = number(figure(page, "records"))
    rows = page.locator(".panel section").filter(has_text="Partitions").locator("tbody tr")
    assert rows.count() == 4
    assert shown <= kept(system.bootstrap, "quote-requests.v1")
    assert {"supply", "demand", "pricing", "quotes"} <= set(page.locator(".node.service .name").all_inner_texts())


def test_a_quote_is_explained_in_two_clicks(system: Running, open_page: OpenPage) -> None:
    """Amount and multiplier are the record's, the chain ends there, the tick computed again is the published one."""
    page = open_page("/quotes")
    page.locator("tbody tr").filter(has_text="priced").first.locator("a").first.click()
    shown(page, ".explain", system)
    partition, offset = page.url.split("/")[-1].replace("%40", "@").split("@")
    quote = record_at(system.bootstrap, "quotes.v1", int(partition), int(offset))
    assert page.locator('[data-figure="amount"]').inner_text() == f"${quote['amount_minor'] / 100:,.2f}"
    assert page.locator('[data-figure="sum"]').inner_text() == f"${quote['amount_minor'] / 100:,.2f}"
    assert page.locator('[data-figure="multiplier"]').inner_text() == f"{quote['multiplier_hundredths'] / 100:.2f}×"
    rules = len([line for line in quote["breakdown"] if line["code"] != "surge"]) + len(quote["reasons"])
    assert page.locator(".chain li").count() == rules + 1
    if quote["tick_offset"] >= 0:
        assert page.locator('[data-figure="again"]').inner_text() == "the same, field for field"
        assert "add up to the margin" in page.locator('[data-figure="margin"]').inner_text()
        assert page.locator('[data-figure^="ring-"]').count() == 3


def test_the_map_has_every_cell_that_was_priced(system: Running, open_page: OpenPage) -> None:
    """Its cells are those of all ticks, no more and no fewer."""
    page = open_page("/map")
    page.wait_for_selector('[data-figure="cells"]')

    def whole() -> bool:
        return number(page.locator('[data-figure="cells"]').inner_text()) == len(cells_priced(system.bootstrap))

    until(whole, "the map shows as many cells as were priced")


def test_messages_count_what_the_topic_keeps(system: Running, open_page: OpenPage) -> None:
    """The number kept lies between two counts, and a record's panel shows its fields."""
    page = open_page("/messages/quotes.v1")
    before = kept(system.bootstrap, "quotes.v1")
    page.wait_for_selector('[data-figure="kept"]')
    until(lambda: number(page.locator('[data-figure="kept"]').inner_text()) >= before, "the count is reached")
    assert number(page.locator('[data-figure="kept"]').inner_text()) <= kept(system.bootstrap, "quotes.v1")
    page.locator("tbody tr button").first.click()
    assert "quote_id" in page.locator(".panel pre").inner_text()


def test_what_is_refused_is_counted_and_found_from_its_badge(system: Running, open_page: OpenPage) -> None:
    """Rubbish in the pings becomes a badge in the graph and exactly as many dead letters."""
    publish_rubbish(system.bootstrap, "driver-pings.v1", 7)
    page = open_page("/lineage")
    page.locator(".node", has=page.locator(".badge", has_text="dead letters")).click()
    assert "driver-pings.v1.dlq" in page.locator(".panel h2").inner_text()
    page.goto(f"{system.address}/losses?tab=refused")
    row = page.locator("tbody tr", has_text="driver-pings.v1").first
    until(lambda: row.count() and number(row.locator("td").nth(3).inner_text()) == 7, "seven are counted")
    assert kept(system.bootstrap, "driver-pings.v1.dlq") == 7


def test_the_books_balance_while_the_city_runs(open_page: OpenPage) -> None:
    """No stage of a healthy system misses a record."""
    page = open_page("/losses")
    page.wait_for_selector("tbody tr")
    until(lambda: page.locator("tbody tr").count() >= 8, "every stage has a row")
    assert page.get_by_text("The books balance.").is_visible()


def test_a_viewer_sees_nobody(open_page: OpenPage) -> None:
    """Riders have other names for viewers, in the table and in the address."""
    page = open_page("/quotes", token="look")
    page.wait_for_selector("tbody tr")
    riders = page.locator("tbody tr td:last-child").all_inner_texts()
    assert riders
    assert all(rider.startswith("~") for rider in riders)
    assert "rider-" not in page.locator("main").inner_html()


def test_a_pause_freezes_and_an_address_that_leads_nowhere_says_so(open_page: OpenPage) -> None:
    """Paused, nothing moves; an unknown node, quote and view each say a sentence and offer a way back."""
    page = open_page("/lineage")
    page.wait_for_selector(".node")
    page.get_by_role("button", name="Pause").click()
    assert page.locator("[data-status]").get_attribute("data-status") == "paused"
    page.get_by_role("button", name="Go live").click()
    until(lambda: page.locator('[data-status="live"]').count() == 1, "it is live again")
    for path, sentence in (("lineage/nobody", "There is no node nobody"), ("nowhere", "There is no such view")):
        page.goto(page.url.split("/lineage")[0].split("/nowhere")[0] + f"/{path}")
        page.get_by_text(sentence).wait_for()
