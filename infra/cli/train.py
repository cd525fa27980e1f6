"""`faretide train demand`: the shipped model again, from the shipped pickups."""

import gzip
from pathlib import Path
from typing import Annotated

import typer

from infra.cli.output import say, say_json
from infra.cli.trained_files import keep

EXAMPLES = ("faretide train demand", "faretide train demand --check", "faretide train demand --output /tmp/mine")


def demand_command(
    *,
    output: Annotated[Path, typer.Option(help="Directory to write the artefact and its card to.")] = Path("models"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail unless the directory holds this artefact and card.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result as one JSON document.")] = False,
) -> None:
    """Train the demand model on the shipped pickups; some minutes of one core, the same bytes each time.

    April to June 2014 are learnt from, July and August scored; the scores stand on the card beside those of the tuned
    historical mean and the noise floor. Byte identity holds for one lock file and CPU family.
    """
    import numpy as np

    from infra.cli.forecast import BOOTSTRAP_SAMPLES, BOOTSTRAP_SEED
    from infra.cli.seeding import SHIPPED_NAME, SHIPPED_VERSION
    from infra.cli.up import DATA_DIR
    from pricing.learning.local_pickups import pickups_of_csv
    from pricing.learning.new_york_training import SCORED_DAYS, SOURCE, new_york_model

    draws = np.random.default_rng(BOOTSTRAP_SEED).integers(0, SCORED_DAYS, (BOOTSTRAP_SAMPLES, SCORED_DAYS))

    with gzip.open(DATA_DIR / SOURCE, "rt", encoding="utf-8") as lines:
        trained = new_york_model(pickups_of_csv(lines), draws)
    target = output / f"{SHIPPED_NAME}-{SHIPPED_VERSION}"
    artefact = target.with_suffix(".faretide")
    keep(target, trained.artefact, trained.card_json(), check=check)
    if as_json:
        say_json({"artefact": str(artefact), "sha256": trained.sha256, "bytes": len(trained.artefact)})
    else:
        say(f"{artefact}: {len(trained.artefact):,} bytes, sha256 {trained.sha256}")
