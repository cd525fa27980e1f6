"""docs/models.md shows the scores of the shipped cards."""

import json
from pathlib import Path

import pytest

from infra.cli.trained_files import BEHAVIOUR_VERSION

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
# Decimals of error, bias and deviance.
DIGITS = {"eta": (1, 1, 3), "acceptance": (4, 4, 4), "supply": (2, 2, 3)}
IDLE_HEAD = ("last value", "assumed", "usual", "half hour", "fitted", "trees")


def card(name):
    return json.loads((ROOT / "models" / f"{name}-{BEHAVIOUR_VERSION}.json").read_text(encoding="utf-8"))


def signed(value, digits):
    return f"{value:+.{digits}f}".replace("-", "−")


@pytest.mark.parametrize("name", DIGITS)
def test_scores_on_the_page_are_those_of_the_card(name):
    """A row per forecaster: error, bias, deviance; and how many were scored."""
    scored = card(name)["scored"]
    scored = scored.get("cars_in_five_minutes", scored)
    error, bias, deviance = DIGITS[name]
    for forecaster, score in scored["scores"].items():
        label = f"**{forecaster}**" if forecaster == "fitted" else forecaster
        shown = (f"{score['error']:.{error}f}", signed(score["bias"], bias), f"{score['deviance']:.{deviance}f}")
        assert f"| {label} | {' | '.join(shown)} |" in PAGE
    assert f"{scored.get('offers', scored.get('rows')):,} " in PAGE


def test_idle_cars_on_the_page_are_those_of_the_card():
    """A row per horizon: error and deviance of each forecaster, then how many counts the interval held."""
    for horizon_min, scored in card("supply")["scored"]["idle_by_horizon_min"].items():
        scores = " | ".join(
            f"{scored['scores'][each]['error']:.2f} / {scored['scores'][each]['deviance']:.3f}" for each in IDLE_HEAD
        )
        held = scored["covered"]
        shares = f"{held['whole']:.0%}; {held['spread_evenly']:.1%}; {held['busy_spread_evenly']:.0%}".replace(
            "%", " %"
        )
        assert f"| {horizon_min} min | {scores} | {shares} |" in PAGE
