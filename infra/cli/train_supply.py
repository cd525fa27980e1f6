"""`faretide train supply`: which busy cars will be there, and how many stand idle in 5 to 60 minutes."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.cars import read_cars
from infra.cli.exits import CommandError
from infra.cli.output import say, say_json, say_table
from infra.cli.train_behaviour import DATA, AsJson, Check, Market, Output, Report, Version
from infra.cli.trained_files import BEHAVIOUR_VERSION, keep

if TYPE_CHECKING:
    from pricing.learning.offer_scores import Calibration
    from pricing.learning.supply_scores import IdleScores
    from pricing.models.supply_forecast import SupplyShares
    from pricing.models.supply_recording import SupplySpan

HISTORY, TEST = DATA / "city-cars-history.csv.gz", DATA / "city-cars-test.csv.gz"
EXAMPLES = (
    "faretide train supply --cars mine.csv.gz --output mine --version 3",
    "faretide train supply --check",
)
ERRORS = ("model", "RMSE, cars", "bias, cars", "Poisson deviance")


def supply_command(
    *,
    cars: Annotated[
        Path,
        typer.Option(
            "--cars",
            help="Minutes to fit on, as `faretide train cars` writes them.",
            show_default="the shipped evenings of a simulated city",
        ),
    ] = HISTORY,
    test: Annotated[
        Path | None, typer.Option("--test", help="Minutes to score on; without, the last third of each span of --cars.")
    ] = None,
    output: Output = Path("models"),
    version: Version = BEHAVIOUR_VERSION,
    market: Market = "nyc",
    report: Report = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Fit which busy cars will be there in five minutes, and idle cars in 5, 15, 30 and 60. The same bytes each time.

    Scored beside the last value, the assumed shares, the historical mean and trees, on minutes it has not seen.
    """
    from pricing.learning.supply_fits import fitted_supply
    from pricing.learning.supply_scores import cars_scored, idle_scored
    from pricing.models.behaviour_models import SUPPLY, packed

    history, scored = _split(cars, test)
    try:
        model = fitted_supply(history)
    except ValueError as error:
        raise CommandError(f"{cars}: {error}") from error
    try:
        calibration, idle = cars_scored(model, history, scored), idle_scored(model, history, scored)
    except ValueError as error:
        raise CommandError(f"{_scored_on(cars, test)} cannot be scored on: {error}") from error
    files = {"cars": cars.name, "test": test.name if test else TEST.name if cars == HISTORY else "last third"}
    card = _card(model, calibration, idle, history, files)
    target = output / f"{SUPPLY}-{version}"
    keep(target, packed(SUPPLY, market, model), json.dumps(card, sort_keys=True, indent=1) + "\n", check=check)
    if report is not None:
        from infra.cli.calibration_picture import picture

        report.mkdir(parents=True, exist_ok=True)
        (report / f"calibration-{SUPPLY}.svg").write_text(picture(SUPPLY, calibration), encoding="utf-8")
    if as_json:
        say_json(card | {"artefact": str(target.with_suffix(".faretide"))})
    else:
        _show(target, model, calibration, idle)


def _split(file: Path, test: Path | None) -> "tuple[list[SupplySpan], list[SupplySpan]]":
    """Minutes to fit on and to score on; of the shipped file, the shipped test."""
    from pricing.models.supply_recording import cut

    history = read_cars(file)
    if test is None and file != HISTORY:
        return cut(history)
    return history, read_cars(test or TEST)


def _scored_on(file: Path, test: Path | None) -> str:
    if test is None and file != HISTORY:
        return f"the last third of each span of {file}"
    return str(test or TEST)


def _card(
    model: "SupplyShares",
    calibration: "Calibration",
    idle: "dict[int, IdleScores]",
    history: "list[SupplySpan]",
    files: dict[str, str],
) -> dict[str, Any]:
    import numpy as np
    import scipy  # type: ignore[import-untyped]

    from pricing.learning.supply_scores import TREE_ROUNDS, TREES
    from pricing.models.behaviour_models import KINDS, SUPPLY
    from pricing.models.idle_artefact import idle_document
    from pricing.models.supply_features import FEATURES

    assert model.idle is not None, "training fits both"
    return {
        "format": KINDS[SUPPLY].format,
        "parameters": {"soon_free": model.soon_free, "other_busy": model.other_busy},
        "horizons": idle_document(model.idle)["horizons"],
        "features": [{"name": feature.name, "unit": "cars", "doc": feature.doc} for feature in FEATURES],
        "data": files
        | {
            "spans": [span.name for span in history],
            "first_ms": int(min(span.at_ms[0] for span in history)),
            "last_ms": int(max(span.at_ms[-1] for span in history)),
            "minutes": sum(span.at_ms.size for span in history),
            "cells": len(model.idle.usual),
        },
        "scored": {
            "cars_in_five_minutes": {key: value for key, value in asdict(calibration).items() if key != "offers"}
            | {"rows": calibration.offers},
            "idle_by_horizon_min": {str(horizon): asdict(scores) for horizon, scores in idle.items()},
        },
        "trees_for_comparison": TREES | {"rounds": TREE_ROUNDS},
        "versions": {"numpy": np.__version__, "scipy": scipy.__version__},
    }


def _show(target: Path, model: "SupplyShares", calibration: "Calibration", idle: "dict[int, IdleScores]") -> None:
    say(f"{target}.faretide: soon free {model.soon_free}, other busy {model.other_busy}")
    title = f"cars there within five minutes: {calibration.offers:,} catchments and minutes not fitted on"
    say_table(ERRORS, _rows(calibration.scores), title=title)
    for horizon_min, scores in idle.items():
        what, held = f"idle in {horizon_min} minutes", scores.covered
        say_table(ERRORS, _rows(scores.scores), title=f"{what}: {scores.rows:,} cells and minutes")
        busy = (
            "" if held.busy_spread_evenly is None else f"; {held.busy_spread_evenly:.0%} where 5 and more are expected"
        )
        say(
            f"{what}, within p10 to p90: {held.whole:.0%}; {held.spread_evenly:.1%} with jumps spread evenly "
            f"(should be 80 %){busy}"
        )


def _rows(scores: Any) -> list[tuple[str, ...]]:  # noqa: ANN401  scores by model
    return [(name, *(f"{value:.4g}" for value in asdict(score).values())) for name, score in scores.items()]
