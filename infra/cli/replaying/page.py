"""The difference of two runs as one HTML page that needs nothing else, its pictures in it."""

import io
from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.live.wording import money
from infra.cli.replaying.amounts import moved
from infra.cli.written import write_whole

if TYPE_CHECKING:
    from collections import Counter

    from replay.compare import Comparison

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --up: #c2410c; --down: #0f766e; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .2rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .8rem; margin: 1.2rem 0; }
.cards div { border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.cards b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem; }
figure { margin: 0; } figcaption { color: #888; } svg { width: 100%; height: auto; background: #fff; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--line); }
th { font-weight: 600; } td.n, th.n { text-align: right; white-space: nowrap; }
.up { color: var(--up); } .down { color: var(--down); } code { font-size: .85em; overflow-wrap: anywhere; }
"""
_HUNDREDTHS = 100


def write_page(file: Path, comparison: "Comparison", said: dict[str, Any], about: str, dashboard: str = "") -> None:
    """Write the page whole or not at all. Raises CommandError if it cannot be written."""
    write_whole(file, page_of(comparison, said, about, dashboard))


def page_of(comparison: "Comparison", said: dict[str, Any], about: str, dashboard: str = "") -> str:
    """The page; `about` says what was run and what was otherwise, `dashboard` is where quotes are explained."""
    pictures = _picture(comparison.amounts.sizes, 1, "change of a quote's price, in minor units") + _picture(
        comparison.prices.sizes, _HUNDREDTHS, "change of a multiplier"
    )
    parts = [
        f"<h1>What changes</h1><p>{escape(about)}</p>",
        _cards(comparison, said),
        f'<div class="pictures">{pictures}</div>' if pictures else "<p>No price changes.</p>",
        _quantiles(said, comparison.currency),
        _movers(comparison, dashboard),
        _estimate(comparison),
        "<h2>Assumed</h2><ul>" + "".join(f"<li>{escape(one)}</li>" for one in said["assumed"]) + "</ul>",
    ]
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Replay: what changes</title>'
    )
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body>\n{body}\n</body></html>\n'
    )


def _cards(comparison: "Comparison", said: dict[str, Any]) -> str:
    """The four numbers somebody looks for first."""
    cards = [
        (f"{said['share_changed']:.1%}", f"of quotes: {said['quotes_changed']:,} of {said['quotes']:,}"),
        (f"{said['amounts_changed']:,}", "of these in price"),
        (f"{said['ticks_changed']:,}", f"of {said['ticks']:,} ticks"),
    ]
    if said["counts"]:
        cards.append((f"{said['counts_changed']:,}", f"of {said['counts']:,} counts"))
    if said["unmatched"]:
        cards.append((f"{said['unmatched']:,}", "outputs made by one run only"))
    if said["not_made"]:
        cards.append((f"{said['not_made']:,}", "outputs that could not be made again"))
    before, after = comparison.before, comparison.after
    cards.append((_part(before.accepted, after.accepted), "riders expected to take their quote"))
    cards += [
        (_part(before.revenue_minor[one], after.revenue_minor[one]), f"expected revenue, {one}")
        for one in sorted(before.revenue_minor)
    ]
    return '<div class="cards">' + "".join(f"<div><b>{big}</b>{escape(small)}</div>" for big, small in cards) + "</div>"


def _part(before: float, after: float) -> str:
    return f"{(after - before) / before:+.2%}" if before else "none"


def _quantiles(said: dict[str, Any], currency: str) -> str:
    """How much prices move where they move at all."""
    amounts, multipliers = said["amount_quantiles_minor"], said["multiplier_quantiles_hundredths"]
    rows = [["price", *(_sided(size, moved(size, currency)) for size in amounts.values())]] if amounts else []
    if multipliers:
        rows.append(["multiplier", *(_sided(size, f"{size / _HUNDREDTHS:+.2f}") for size in multipliers.values())])
    if not rows:
        return ""
    columns = ["where it changes", *(f"{float(head):.0%}" for head in amounts or multipliers)]
    return "<h2>Quantiles of the change</h2>" + _table(columns, rows)


def _movers(comparison: "Comparison", dashboard: str) -> str:
    rows = []
    for one in comparison.top:
        told = f"<code>faretide explain {escape(one.quote_id)}</code>"
        if dashboard:
            link = f"{dashboard.rstrip('/')}/quotes/{one.place}"
            told = f'<a href="{escape(link, quote=True)}">{told}</a>'
        rows.append(
            [
                told,
                *(escape(money(minor, one.currency)) for minor in (one.before_minor, one.after_minor)),
                _sided(one.change_minor, moved(one.change_minor, one.currency)),
                escape(", ".join(one.fields)),
            ]
        )
    return "<h2>Moved most</h2>" + _table(["quote", "before", "after", "change", "fields"], rows) if rows else ""


def _estimate(comparison: "Comparison") -> str:
    rows = [
        [
            name,
            f"{one.quotes:,}",
            f"{one.accepted:,.1f}",
            escape(", ".join(money(minor, currency) for currency, minor in one.revenue_minor.items())),
        ]
        for name, one in (("before", comparison.before), ("after", comparison.after))
    ]
    return "<h2>Estimate</h2>" + _table(["", "quotes priced", "taken", "revenue"], rows)


def _sided(size: int, text: str) -> str:
    side = "up" if size > 0 else "down"
    return f'<span class="{side}">{escape(text)}</span>' if size else escape(text)


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of cells that are HTML already; all but the first and the fields of a quote are numbers."""
    names = list(columns)
    numeric = ['class="n"' if place and name != "fields" else "" for place, name in enumerate(names)]
    head = "".join(f"<th {kind}>{name}</th>" for kind, name in zip(numeric, names, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td {kind}>{cell}</td>" for kind, cell in zip(numeric, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _picture(sizes: "Counter[int]", unit: int, label: str) -> str:
    """How often a price changes by how much, as SVG; nothing if none does."""
    changed = {size / unit: times for size, times in sizes.items() if size}
    if not changed:
        return ""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    for side, color in ((1, "#c2410c"), (-1, "#0f766e")):
        of_side = {size: times for size, times in changed.items() if size * side > 0}
        if of_side:
            span = (min(*changed, 0.0), max(*changed, 0.0))
            axes.hist(list(of_side), bins=40, range=span, weights=list(of_side.values()), color=color)
    axes.set_ylabel("how often")
    axes.axvline(0, color="#888", linewidth=1)
    axes.spines[["top", "right"]].set_visible(False)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return (
        f"<figure>{drawn.getvalue()[drawn.getvalue().index('<svg') :]}<figcaption>{escape(label)}</figcaption></figure>"
    )
