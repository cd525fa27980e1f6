"""What a model said beside what was seen, tenth by tenth, as an SVG: on the diagonal it says what comes."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pricing.learning.offer_scores import Calibration, Group

WORDS = {
    "eta": ("wait told, s", "wait seen, s"),
    "acceptance": ("chance told", "share that accepted"),
    "supply": ("cars told, in five minutes", "cars that were there"),
}
ROWS = {"supply": "catchments and minutes"}


def picture(name: str, calibration: "Calibration") -> str:
    """The fitted and the assumed model with 95 % intervals; the same calibration gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "faretide"
    figure = Figure(figsize=(5.2, 4.2), layout="constrained")
    panel = figure.subplots()
    for label, groups, colour in (
        ("assumed", calibration.assumed, "#8a8a8a"),
        ("fitted", calibration.fitted, "#c2334d"),
    ):
        told, seen = [group.predicted for group in groups], [group.seen for group in groups]
        panel.errorbar(told, seen, yerr=_bars(groups), fmt="o-", markersize=4, linewidth=1, color=colour, label=label)
    ends = [0.0, max(group.high for group in (*calibration.fitted, *calibration.assumed)) * 1.05]
    panel.plot(ends, ends, color="#bbb", linewidth=0.8, linestyle="--", zorder=0)
    panel.set_xlabel(WORDS[name][0])
    panel.set_ylabel(WORDS[name][1])
    panel.set_title(
        f"{name}: {calibration.offers:,} {ROWS.get(name, 'offers')} not fitted on, by tenths", fontsize=9, loc="left"
    )
    panel.legend(frameon=False, fontsize=8)
    page = io.StringIO()
    figure.savefig(page, format="svg", metadata={"Date": None})
    return page.getvalue()


def _bars(groups: "list[Group]") -> list[list[float]]:
    return [[group.seen - group.low for group in groups], [group.high - group.seen for group in groups]]
