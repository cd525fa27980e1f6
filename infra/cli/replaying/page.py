"""The difference of two runs as one HTML page with its pictures in it."""

import io
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.cli.exits import CommandError

if TYPE_CHECKING:
    from collections import Counter

    from replay.compare import Comparison

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #8884; }
svg { max-width: 100%; height: auto; }
"""


def write_page(file: Path, comparison: "Comparison", said: dict[str, Any]) -> None:
    """Write the page whole or not at all. Raises CommandError if it cannot be written."""
    unfinished = file.with_name(f".{file.name}.part")
    try:
        unfinished.write_text(page_of(comparison, said), encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from None


def page_of(comparison: "Comparison", said: dict[str, Any]) -> str:
    """The page."""
    summary = (
        f"{said['quotes_changed']:,} of {said['quotes']:,} quotes ({said['share_changed']:.1%}) and "
        f"{said['ticks_changed']:,} of {said['ticks']:,} ticks change."
    )
    rows = "".join(
        f"<tr><td><code>faretide explain {escape(one.quote_id)}</code></td><td>{one.before_minor / 100:.2f}</td>"
        f"<td>{one.after_minor / 100:.2f} {escape(one.currency)}</td><td>{escape(', '.join(one.fields))}</td></tr>"
        for one in comparison.top
    )
    estimates = "".join(
        f"<tr><td>{name}</td><td>{one.quotes:,}</td><td>{one.accepted:,.1f}</td>"
        f"<td>{escape(', '.join(f'{m / 100:,.2f} {c}' for c, m in one.revenue_minor.items()))}</td></tr>"
        for name, one in (("before", comparison.before), ("after", comparison.after))
    )
    pictures = picture(comparison.amounts.sizes, "change of a quote's price") + picture(
        comparison.prices.sizes, "change of a multiplier"
    )
    assumed = "".join(f"<li>{escape(sentence)}</li>" for sentence in said["assumed"])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Replay: what changes</title>'
        f"<style>{STYLE}</style></head><body><h1>What changes</h1><p>{summary}</p>{pictures}"
        f"<h2>Moved most</h2><table><tr><th>quote</th><th>before</th><th>after</th><th>fields</th></tr>{rows}</table>"
        f"<h2>Estimate</h2><table><tr><th></th><th>priced</th><th>taken</th><th>revenue</th></tr>{estimates}</table>"
        f"<h2>Assumed</h2><ul>{assumed}</ul></body></html>\n"
    )


def picture(sizes: "Counter[int]", label: str) -> str:
    """How often a price changes by how much, as SVG; nothing if none does."""
    changed = {size / 100: times for size, times in sizes.items() if size}
    if not changed:
        return ""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    axes.hist(list(changed), bins=40, weights=list(changed.values()), color="#0f766e")
    axes.set_xlabel(label)
    axes.set_ylabel("how often")
    axes.axvline(0, color="#888", linewidth=1)
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()[drawn.getvalue().index("<svg") :]
