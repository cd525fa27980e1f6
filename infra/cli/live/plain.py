"""One look as plain text: what `faretide top --once` and a pipe get. About 100 columns, no control characters."""

from collections.abc import Iterator
from datetime import UTC, datetime

from infra.cli.live.columns import CELL_PANE, QUOTE_PANE, SERVICE_PANE, TOPIC_PANE, Pane, headline
from infra.cli.live.rows import Sight

ROWS = {SERVICE_PANE.name: 40, TOPIC_PANE.name: 40, QUOTE_PANE.name: 10, CELL_PANE.name: 10}


def snapshot(sight: Sight) -> list[str]:
    """Lines: the headline, then each pane as a table of its first rows."""
    at = datetime.fromtimestamp(sight.at_ms / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    lines = [f"{at}  watched {sight.watched_s:,.0f} s", *headline(sight)]
    if sight.trouble:
        lines.append(f"! {sight.trouble}")
    for pane in (SERVICE_PANE, TOPIC_PANE, QUOTE_PANE, CELL_PANE):
        lines += ["", *_table(pane, sight)]
    return [line.rstrip() for line in lines]


def _table(pane: Pane, sight: Sight) -> Iterator[str]:
    rows = pane.rows(sight)
    yield f"{pane.title.upper()} ({len(rows)})"
    if not rows:
        yield f"  {pane.nothing}"
        return
    columns = pane.shown(wide=False)
    table = [[column.title for column in columns]]
    table += [[column.text(row) for column in columns] for row in rows[: ROWS[pane.name]]]
    widths = [max(len(line[at]) for line in table) for at in range(len(columns))]
    for line in table:
        cells = zip(line, widths, columns, strict=True)
        yield "  " + "  ".join(text.rjust(width) if c.right else text.ljust(width) for text, width, c in cells)
