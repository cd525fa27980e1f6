"""The live view as a person uses it: keys at 80 columns and at 140, in Textual's own test terminal."""

from dataclasses import replace

import pytest
from textual.widgets import Input, Static

from infra.cli.live.choosing import Order
from infra.cli.live.notices import Notice
from infra.cli.live.screen import LiveView, Page
from infra.cli.live.tables import PaneTable
from tests.unit.infra.live_looks import NOW_MS, sight

NARROW, WIDE = (80, 24), (140, 40)


class Looks:
    """Gives a look each time it is asked for; what it gives can be changed, and is counted."""

    def __init__(self) -> None:
        self.now = sight()
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.now


@pytest.fixture
def looks():
    return Looks()


def view_of(looks, notices=()):
    return LiveView(looks, place="127.0.0.1:9092", notices=lambda: notices)


def texts_of(view, name):
    """What the pane `name` shows, row by row."""
    table = view.query_one(f"#{name}", PaneTable)
    return [[str(cell) for cell in table.get_row_at(at)] for at in range(table.row_count)]


def shown_panes(view):
    return [table.id for table in view.query(PaneTable) if table.display]


def picture(view):
    """The whole terminal as lines of text."""
    return ["".join(segment.text for segment in strip).rstrip() for strip in view.screen._compositor.render_strips()]


async def until(pilot, holds):
    """Let the view work until `holds()`; fail if it does not within five seconds."""
    for _ in range(500):
        await pilot.pause(0.01)
        if holds():
            return
    pytest.fail("the view does not come to show what is expected")


async def test_at_eighty_columns_keys_turn_from_pane_to_pane(looks):
    """One pane at a time: by number, or the next by tab; each has rows and nothing is cut at the right."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await until(pilot, lambda: texts_of(pilot.app, "quotes"))
        view = pilot.app
        for key, name in (("2", "topics"), ("3", "cells"), ("4", "services"), ("tab", "quotes"), ("tab", "topics")):
            await pilot.press(key)
            await until(pilot, lambda name=name: shown_panes(view) == [name] and texts_of(view, name))
        assert all(len(line) <= 80 for line in picture(view))


async def test_at_a_hundred_and_forty_columns_all_panes_are_there(looks):
    """The grid of four, and back to one when the terminal becomes small."""
    async with view_of(looks).run_test(size=WIDE) as pilot:
        await until(pilot, lambda: texts_of(pilot.app, "quotes"))
        await until(pilot, lambda: sorted(shown_panes(pilot.app)) == ["cells", "quotes", "services", "topics"])
        await pilot.resize_terminal(*NARROW)
        await until(pilot, lambda: shown_panes(pilot.app) == ["quotes"])


async def test_a_filter_is_applied_while_it_is_typed_and_dropped_by_escape(looks):
    """The frame says how many rows pass; keys typed into the filter are not commands."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await pilot.press("slash", *"product:xl", "enter")
        view = pilot.app
        await until(pilot, lambda: [row[2] for row in texts_of(view, "quotes")] == ["xl"])
        assert view.query_one("#quotes").border_title == "Quotes 1 of 4 · filter product:xl"
        assert not view.query_one(Input).display
        await pilot.press("escape")
        await until(pilot, lambda: len(texts_of(view, "quotes")) == 4)


async def test_sorting_says_by_what_and_which_way(looks):
    """`s` goes through the columns, `r` turns the order."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await pilot.press("4", "s")
        view = pilot.app
        names = ["supply", "quotes", "pricing", "demand"]
        await until(pilot, lambda: [row[0] for row in texts_of(view, "services")] == names)
        await pilot.press("r")
        await until(pilot, lambda: [row[0] for row in texts_of(view, "services")] == names[::-1])
        assert view.query_one("#services", PaneTable).order == Order("service", descending=False)
        assert view.query_one("#services").border_title == "Services 4 · by service ↑"


async def test_a_held_picture_stands_still(looks):
    """While held nobody looks; afterwards the present is shown."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await until(pilot, lambda: texts_of(pilot.app, "quotes"))
        await pilot.press("p")
        await until(pilot, lambda: "held" in str(pilot.app.query_one("#title", Static).render()))
        asked, looks.now = looks.asked, replace(looks.now, quotes=[])
        pilot.app.renew()
        assert (looks.asked, len(texts_of(pilot.app, "quotes"))) == (asked, 4)
        assert "held" in str(pilot.app.query_one("#title", Static).render())
        await pilot.press("p")
        await until(pilot, lambda: not texts_of(pilot.app, "quotes"))


async def test_a_silent_service_is_dim_and_says_for_how_long(looks):
    """Its last figures stay, greyed, with their age; the title counts who is away."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: len(texts_of(pilot.app, "services")) > 2)
        table = pilot.app.query_one("#services", PaneTable)
        silent, live = table.get_row_at(2), table.get_row_at(0)
        assert str(silent[1]) == "silent 20s"
        assert {cell.style for cell in silent} == {"dim"}
        assert "dim" not in {cell.style for cell in live[:6]}
        assert "2 silent" in str(pilot.app.query_one("#title", Static).render())


async def test_a_row_opens_and_pages_close(looks):
    """Enter shows every field of the quote, `?` what the keys do, escape goes back."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await until(pilot, lambda: texts_of(pilot.app, "quotes"))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Page))
        await until(pilot, lambda: any("quote_id" in line and "q-3" in line for line in picture(pilot.app)))
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: any("product:xl" in line for line in picture(pilot.app)))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(pilot.app.screen, Page))


async def test_what_was_told_is_shown_and_kept(looks):
    """A restart stands below the panes and in the list of notices."""
    told = (Notice(NOW_MS, "supply ended with code 70 and is started again"),)
    async with view_of(looks, told).run_test(size=NARROW) as pilot:
        await until(pilot, lambda: texts_of(pilot.app, "quotes"))
        await until(pilot, lambda: any("supply ended with code 70" in line for line in picture(pilot.app)))
        await pilot.press("n")
        await until(pilot, lambda: any("14:13:20  supply ended" in line for line in picture(pilot.app)))


async def test_rows_that_flow_keep_the_cursor_where_it_is(looks):
    """The table is renewed in place: more rows and fewer, without losing the line one is on."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await until(pilot, lambda: texts_of(pilot.app, "quotes"))
        await pilot.press("down", "down")
        await until(pilot, lambda: pilot.app.query_one("#quotes", PaneTable).cursor_row == 2)
        looks.now = replace(looks.now, quotes=looks.now.quotes * 10)
        pilot.app.renew()
        assert (len(texts_of(pilot.app, "quotes")), pilot.app.query_one("#quotes", PaneTable).cursor_row) == (40, 2)
        looks.now = replace(looks.now, quotes=looks.now.quotes[:3])
        pilot.app.renew()
        await until(
            pilot,
            lambda: (
                (len(texts_of(pilot.app, "quotes")), pilot.app.query_one("#quotes", PaneTable).cursor_row) == (3, 2)
            ),
        )


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_it_ends_at_once(looks, key):
    """`q` and Ctrl-C end the view in order."""
    async with view_of(looks).run_test(size=NARROW) as pilot:
        await pilot.press(key)
        await pilot.pause()
    assert pilot.app.return_code == 0
