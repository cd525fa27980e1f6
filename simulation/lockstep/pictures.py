"""Pictures of runs as SVG: price, wait and idle cars over time for each policy, and prices on the map at their peak."""

import io
from typing import Any

import matplotlib as mpl
import numpy as np
from h3.api import basic_int as h3
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from simulation.lockstep.town import Town

COLOURS = {
    "none": "#8a8a8a",
    "static": "#b8860b",
    "ratio": "#3a6ea5",
    "ratio-oracle": "#5fa052",
    "faretide": "#c2334d",
}


def over_time(towns: dict[str, Town]) -> str:
    """Three panels over the minutes, one line per policy, as an SVG element."""
    figure, panels = _figure(3)
    for policy, town in towns.items():
        moments, colour = town.moments, COLOURS.get(policy)
        weight = np.bincount(town.riders.cell, minlength=town.ground.cells.size)
        price = [float(np.average(prices[:, 0], weights=weight)) / 100.0 for prices in moments.prices]
        for panel, values in zip(panels, (price, moments.way_s, moments.idle), strict=True):
            panel.plot(moments.minute, values, color=colour, label=policy, linewidth=1.3)
    for panel, title in zip(panels, ("mean price, ×", "way to a rider, s", "idle cars"), strict=True):
        panel.set_title(title, fontsize=9, loc="left")
        panel.set_xlabel("minute", fontsize=8)
        panel.axvline(0, color="#ccc", linewidth=0.8)
    panels[0].legend(fontsize=7, frameon=False)
    return _svg(figure)


def map_of(town: Town) -> str:
    """Every priced cell at the minute of the highest mean price, as an SVG element."""
    weight = np.bincount(town.riders.cell, minlength=town.ground.cells.size)
    peak = int(np.argmax([np.average(prices[:, 0], weights=weight) for prices in town.moments.prices]))
    figure, (panel,) = _figure(1)
    shapes = [[(lon, lat) for lat, lon in h3.cell_to_boundary(cell)] for cell in town.ground.cells.tolist()]
    drawn = PolyCollection(shapes, array=town.moments.prices[peak][:, 0] / 100.0, cmap="OrRd", edgecolors="#eee")
    drawn.set_clim(1.0, 3.0)
    panel.add_collection(drawn)
    panel.autoscale_view()
    panel.set_aspect(1.3)
    panel.set_axis_off()
    panel.set_title(f"prices at minute {town.moments.minute[peak]:.0f}", fontsize=9, loc="left")
    figure.colorbar(drawn, ax=panel, shrink=0.7)
    return _svg(figure)


def _figure(panels: int) -> tuple[Any, list[Any]]:
    """A figure without a window and its axes; the same numbers give the same bytes."""
    mpl.rcParams["svg.hashsalt"] = "faretide"
    figure = Figure(figsize=(10.5, 2.6) if panels > 1 else (6.0, 4.2), layout="constrained")
    return figure, list(np.atleast_1d(np.asarray(figure.subplots(1, panels), dtype=object)))


def _svg(figure: Any) -> str:  # noqa: ANN401  matplotlib's own class, imported late
    page = io.StringIO()
    figure.savefig(page, format="svg", metadata={"Date": None})
    return page.getvalue()[page.getvalue().index("<svg") :]
