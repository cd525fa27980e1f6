"""`faretide forecast report`: July and August of the shipped pickups from April to June, every resolution and bin."""

import gzip
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from infra.cli.exits import CommandError
from infra.cli.forecast import BOOTSTRAP_SAMPLES, BOOTSTRAP_SEED, document, walking
from infra.cli.output import say, say_json
from infra.cli.written import writable_directory

EXAMPLES = ("faretide forecast report", "faretide forecast report --report /tmp/mine --json")
RESOLUTIONS = (7, 8)
NAME = "forecast-july-august"
HEAD = """# Forecasts of July and August 2014, base B02512, online; history April to June

Made by `make forecast`. Each pair is RMSE / mean Poisson deviance; shares of the gap between tuned mean and noise floor
with 95 % intervals by days (bootstrap seed 2014). p10-p90: counts within, then with each count's jump spread evenly
(should be 80 %), then the same where 5 and more are forecast. Errors recur: correlation of the error of all cells
together with that a bin, a day and a week before.

| res | min | last value | last week | tuned mean | model | noise floor | deviance | squares | p10-p90 | errors recur |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def report_command(
    *,
    report: Annotated[
        Path, typer.Option(help="Directory to write the table and the figures to.", callback=writable_directory)
    ] = Path("docs/results"),
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON document.")] = False,
) -> None:
    """Backtest the shipped pickups at resolutions 7 and 8 and bins of 5 to 60 minutes; some minutes of one core.

    Writes forecast-july-august.md and .json, as docs/forecast.md quotes them.
    """
    import numpy as np

    from infra.cli.up import DATA_DIR
    from pricing.learning.forecast_backtest import BIN_MINUTES, BacktestPlan, backtest, scores
    from pricing.learning.local_pickups import pickups_of_csv
    from pricing.learning.new_york_training import SCORED_DAYS, SCORED_FROM, SCORED_TO, SOURCE, TRAINED_FROM

    with gzip.open(DATA_DIR / SOURCE, "rt", encoding="utf-8") as lines:
        pickups = pickups_of_csv(lines)
    history, test = pickups.between(TRAINED_FROM, SCORED_FROM), pickups.between(SCORED_FROM, SCORED_TO)
    draws = np.random.default_rng(BOOTSTRAP_SEED).integers(0, SCORED_DAYS, (BOOTSTRAP_SAMPLES, SCORED_DAYS))
    found: dict[str, Any] = {}
    for resolution in RESOLUTIONS:
        for bin_min in BIN_MINUTES:
            name = f"resolution {resolution}, {bin_min} min"
            with walking(name) as told:
                forecasts = backtest(
                    history, test, BacktestPlan(resolution=resolution, bin_min=bin_min, online=True), told=told
                )
            found[name] = document(scores(forecasts, draws), forecasts, bin_min)
            if not as_json:
                say(f"{name}: share in deviance {found[name]['deviance']['share']:.2f}")
    _write(report, found)
    if as_json:
        say_json(found)


def _write(report: Path, found: dict[str, Any]) -> None:
    rows = "".join(_row(name, of) for name, of in found.items())
    try:
        report.mkdir(parents=True, exist_ok=True)
        figures = orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
        (report / f"{NAME}.json").write_bytes(figures + b"\n")
        (report / f"{NAME}.md").write_text(f"{HEAD}{rows}\n{_means(found)}\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{report} cannot be written: {error.strerror}") from error


def _row(name: str, of: dict[str, Any]) -> str:
    words = name.replace(",", "").split()
    errors = [
        f"{of['errors'][who]['rmse']:.3f} / {of['errors'][who]['deviance']:.3f}"
        for who in ("last value", "last week", "tuned historical mean", "model", "noise floor")
    ]
    shares = [f"{s['share']:.2f} ({s['low']:.2f}-{s['high']:.2f})" for s in (of["deviance"], of["squares"])]
    busy = of["covered_where_busy"]
    covered = f"{of['covered']['whole']:.0%}; {of['covered']['spread_evenly']:.1%}"
    covered += "" if busy is None else f"; {busy['spread_evenly']:.1%} of {busy['bins']:,}"
    recur = ", ".join(f"{of['recur'][when]:.2f}" for when in ("next_bin", "next_day", "next_week"))
    return f"| {words[1]} | {words[2]} | {' | '.join((*errors, *shares))} | {covered} | {recur} |\n"


def _means(found: dict[str, Any]) -> str:
    """The mean shares, and whether the tuned mean is better anywhere."""
    longer = [of for of in found.values() if of["bin_minutes"] >= 15]

    def mean(of: list[dict[str, Any]], what: str) -> float:
        return sum(float(one[what]["share"]) for one in of) / len(of)

    worst = min(of[what]["gain_low"] for of in found.values() for what in ("deviance", "squares"))
    return (
        f"Mean share: deviance {mean(list(found.values()), 'deviance'):.2f} "
        f"(15 to 60 min {mean(longer, 'deviance'):.2f}), squares {mean(longer, 'squares'):.2f} (15 to 60 min).\n"
        f"Least lower bound of the gain over the tuned mean, a day: {worst:.1f}."
    )
