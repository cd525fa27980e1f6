"""docs/pricing.md says the constants of the code."""

from pathlib import Path

from pricing.defaults import new_york_policy
from pricing.models.conversion import ELASTICITY, WAIT_COST_PER_MIN
from pricing.models.supply_forecast import INFLOW_SHARE, SOON_FREE_SHARE
from pricing.rules.policy import policy_of
from pricing.rules.rounding import TENTH
from pricing.surge.catchment import RING_WEIGHTS
from pricing.surge.guardrails import rise_stride, stride
from pricing.surge.nowcast import CATCHMENT_PRIOR, SPARE_REQUESTS, ZONE_PRIOR
from pricing.surge.optimiser import (
    COST,
    DRAWN,
    DRIVER_SHARE,
    ENTRY,
    LENT,
    REACHED_CARS,
    REPOSITIONING,
    SHARED,
    TAKEN_IS_SCARCE,
)
from pricing.surge.outlook import PRODUCT_PRIOR
from simulation.lockstep.doc_table import differences_table
from simulation.lockstep.facts import facts_table
from simulation.lockstep.misfits import misfits_table
from simulation.lockstep.pricers import TICK_MS
from simulation.lockstep.town import STEP_MS

HOUR_MS = 3_600_000
RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "pricing.md").read_text(encoding="utf-8")


def test_constants_on_the_page_are_those_of_the_code():
    """Who tunes a constant is led to the page that explains it."""
    assert f"COST = {COST} of a mean fare" in PAGE
    assert f"Together ε = {ENTRY + REPOSITIONING:.1f}." in PAGE
    assert f"d = {DRIVER_SHARE} the drivers' part" in PAGE
    assert DRAWN == (ENTRY + REPOSITIONING) / ELASTICITY
    assert (SOON_FREE_SHARE, INFLOW_SHARE) == (1.0, 0.05)
    assert f"no more than {SHARED} of a product" in " ".join(PAGE.split())
    assert "those free within five minutes and a twentieth of the other busy ones" in " ".join(PAGE.split())
    assert f"crowding (s_q g_q) no more than {LENT} is charged (`LENT`)" in " ".join(PAGE.split())
    assert f"take more than {TAKEN_IS_SCARCE} of the product's cars (`TAKEN_IS_SCARCE`)" in " ".join(PAGE.split())
    assert (REACHED_CARS, SPARE_REQUESTS) == (3.0, 1.0)
    assert "Three cars beyond the rings are taken to be within reach (`REACHED_CARS`)" in " ".join(PAGE.split())
    assert "upwards within one request more (`SPARE_REQUESTS`)" in " ".join(PAGE.split())
    assert f"a = {ELASTICITY}" in PAGE
    assert f"{100 * WAIT_COST_PER_MIN:.1f} % of a fare" in PAGE
    assert "weights " + ", ".join(f"{weight:g}" for weight in RING_WEIGHTS) in PAGE
    assert (ZONE_PRIOR, CATCHMENT_PRIOR, PRODUCT_PRIOR) == (12, 30, 30)
    assert "drawn to its own of the last half hour by a Gamma prior worth thirty" in " ".join(PAGE.split())
    assert "worth twelve requests for a zone and thirty for a catchment" in " ".join(PAGE.split())
    assert f"every {TICK_MS // 1_000} s of simulated time; cars move every {STEP_MS // 1_000} s" in PAGE


def test_the_table_of_results_is_that_of_the_committed_reports():
    """Numbers on the page are the report's, not retyped."""
    assert differences_table(RESULTS) in PAGE
    assert facts_table(RESULTS) in PAGE
    assert misfits_table(RESULTS) in PAGE


def test_the_city_is_promised_what_the_shipped_policy_keeps():
    """Limits hold before the rounding, which adds a tenth to a difference of whole tenths, and within a zone only."""
    page, policy = " ".join(PAGE.split()), new_york_policy()
    a_minute, step = policy.max_rise_hundredths_per_min, policy.max_step_between_neighbours_hundredths
    assert policy.max_fall_hundredths_per_min == a_minute
    assert a_minute % TENTH == step % TENTH == 0
    assert f"moves by at most {a_minute / 100:.2f} a minute" in page
    assert f"see it move by up to {(a_minute + TENTH) / 100:.2f} in a minute" in page
    assert f"differ by at most {step / 100:.2f}, and as shown by at most {(step + TENTH) / 100:.2f}" in page
    assert "Across the border of two zones no rule limits the difference" in page


def test_the_city_is_told_how_far_a_price_moves_after_a_pause():
    """As `surge.guarded` makes up for a pause: the page's limit a minute, and what was missed on top at once."""
    page, policy = " ".join(PAGE.split()), policy_of(new_york_policy(), 0)
    rise, fall = policy.rules.max_rise_hundredths_per_min, policy.rules.max_fall_hundredths_per_min
    higher = rise_stride(rise, 0, HOUR_MS)
    lower = stride(fall, 0, HOUR_MS) - policy.fallen_by_age(HOUR_MS)
    assert f"hold for {policy.rules.stale_hold_ms // 1_000} s and then step down by {fall / 100:.2f} a minute" in page
    assert f"first new price may be up to {higher / 100:.2f} higher" in page
    assert f"rise by up to {(rise + higher) / 100:.2f}, and by less than {_shown(rise + higher):.2f} as shown" in page
    assert f"first new price may be up to {lower / 100:.2f} lower" in page
    assert f"fall by up to {(fall + lower) / 100:.2f} in a minute, and by less than {_shown(fall + lower):.2f}" in page


def _shown(hundredths):
    """Below which multiple of 0.10 a move stays whose two ends were each rounded by less than that."""
    return (hundredths + 2 * (TENTH - 1)) // TENTH / 10 + 0.1
