"""docs/pricing.md says the constants of the code."""

from pathlib import Path

from pricing.catchment import RING_WEIGHTS
from pricing.conversion import ELASTICITY, WAIT_COST_PER_MIN
from pricing.nowcast import PRIOR_REQUESTS
from pricing.optimiser import CONGESTION, COST
from simulation.lockstep.pricers import TICK_MS
from simulation.lockstep.town import STEP_MS

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "pricing.md").read_text(encoding="utf-8")


def test_constants_on_the_page_are_those_of_the_code():
    """Who tunes a constant is led to the page that explains it."""
    assert f"CONGESTION = w (η + T) ≈ {CONGESTION:.1f}, COST = {COST} of a fare" in PAGE
    assert f"a = {ELASTICITY}" in PAGE
    assert f"{100 * WAIT_COST_PER_MIN:.1f} % of a fare" in PAGE
    assert "weights " + ", ".join(f"{weight:g}" for weight in RING_WEIGHTS) in PAGE
    assert PRIOR_REQUESTS == 12
    assert "worth twelve requests" in PAGE
    assert f"every {TICK_MS // 1_000} s of simulated time; cars move every {STEP_MS // 1_000} s" in PAGE


def test_the_crowding_named_at_two_prices_is_what_the_formula_gives():
    """At 1.00 two thirds, at 2.00 0.82."""
    allowed = [(m - COST) / (m - COST + CONGESTION) for m in (1.0, 2.0)]
    assert [round(g, 2) for g in allowed] == [0.67, 0.82]
