"""A quote's explanation as one HTML page that needs nothing else: no script, no font, no request."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from infra.cli.explained_text import (
    added_up,
    chain_rows,
    feature_rows,
    headline,
    ring_rows,
    source_rows,
    waterfall_rows,
)

Story = Mapping[str, Any]
STYLE = """
:root { color-scheme: light dark; --line: #8884; --up: #c2410c; --down: #0f766e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { font-weight: 600; } .gone { color: var(--up); }
.bar { position: relative; height: .8rem; min-width: 12rem; }
.bar::before { content: ""; position: absolute; left: 50%; top: 0; bottom: 0; border-left: 1px solid var(--line); }
.bar i { position: absolute; top: 0; bottom: 0; background: var(--up); } .bar i.down { background: var(--down); }
.steps { position: relative; height: .8rem; min-width: 16rem; }
.steps i { position: absolute; top: 0; bottom: 0; min-width: 2px; background: var(--down); }
.panes { display: flex; align-items: flex-end; gap: 1px; height: 4rem; }
.panes i { flex: 1; background: var(--down); min-height: 1px; }
"""


def page_of(story: Story) -> str:
    """The page."""
    first, *rest = headline(story)
    parts = [f"<h1>{escape(first)}</h1>", *(f"<p>{escape(line)}</p>" for line in rest)]
    parts += [f'<p class="gone">Gone: {escape(sentence)}</p>' for sentence in story["gone"]]
    parts += _section("The price", ("rule", "before", "after", "multiplier"), chain_rows(story))
    parts += _forecast(story)
    parts += _section("Counts", ("where", "cars idle", "busy", "riders 1 min", "4 min", "32 min"), ring_rows(story))
    parts += _panes(story)
    parts += _waterfall(story)
    parts += _section("Sources", ("source", "record"), source_rows(story))
    title = escape(story["quote"]["record"]["quote_id"])
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Quote {title}</title>'
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _section(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A heading and a table; nothing if it would be empty."""
    told = [f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return [f"<h2>{escape(title)}</h2>", f"<table>{_head(columns)}{''.join(told)}</table>"] if told else []


def _head(columns: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<th>{escape(column)}</th>' for column in columns)}</tr>"


def _forecast(story: Story) -> list[str]:
    """The chain of the forecast, and a bar for each contribution."""
    told = story["forecast"]
    if told is None:
        return []
    factors = [(one["name"], _small(one["before"]), _small(one["after"])) for one in told["factors"]]
    parts = _section("Riders expected in five minutes", ("factor", "before", "after"), factors)
    most = max((abs(_added(one)) for one in told["features"]), default=0.0) or 1.0
    rows = [
        f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}<td>{_bar(_added(one) / most)}</td></tr>"
        for row, one in zip(feature_rows(story), told["features"], strict=True)
    ]
    columns = ("feature", "value", "unit", "log-linear", "trees (SHAP)", "both, to scale")
    parts += ["<h2>What the model looked at</h2>", f"<table>{_head(columns)}{''.join(rows)}</table>"]
    return [*parts, f"<p>{escape(added_up(story))}</p>"] if told["trees_margin"] is not None else parts


def _added(feature: Mapping[str, Any]) -> float:
    """What a feature adds to the log of the forecast, by both models."""
    return float(feature["log_linear"] + (feature["trees"] or 0.0))


def _bar(part: float) -> str:
    """A bar from the middle, right for what raises the forecast; `part` is -1 to 1."""
    width = abs(part) * 50
    left = 50.0 if part > 0 else 50 - width
    side = "up" if part > 0 else "down"
    return f'<div class="bar"><i class="{side}" style="left:{left:.1f}%;width:{width:.1f}%"></i></div>'


def _waterfall(story: Story) -> list[str]:
    """Each step with a bar from the one before it, over the time of all; clocks may disagree, so a bar may go back."""
    at_ms = [step["at_ms"] for step in story["waterfall"]]
    first, span = min(at_ms), max(max(at_ms) - min(at_ms), 1)
    rows = []
    for place, row in enumerate(waterfall_rows(story)):
        begun, ended = sorted((at_ms[max(place - 1, 0)], at_ms[place]))
        left, width = 100 * (begun - first) / span, 100 * (ended - begun) / span
        bar = f'<div class="steps"><i style="left:{left:.1f}%;width:{width:.1f}%"></i></div>'
        rows.append(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}<td>{bar}</td></tr>")
    columns = ("step", "after", f"{span:,} ms, to scale")
    return ["<h2>From request to quote</h2>", f"<table>{_head(columns)}{''.join(rows)}</table>"]


def _small(size: float) -> str:
    """Three places, or two digits of what is smaller."""
    return f"{size:.2g}" if 0 < abs(size) < 0.01 else f"{size:.3f}"


def _panes(story: Story) -> list[str]:
    """Riders of the cell per ten seconds, the last 32 minutes."""
    if not story["rings"]:
        return []
    panes = {pane["start_ms"]: pane["requests"] for pane in story["rings"][0]["panes"]}
    last = story["tick"]["now_ms"] // 10_000 * 10_000
    counts = [panes.get(last - back * 10_000, 0) for back in range(191, -1, -1)]
    most = max(*counts, 1)
    bars = "".join(f'<i style="height:{100 * count / most:.0f}%" title="{count}"></i>' for count in counts)
    return [
        "<h2>Riders in the cell per ten seconds, 32 minutes before the tick</h2>",
        f'<div class="panes">{bars}</div>',
    ]
