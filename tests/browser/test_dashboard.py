"""Each view in a real browser against the running system: what it shows is what the topics hold, and where it leads."""

import json
import time
from collections.abc import Callable
from typing import Any
from urllib.request import Request, urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import Running, until
from tests.browser.reading import figure, number, shown
from tests.browser.topics_read import cells_priced, kept, newest, publish_rubbish, record_at

pytestmark = [pytest.mark.broker, pytest.mark.alone, pytest.mark.browser, pytest.mark.timeout(400)]
OpenPage = Callable[..., Any]
STARTING_S, HEALTHY_S = 60.0, 60.0
VIEWS = ("/lineage", "/lineage?as=table", "/lineage/pricing", "/map", "/map?as=table", "/quotes", "/messages/quotes.v1")
PING = {"lat": 40.75, "lon": -73.98, "status": "IDLE", "products": ["standard"]}


def test_a_healthy_minute_wears_no_badge(system: Running, open_page: OpenPage) -> None:
    """Once the system has started the dashboard raises nothing for a minute; `make incidents` waits ten.

    Before all others, and with no page open until the end: drawing in software takes the cores that the system needs.
    """

    def raised() -> list[Any]:
        asked = Request(f"{system.address}/api/status", headers={"Authorization": "Bearer operate"})
        with urlopen(asked, timeout=10) as answer:
            found: list[Any] = json.load(answer)["raised"]
        return found

    until(lambda: time.monotonic() - system.shown_since_s > STARTING_S, "the system starts", STARTING_S + 5)
    before = raised()
    until(lambda: time.monotonic() - system.shown_since_s > STARTING_S + HEALTHY_S, "a minute passes", HEALTHY_S + 5)
    assert raised() == before
    page = open_page("/lineage")
    page.wait_for_selector(".node.service")
    assert page.locator(".node .badge").count() == 0


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


def test_the_bars_count_every_record_of_the_topic(system: Running, open_page: OpenPage) -> None:
    """A day of bars holds all that a topic of this morning holds, by another client's count."""
    page = open_page("/messages/quotes.v1?reach=24h")
    before = kept(system.bootstrap, "quotes.v1")
    volume = page.locator('[data-figure="volume"]')
    until(
        lambda: volume.count() and number(volume.inner_text().split(" records")[0]) >= before,
        "the bars reach the count",
    )
    assert number(volume.inner_text().split(" records")[0]) <= kept(system.bootstrap, "quotes.v1")


def test_a_brushed_span_shows_its_records_only(open_page: OpenPage) -> None:
    """Dragging over the bars puts a span into the address, and what is listed lies within it."""
    page = open_page("/messages/quotes.v1?reach=10m")
    page.wait_for_selector(".volume .bars i")
    box = page.locator(".volume .bars").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.985, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 20)
    page.mouse.up()
    page.get_by_role("button", name="Newest").wait_for()
    assert "from=" in page.url
    assert "to=" in page.url


def test_a_zone_chosen_filters_every_view(system: Running, open_page: OpenPage) -> None:
    """Quotes and messages are the zone's alone, by the records themselves; the graph shows what of it flows."""
    zone = f"{newest(system.bootstrap, 'quotes.v1', lambda quote: quote['zone'] != 0)['zone']:x}"
    page = open_page(f"/messages/quotes.v1?zones={zone}&columns=zone")
    page.wait_for_selector("tbody tr")
    assert set(page.locator("tbody td:last-child").all_inner_texts()) == {zone}
    page.get_by_role("link", name="Quotes", exact=True).first.click()
    page.wait_for_selector("tbody tr")
    assert f"zones={zone}" in page.url
    page.get_by_role("link", name="Lineage", exact=True).first.click()
    page.locator(".node .zoned").first.wait_for()
    page.get_by_role("button", name="All zones").click()
    until(lambda: page.locator(".node .zoned").count() == 0, "all zones are shown again")


def test_an_edge_tells_which_zones_it_carries(open_page: OpenPage) -> None:
    """One click on it; a zone chosen there is chosen everywhere."""
    page = open_page("/lineage?edge=surge.v1>quotes")
    page.locator(".panel tbody input").first.check()
    assert "zones=86" in page.url
    page.locator(".strip", has_text="One zone").wait_for()


def test_an_earlier_instant_is_shown_and_compared(open_page: OpenPage) -> None:
    """The address holds the instant; the comparison names what was then and is now; live comes back."""
    page = open_page(f"/lineage?at={int(time.time() * 1000) - 5_000}")
    page.locator('[data-status="past"]').wait_for()
    page.wait_for_selector(".node.service")
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("priced, of the newest 100 quotes").wait_for()
    page.get_by_role("button", name="Go live").click()
    page.locator('[data-status="live"]').wait_for()
    page.get_by_role("button", name="Stop comparing").click()
    assert "vs=" not in page.url


def test_the_schema_shows_its_versions(open_page: OpenPage) -> None:
    """What the registry holds under the topic's subject."""
    page = open_page("/lineage/quotes.v1")
    page.locator(".panel summary", has_text="Schema").click()
    page.get_by_text("1 version, FULL_TRANSITIVE").wait_for()
    assert page.locator(".diff span", has_text="quote_id: string").count() == 1


def test_keys_lead_through_rows_and_follow_the_record(open_page: OpenPage) -> None:
    """`j` marks a record and stays on it while newer ones come; `/` filters, `?` helps."""
    page = open_page("/quotes")
    page.wait_for_selector("tbody tr")
    page.keyboard.press("j")
    page.keyboard.press("j")
    stands = page.locator('tr[data-at="true"] a').first.get_attribute("href")
    first = page.locator("tbody tr a").first.get_attribute("href")
    until(lambda: page.locator("tbody tr a").first.get_attribute("href") != first, "newer quotes come")
    assert page.locator('tr[data-at="true"] a').first.get_attribute("href") == stands
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.matches('[data-search]')")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()


def test_a_cell_is_reached_without_a_pointer(open_page: OpenPage) -> None:
    """By keys through the rows of the map's table, and by its link; the table stays."""
    page = open_page("/map?as=table")
    page.wait_for_selector("tbody tr")
    page.keyboard.press("j")
    cell = page.locator('tr[data-at="true"] a').inner_text()
    page.keyboard.press("Enter")
    page.locator(".panel", has_text=cell).wait_for()
    other = next(text for text in page.locator("tbody tr a").all_inner_texts() if text != cell)
    page.locator("tbody tr a", has_text=other).focus()
    page.keyboard.press("Enter")
    page.locator(".panel", has_text=other).wait_for()
    assert page.url.endswith(f"/map/{other}?as=table")


@pytest.mark.parametrize("path", ["/messages/quotes.v1?from=1&to=abc", "/quotes?vs=abc", "/lineage/%E0%A4"])
def test_a_mangled_address_leaves_the_way_back(path: str, open_page: OpenPage) -> None:
    """Whatever it says, navigation stands."""
    page = open_page(path)
    page.wait_for_selector(".top h1")
    page.locator(".rail a", has_text="Lineage").click()
    page.wait_for_selector(".node")


@pytest.mark.parametrize("view", VIEWS)
def test_people_who_do_not_see_the_page_can_use_it(view: str, open_page: OpenPage) -> None:
    """Names, contrast and roles, as axe-core judges them, in the light theme and the dark."""
    page = open_page(view)
    page.wait_for_selector(".node, .map canvas, tbody tr")
    for theme in ("light", "dark"):
        page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})
        said = [(one["id"], [node["target"] for node in one["nodes"]][:4]) for one in found.response["violations"]]
        assert said == [], f"{view}, {theme}"


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


def test_a_refused_record_is_mended_and_put_back(system: Running, open_page: OpenPage) -> None:
    """Edited in its panel, checked, published with an audit row; and another client reads it where the page says."""
    page = open_page("/messages/driver-pings.v1.dlq")
    key = page.locator("tbody tr").first.locator("td").nth(3).inner_text()
    page.locator("tbody td button").first.click()
    page.get_by_role("button", name="Edit and put back").click()
    page.locator("textarea").fill(json.dumps(PING | {"driver_id": key, "at_ms": int(time.time() * 1000)}))
    page.get_by_role("button", name="Check again").click()
    page.get_by_text("1 would be taken, 1 of them edited").wait_for()
    page.get_by_label("Reason, for the audit").fill("the test mends it")
    page.get_by_role("button", name="Put back 1").click()
    partition, offset = page.locator(".panel ul a").inner_text().split(" ")[1].split("@")
    assert record_at(system.bootstrap, "driver-pings.v1", int(partition), int(offset))["driver_id"] == key


def test_a_viewer_may_not_put_anything_back(system: Running, open_page: OpenPage) -> None:
    """Neither is the button there, nor would the server do it."""
    page = open_page("/messages/driver-pings.v1.dlq", token="look")
    page.wait_for_selector("tbody tr, .empty")
    assert page.get_by_role("button", name="Put back").count() == 0
    answer = page.request.post(
        f"{system.address}/api/redrive", data=json.dumps({"letters": ["driver-pings.v1.dlq@0@0"]})
    )
    assert answer.status == 403
