"""`faretide forecast backtest`: forecasts of one file of pickups from another, and how good they are."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.offers import finite, parsed
from infra.cli.output import say, say_json, say_table
from infra.cli.written import writable_file

if TYPE_CHECKING:
    from pricing.learning.forecast_backtest import BacktestPlan, Coverage, Forecasts, Scores, Told
    from pricing.learning.local_pickups import LocalPickups

EXAMPLES = (
    "faretide forecast backtest --history april-june.csv.gz --test july.csv.gz --online --output forecasts.csv",
    "faretide forecast backtest --history a.csv.gz --test b.csv.gz --resolution 7 --bin 60 --json",
)
BOOTSTRAP_SAMPLES = 1000
BOOTSTRAP_SEED = 2014


def backtest_command(
    *,
    history: Annotated[Path, typer.Option(help="Pickups to fit on: CSV or CSV.gz, pickup_local,lat,lon,...")],
    test: Annotated[Path, typer.Option(help="Pickups to forecast, on days after those of the history.")],
    resolution: Annotated[int, typer.Option(help="H3 resolution of the cells.", min=5, max=10)] = 8,
    bin_minutes: Annotated[int, typer.Option("--bin", help="Minutes of a bin: 5, 15, 30 or 60.")] = 15,
    online: Annotated[
        bool, typer.Option("--online", help="Forecast each bin from all that lies before it, the test included.")
    ] = False,
    output: Annotated[Path | None, typer.Option(help="CSV to write the forecasts to.")] = None,
    least_per_day: Annotated[
        float, typer.Option(help="Cells are forecast if the history has so many pickups a day in them.", min=0.01)
    ] = 1.0,
    scored_per_day: Annotated[
        float, typer.Option(help="Scores are over cells with at least so many pickups a day.", min=0.01)
    ] = 4.0,
    as_json: Annotated[bool, typer.Option("--json", help="The scores as one JSON document.")] = False,
) -> None:
    """Fit on one file of pickups, forecast another, and score beside plain forecasts and the noise floor.

    Coefficients, trees and the tuned mean's weights see the history only. With --online ratios follow the test;
    without, they fade from where they stood at the history's end. `mean`, `p10` and `p90` are pickups per bin and cell.
    """
    from pricing.learning.forecast_backtest import BIN_MINUTES, BacktestPlan

    if bin_minutes not in BIN_MINUTES:
        minutes = ", ".join(map(str, BIN_MINUTES))
        raise CommandError(f"--bin must be one of {minutes} minutes, got {bin_minutes}", ExitCode.USAGE)
    if output is not None:
        writable_file(output)
    plan = BacktestPlan(
        resolution=resolution,
        bin_min=bin_minutes,
        online=online,
        least_per_day=min(finite("--least-per-day", least_per_day), finite("--scored-per-day", scored_per_day)),
        scored_per_day=scored_per_day,
    )
    forecasts, result = _backtested(history, test, plan)
    if output is not None:
        _write(output, forecasts, bin_minutes)
    if as_json:
        say_json(document(result, forecasts, plan.bin_min))
    else:
        _show(result, forecasts)
        if output is not None:
            say(f"{output}: {forecasts.mean.size:,} forecasts, {forecasts.cells.size} cells in every bin of the test")


def _backtested(history: Path, test: Path, plan: "BacktestPlan") -> "tuple[Forecasts, Scores]":
    """Forecasts of the test's days and their scores; whole days are drawn again for the intervals."""
    import numpy as np

    from pricing.learning.forecast_backtest import backtest, scores

    before, after = read_pickups(history), read_pickups(test)
    try:
        with walking(f"resolution {plan.resolution}, {plan.bin_min} min") as told:
            forecasts = backtest(before, after, plan, told=told)
    except ValueError as error:
        files = f"{test} ({_days(after)}) from {history} ({_days(before)})"
        raise CommandError(f"cannot forecast {files}: {error}") from error
    days = after.last_day - after.first_day + 1
    draws = np.random.default_rng(BOOTSTRAP_SEED).integers(0, days, (BOOTSTRAP_SAMPLES, days))
    return forecasts, scores(forecasts, draws)


@contextmanager
def walking(what: str) -> "Iterator[Told]":
    """Days walked through, as a bar on a person's terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _day, _days: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what)
        yield lambda day, days: bar.update(task, completed=day, total=days)


def read_pickups(path: Path) -> "LocalPickups":
    """The pickups of a file.

    Raises CommandError naming the file.
    """
    from pricing.learning.local_pickups import pickups_of_csv

    return parsed(path, pickups_of_csv)


def _days(pickups: "LocalPickups") -> str:
    first, last = (datetime.fromordinal(day) for day in (pickups.first_day, pickups.last_day))
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _write(path: Path, forecasts: "Forecasts", bin_minutes: int) -> None:
    """One line per bin and cell, bins in order of time, cells ascending."""
    start = datetime.fromordinal(forecasts.first_day)
    names = [f"{cell:x}" for cell in forecasts.cells.tolist()]
    minute = start.toordinal() * 1440
    try:
        with path.open("w", encoding="utf-8") as lines:
            lines.write("bin_start_local,cell,bin_minutes,mean,p10,p90\n")
            for number in range(forecasts.mean.shape[1]):
                day, of_day = divmod(minute + number * bin_minutes, 1440)
                at = f"{datetime.fromordinal(day):%Y-%m-%d}T{of_day // 60:02d}:{of_day % 60:02d}"
                columns = (forecasts.mean[:, number], forecasts.p10[:, number], forecasts.p90[:, number])
                for name, mean, low, high in zip(names, *(column.tolist() for column in columns), strict=True):
                    lines.write(f"{at},{name},{bin_minutes},{mean:.6g},{low:.0f},{high:.0f}\n")
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from error


def document(result: "Scores", forecasts: "Forecasts", bin_minutes: int) -> dict[str, Any]:
    """The scores as `--json` prints them."""
    from dataclasses import asdict

    document = asdict(result)
    document["errors"]["noise floor"].pop("mae")
    return document | {"bin_minutes": bin_minutes, "tuned_mean": asdict(forecasts.weights)}


def _show(result: "Scores", forecasts: "Forecasts") -> None:
    say(f"{result.cells} cells x {result.bins:,} bins scored; {forecasts.cells.size} cells forecast")
    rows = [
        (name, f"{found.rmse:.4f}", "" if found.mae != found.mae else f"{found.mae:.4f}", f"{found.deviance:.4f}")
        for name, found in result.errors.items()
    ]
    say_table(("forecaster", "RMSE", "MAE", "deviance"), rows)
    for name, share in (("deviance", result.deviance), ("squared error", result.squares)):
        say(f"share of the gap closed, {name:13} {share.share:.3f}   95 % by days {share.low:.3f} to {share.high:.3f}")
    say(f"counts within p10 to p90: {_covered(result.covered)}")
    if result.covered_where_busy is not None:
        say(f"  of those forecast at 5 and more: {_covered(result.covered_where_busy)}")
    recur = result.recur
    say(f"errors recur after a bin {recur.next_bin:.2f}, a day {recur.next_day:.2f}, a week {recur.next_week:.2f}")
    say(f"tuned mean: {forecasts.weights}")


def _covered(found: "Coverage") -> str:
    return f"{found.whole:.1%}; {found.spread_evenly:.1%} with jumps spread evenly, of {found.bins:,} (should be 80 %)"
