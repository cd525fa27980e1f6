"""One pane as a table in the terminal: rows are renewed in place, so that the cursor and the eye keep their line."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text
from textual.coordinate import Coordinate
from textual.widgets import DataTable

from infra.cli.live.choosing import Filter, Order, chosen
from infra.cli.live.columns import Column, Pane
from infra.cli.live.rows import Sight

MOST_ROWS = 120
PADDING = 2  # the table puts a space on both sides of each cell
SCROLL_BAR = 1


class PaneTable(DataTable[Text]):
    """The rows of one pane that are chosen, as many columns as fit."""

    def __init__(self, pane: Pane) -> None:
        super().__init__(id=pane.name, cursor_type="row", zebra_stripes=False)
        self.pane = pane
        self.only, self.order = Filter(), Order()
        self.shown: list[Any] = []
        self._titles: list[str] = []

    def renew(self, sight: Sight, *, wide: bool) -> None:
        """Show what `sight` has, with the further columns if `wide`."""
        rows = self.pane.rows(sight)
        self.shown = chosen(self.pane, rows, self.only, self.order)[:MOST_ROWS]
        columns = self.pane.shown(wide=wide)
        lines = fitted(columns, [[column.text(row) for column in columns] for row in self.shown], self.size.width)
        self._put_columns(columns)
        self._put_lines(columns, lines)
        self.border_title = self._heading(len(rows))
        self.border_subtitle = "" if self.shown else self._why_empty(len(rows))

    def _heading(self, many: int) -> str:
        count = f"{len(self.shown)} of {many}" if self.only else str(many)
        parts = [f"{self.pane.title} {count}"]
        if self.only:
            parts.append(f"filter {self.only}")
        if self.order.column:
            parts.append(f"by {self.order.column} {'↓' if self.order.descending else '↑'}")
        return " · ".join(parts)

    def _why_empty(self, many: int) -> str:
        return f"none of {many} passes the filter; esc clears it" if many else self.pane.nothing

    def _put_columns(self, columns: Sequence[Column]) -> None:
        titles = [column.title for column in columns]
        if titles == self._titles:
            return
        self.clear(columns=True)
        for column in columns:
            self.add_column(Text(column.title, justify="right" if column.right else "left"), key=column.title)
        self._titles = titles

    def _put_lines(self, columns: Sequence[Column], lines: Sequence[Sequence[str]]) -> None:
        while self.row_count > len(lines):
            self.remove_row(self.ordered_rows[-1].key)
        for at, (row, line) in enumerate(zip(self.shown, lines, strict=True)):
            cells = [self._cell(row, column, text) for column, text in zip(columns, line, strict=True)]
            if at >= self.row_count:
                self.add_row(*cells)
                continue
            for place, cell in enumerate(cells):
                if self.get_cell_at(Coordinate(at, place)) != cell:
                    self.update_cell_at(Coordinate(at, place), cell, update_width=True)

    def _cell(self, row: Any, column: Column, text: str) -> Text:  # noqa: ANN401  a row of any pane
        style = "dim" if self.pane.old(row) else accent(column.title, column.value(row))
        return Text(text, style=style, justify="right" if column.right else "left", no_wrap=True)


def accent(title: str, value: Any) -> str:  # noqa: ANN401  whatever the column sorts by
    """How a value stands out: prices above 1.0, and counts that ought to be zero."""
    if title == "mult":
        return "bold red" if value >= 200 else "yellow" if value > 100 else ""
    if title in {"restarts", "dead", "late"}:
        return "yellow" if value else "dim"
    return "bold" if title in {"topic", "service", "price"} else ""


def fitted(columns: Sequence[Column], lines: list[list[str]], width: int) -> list[list[str]]:
    """`lines` with the texts of the last column cut so that the whole is no wider than `width`, but ten at least."""
    if not lines:
        return lines
    used = sum(max(len(column.title), *(len(line[at]) for line in lines)) for at, column in enumerate(columns[:-1]))
    room = max(10, width - used - PADDING * len(columns) - SCROLL_BAR)
    return [[*line[:-1], line[-1] if len(line[-1]) <= room else f"{line[-1][: room - 1]}…"] for line in lines]
