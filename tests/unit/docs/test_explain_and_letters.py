"""What the pages on explanations and dead letters say is what the code does."""

import inspect
import re
from dataclasses import fields
from pathlib import Path

from infra.cli import dlq_redrive
from infra.cli.dead_letters import checking, fates, redriving
from infra.cli.preparing import CHECKS
from pricing.explaining import forecast_explained
from pricing.explaining.price_chain import UNEXPLAINED
from pricing.models.fitted_forecast import CORRECTION_BAND
from topics.catalogue import DAY_MS, DEMAND_CELLS, HOUR_MS, QUOTES, SUPPLY_CELLS, SURGE
from topics.redrive import ATTEMPT, FIRST_APPENDED, REDRIVE_ID

DOCS = Path(__file__).parents[3] / "docs"
EXPLAIN, LETTERS = (DOCS / "explain.md").read_text(), (DOCS / "dead-letters.md").read_text()


def table(page: str, heading: str) -> list[str]:
    """First column of the table with that heading, without backquotes."""
    part = page.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `([a-z_-]+)` \|", part, re.MULTILINE)


def code_of(*parts: object) -> str:
    """Source of modules or functions."""
    return "\n".join(inspect.getsource(part) for part in parts)  # type: ignore[arg-type]


def test_the_factors_of_a_forecast_are_those_of_the_page():
    """In the order of the chain, each told once; the band is the model's."""
    source = code_of(forecast_explained)
    named = table(EXPLAIN, "factor")
    assert set(named) == {"usual-week", "product-split", *re.findall(r'\("([a-z-]+)", [a-z]+\)', source)}
    assert f"{CORRECTION_BAND[0]} to {CORRECTION_BAND[1]:.0f}" in EXPLAIN
    assert f"`{UNEXPLAINED}`" in EXPLAIN


def test_how_long_records_are_kept_is_what_the_page_says():
    """Six hours, a day, a week."""
    assert {SUPPLY_CELLS.retention_ms, DEMAND_CELLS.retention_ms} == {6 * HOUR_MS}
    assert (SURGE.retention_ms, QUOTES.retention_ms) == (DAY_MS, 7 * DAY_MS)


def test_every_rule_of_redriving_is_on_the_page():
    """The code refuses by these names and by no others beside the workers' own."""
    source = code_of(checking, redriving)
    named = re.findall(r'Refused\(\s*[a-z.]+,\s*"",\s*"([a-z-]+)"', source)
    assert sorted(named) == sorted(table(LETTERS, "rule"))
    assert set(CHECKS) == {"driver-pings.v1", "quote-requests.v1", "ride-events.v1"}


def test_every_fate_is_on_the_page():
    """Each word that history can say, and no other."""
    assert set(re.findall(r'Fate\("([a-z-]+)"', code_of(fates))) == set(table(LETTERS, "fate"))
    assert {field.name for field in fields(fates.Fate)} == {"word", "sentence"}


def test_headers_and_limits_are_those_of_the_page():
    """Names of headers, attempts and number of records."""
    assert table(LETTERS, "header") == [ATTEMPT, REDRIVE_ID, FIRST_APPENDED]
    defaults = inspect.signature(dlq_redrive.redrive_command).parameters
    assert (defaults["attempts"].default, checking.MOST_ATTEMPTS) == (3, 3)
    assert defaults["limit"].default == 1_000
    assert (defaults["yes"].default, defaults["again"].default) == (False, False)
