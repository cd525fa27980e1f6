"""`faretide train eta` and `faretide train acceptance`: small models fitted on recorded offers, with calibration."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.offers import read_offers
from infra.cli.output import say, say_json, say_table
from infra.cli.trained_files import BEHAVIOUR_VERSION, keep

if TYPE_CHECKING:
    from pricing.learning.offer_scores import Calibration
    from pricing.learning.offers import Offers
    from pricing.models.acceptance import Acceptance
    from pricing.models.behaviour_models import Fitted
    from pricing.models.eta import Waits

DATA = Path(__file__).resolve().parents[2] / "data"
HISTORY, TEST = DATA / "city-offers-history.csv.gz", DATA / "city-offers-test.csv.gz"
EXAMPLES = (
    "faretide train eta --offers mine.csv.gz --output /tmp/mine",
    "faretide train acceptance --check",
)

Offered = Annotated[
    Path,
    typer.Option(
        "--offers",
        help="Offers to fit on, as `faretide train offers` writes them.",
        show_default="the shipped evenings of a simulated city",
    ),
]
Tested = Annotated[
    Path | None, typer.Option("--test", help="Offers to score on; without, the last third by time of --offers.")
]
Output = Annotated[Path, typer.Option(help="Directory to write the artefact and its card to.")]
Version = Annotated[int, typer.Option(min=1, help="Version in the file's name.")]


def _named(market: str) -> str:
    if not market:
        raise CommandError("--market must name a market: the model prices there only", ExitCode.USAGE)
    return market


Market = Annotated[
    str, typer.Option(help="The market the offers were made in: the model prices there only.", callback=_named)
]
Report = Annotated[Path | None, typer.Option(help="Directory for the calibration picture.")]
Check = Annotated[bool, typer.Option("--check", help="Write nothing; fail unless the directory holds this result.")]
AsJson = Annotated[bool, typer.Option("--json", help="The card as one JSON document.")]


def eta_command(
    *,
    offers: Offered = HISTORY,
    test: Tested = None,
    output: Output = Path("models"),
    version: Version = BEHAVIOUR_VERSION,
    market: Market = "nyc",
    report: Report = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Fit pickup time by idle density: wait = match + root / sqrt(idle cars per km²). The same bytes each time."""
    _train("eta", offers, test, output / f"eta-{version}", market, report, check=check, as_json=as_json)


def acceptance_command(
    *,
    offers: Offered = HISTORY,
    test: Tested = None,
    output: Output = Path("models"),
    version: Version = BEHAVIOUR_VERSION,
    market: Market = "nyc",
    report: Report = None,
    check: Check = False,
    as_json: AsJson = False,
) -> None:
    """Fit whether riders take an offer: a logit of price and wait told. The same bytes each time."""
    _train("acceptance", offers, test, output / f"acceptance-{version}", market, report, check=check, as_json=as_json)


def _train(
    name: str,
    file: Path,
    test: Path | None,
    target: Path,
    market: str,
    report: Path | None,
    *,
    check: bool,
    as_json: bool,
) -> None:
    from pricing.models.behaviour_models import packed

    history, scored = _split(file, test)
    try:
        fitted = _fitted(name, history)
    except ValueError as error:
        raise CommandError(f"{file}: {error}") from error
    against = test.name if test else TEST.name if file == HISTORY else "last third"
    try:
        calibration = _scored(fitted, history, scored)
    except ValueError as error:
        raise CommandError(f"{test or file} cannot be scored on ({against}): {error}") from error
    artefact = packed(name, market, fitted)
    card = _card(name, fitted, calibration, history, {"offers": file.name, "test": against})
    keep(target, artefact, json.dumps(card, sort_keys=True, indent=1) + "\n", check=check)
    if report is not None:
        from infra.cli.calibration_picture import picture

        report.mkdir(parents=True, exist_ok=True)
        (report / f"calibration-{name}.svg").write_text(picture(name, calibration), encoding="utf-8")
    if as_json:
        say_json(card | {"artefact": str(target.with_suffix(".faretide"))})
        return
    say(f"{target}.faretide: {', '.join(f'{key} {value}' for key, value in asdict(fitted).items())}")
    rows = [(one, *(f"{value:.4g}" for value in asdict(score).values())) for one, score in calibration.scores.items()]
    say_table(("model", *ERROR_OF[name]), rows, title=f"{calibration.offers:,} offers it has not seen")


ERROR_OF = {
    "eta": ("RMSE, s", "bias, s", "Gamma deviance"),
    "acceptance": ("Brier score", "bias", "Bernoulli deviance"),
}


def _split(file: Path, test: Path | None) -> "tuple[Offers, Offers]":
    """Offers to fit on and to score on; of the shipped file, the shipped test."""
    history = read_offers(file)
    if test is None and file == HISTORY:
        test = TEST
    if test is not None:
        return history, read_offers(test)
    from pricing.learning.offers import cut

    return cut(history)


def _fitted(name: str, history: "Offers") -> "Waits | Acceptance":
    from pricing.learning.offer_fits import fitted_acceptance, fitted_waits

    return fitted_waits(history) if name == "eta" else fitted_acceptance(history)


def _scored(model: "Waits | Acceptance", history: "Offers", test: "Offers") -> "Calibration":
    from pricing.learning.offer_scores import acceptance_scored, waits_scored
    from pricing.models.eta import Waits

    if isinstance(model, Waits):
        return waits_scored(model, history, test)
    return acceptance_scored(model, history, test)


def _card(
    name: str, fitted: "Fitted", calibration: "Calibration", history: "Offers", files: dict[str, str]
) -> dict[str, Any]:
    import numpy as np

    from pricing.learning.offer_scores import TREE_ROUNDS, TREES
    from pricing.models.behaviour_models import KINDS

    return {
        "format": KINDS[name].format,
        "parameters": asdict(fitted),
        "data": files
        | {
            "first_ms": int(history.at_ms.min()),
            "last_ms": int(history.at_ms.max()),
            "offers": history.at_ms.size,
            "accepted": int(history.accepted.sum()),
            "picked_up": int(history.picked.sum()),
        },
        "scored": asdict(calibration),
        "trees_for_comparison": TREES | {"rounds": TREE_ROUNDS},
        "versions": {"numpy": np.__version__},
    }
