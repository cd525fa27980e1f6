"""One bar for each contestant, on a logarithmic scale if they are far apart."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

OURS, OTHERS = "#1b7f79", "#9aa5b1"
FAR_APART = 20


def draw(said: dict[str, Any]) -> bytes:
    """The headline of everyone who ran, as SVG; the same bytes for the same figures."""
    out = io.BytesIO()
    with rc_context({"svg.hashsalt": "bench"}):  # else ids in the file are random
        _bars(said).savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return out.getvalue()


def _bars(said: dict[str, Any]) -> Figure:
    name = said["headline"]
    ran = {who: each[name] for who, each in said["contestants"].items() if name in each}
    figure = Figure(figsize=(7, 0.9 + 0.45 * len(ran)), layout="constrained")
    axes = figure.add_subplot()
    bars = axes.barh(list(ran), list(ran.values()), color=[OURS if who == "ours" else OTHERS for who in ran])
    axes.bar_label(bars, fmt=lambda value: f"{value:,.4g}", padding=4)
    if ran and min(ran.values()) > 0 and max(ran.values()) / min(ran.values()) > FAR_APART:
        axes.set_xscale("log")
    axes.invert_yaxis()
    axes.margins(x=0.18)
    axes.set_xlabel(name)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
