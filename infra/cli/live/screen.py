"""The live view in a terminal, by Textual: one pane at a time at 80 columns, all four side by side from 120 on."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, ClassVar

from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import DataTable, Footer, Input, Static

from infra.cli.live.choosing import Filter, Order
from infra.cli.live.columns import PANES, headline
from infra.cli.live.notices import Notice
from infra.cli.live.rows import Hearing, Sight
from infra.cli.live.tables import PaneTable

RENEW_EVERY_S = 1.0
WIDE_FROM = (120, 30)
HELP = """\
1 2 3 4   quotes, topics, cells, services   tab  the next one
s         sort by the next column           r    the other way round
/         only rows that match; all of these must hold:
            rate-limit     a word anywhere in the row
            product:xl     exactly this product
            zone:862a1072  a hexagon, or cell:, by its beginning
esc       all rows, unsorted                p    hold the picture
enter     all about the row                 n    what was told
?         this page                         q    quit

Rates are of five seconds, percentiles of the last minute, totals
since watching began. Quote: from the request's time to its answer
in the topic. Fresh: from a ping's time to the first tick with it.
Dim figures are old: the service has been silent as long as its
state says."""


class Page(ModalScreen[None]):
    """A page of text over the view; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter,question_mark,n", "dismiss", "close")]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """One framed text that scrolls if it has to."""
        with VerticalScroll(id="page") as page:
            page.border_title, page.border_subtitle = self._title, "esc closes"
            yield Static(Text(self._text))


class LiveView(App[None]):
    """Shows what `look` returns, once a second, until `q`. `notices` gives what was told, oldest first."""

    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "screen.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(str(at), f"pane('{name}')", pane.title, show=False)
            for at, (name, pane) in enumerate(PANES.items(), 1)
        ),
        Binding("tab", "next_pane", "Pane", priority=True),
        Binding("s", "sort", "Sort"),
        Binding("r", "turn", "Turn"),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "clear", "All rows", show=False, priority=True),
        Binding("p,space", "pause", "Pause"),
        Binding("n", "notices", "Notices"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self, look: Callable[[], Sight], *, place: str, notices: Callable[[], Sequence[Notice]] = lambda: ()
    ) -> None:
        """Show looks at the system at `place`, such as the brokers' address."""
        super().__init__()
        self._look, self._place, self._notices = look, place, notices
        self._sight: Sight | None = None
        self._paused = False
        self.chosen = next(iter(PANES))

    def compose(self) -> ComposeResult:
        """Title, figures, panes, what was told last, keys."""
        yield Static(id="title")
        yield Static(id="figures")
        with Container(id="panes"):
            for pane in PANES.values():
                yield PaneTable(pane)
        yield Input(id="filter", placeholder="words, product:xl, zone:862a; enter keeps it, esc drops it", compact=True)
        yield Static(id="told")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to look."""
        self.query_one(Input).display = False
        self._arrange()
        self.set_interval(RENEW_EVERY_S, self.renew)
        self.call_after_refresh(self.renew)

    def on_resize(self, _event: events.Resize) -> None:
        """One pane or four; the new size is known once the event has gone round."""
        self.call_after_refresh(self._arrange)
        self.call_after_refresh(self._draw)

    def renew(self) -> None:
        """Look again, unless the picture is held."""
        if not self._paused:
            self._sight = self._look()
        self._draw()

    # ---- keys

    def action_pane(self, name: str) -> None:
        """Turn to a pane."""
        self.chosen = name
        self._arrange()
        self._draw()

    def action_next_pane(self) -> None:
        """Turn to the pane after this one."""
        names = list(PANES)
        self.action_pane(names[(names.index(self.chosen) + 1) % len(names)])

    def action_sort(self) -> None:
        """Sort this pane by its next column."""
        self._table.order = self._table.order.next([column.title for column in self._table.pane.columns])
        self._draw()

    def action_turn(self) -> None:
        """Sort this pane the other way round."""
        self._table.order = self._table.order.reversed()
        self._draw()

    def action_filter(self) -> None:
        """Ask which rows of this pane to show."""
        asking = self.query_one(Input)
        asking.value, asking.display = str(self._table.only), True
        asking.focus()

    def action_clear(self) -> None:
        """Show all rows of this pane again; closes a page first."""
        if len(self.screen_stack) > 1:
            self.pop_screen()
            return
        self._stop_asking()
        self._table.only, self._table.order = Filter(), Order()
        self._draw()

    def action_pause(self) -> None:
        """Hold the picture, or let it go on."""
        self._paused = not self._paused
        self.renew()

    def action_help(self) -> None:
        """What the keys do and the figures mean."""
        self.push_screen(Page("Help", HELP))

    def action_notices(self) -> None:
        """Everything that was told."""
        told = [f"{_clock(notice.at_ms)}  {notice.sentence}" for notice in reversed(self._notices())]
        self.push_screen(Page("Notices", "\n".join(told) or "nothing was told"))

    @on(Input.Changed, "#filter")
    def _filter_typed(self, event: Input.Changed) -> None:
        self._table.only = Filter.parse(event.value)
        self._draw()

    @on(Input.Submitted, "#filter")
    def _filter_kept(self, _event: Input.Submitted) -> None:
        self._stop_asking()

    @on(DataTable.RowSelected)
    def _show_row(self, event: DataTable.RowSelected) -> None:
        table = event.data_table
        if isinstance(table, PaneTable) and event.cursor_row < len(table.shown):
            self.push_screen(Page(table.pane.title, described(table.shown[event.cursor_row])))

    # ---- drawing

    @property
    def _table(self) -> PaneTable:
        return self.query_one(f"#{self.chosen}", PaneTable)

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= WIDE_FROM[0] and self.size.height >= WIDE_FROM[1]

    def _arrange(self) -> None:
        for table in self.screen_stack[0].query(PaneTable):
            table.display = self._is_wide or table.id == self.chosen
        self.screen_stack[0].query_one("#panes").set_class(self._is_wide, "-wide")
        if not self.query_one(Input).display:
            self._table.focus()

    def _stop_asking(self) -> None:
        self.query_one(Input).display = False
        self._table.focus()

    def _draw(self) -> None:
        if self._sight is None or len(self.screen_stack) > 1 or not self.query("#title"):
            return  # nothing seen yet, a page lies above, or the screen is being taken down
        self.query_one("#title", Static).update(self._title_line(self._sight))
        self.query_one("#figures", Static).update(
            Text("\n".join(headline(self._sight)), no_wrap=True, overflow="ellipsis")
        )
        self.query_one("#told", Static).update(self._told())
        for table in self.query(PaneTable):
            if table.display:
                table.renew(self._sight, wide=self._is_wide and self.size.width >= WIDE_FROM[0] * 3 // 2)

    def _title_line(self, sight: Sight) -> Text:
        line = Text.assemble(("faretide ", "bold"), *_health(sight), ("  ", ""))
        for at, name in enumerate(PANES, 1):
            line.append(f" {at} {name.capitalize()} ", "reverse" if name == self.chosen else "")
        line.append(f"  {_clock(sight.at_ms)} UTC")
        if self._paused:
            line.append("  held, p goes on", "bold yellow")
        elif self._is_wide:
            line.append(f"  {self._place}", "dim")
        return line

    def _told(self) -> Text:
        assert self._sight is not None, "drawn after the first look"
        told = self._notices()
        if self._sight.trouble:
            return Text(self._sight.trouble, "bold red", no_wrap=True, overflow="ellipsis")
        if told:
            newest = told[-1]
            return Text(f"{_clock(newest.at_ms)}  {newest.sentence}", "yellow", no_wrap=True, overflow="ellipsis")
        passed = [f"{share:.0%} of {topic}" for topic, share in self._sight.watched_share.items()]
        return Text(f"a sample is shown: {', '.join(passed)}" if passed else "", "dim")


def described(row: Any) -> str:  # noqa: ANN401  a row of any pane
    """Every field of a row, one a line."""
    lines = []
    for field in fields(row):
        value = getattr(row, field.name)
        said = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        lines.append(f"{field.name:22} {said}")
    return "\n".join(lines)


def _health(sight: Sight) -> list[tuple[str, str]]:
    """A point and a word for the whole system."""
    away = [row.service for row in sight.services if row.hearing is not Hearing.LIVE]
    if away:
        return [("● ", "bold red"), (f"{len(away)} silent", "bold red")]
    return [("● ", "bold green"), ("live", "")]


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S")
