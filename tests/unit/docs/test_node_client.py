"""The Node client counts minor units as the services do: a price shown in other digits is wrong by tens or hundreds."""

import re
from pathlib import Path

import pytest

from pricing.rules.currencies import MINOR_DIGITS

EXPLAIN = Path(__file__).parents[3] / "docs" / "clients" / "node" / "src" / "explain.js"


@pytest.mark.parametrize(("name", "digits"), [("NO_DIGITS", 0), ("THREE_DIGITS", 3)])
def test_its_currencies_have_the_digits_of_the_services(name, digits):
    """All others have two, in both."""
    told = re.search(rf"^const {name} = '([A-Z ]+)'", EXPLAIN.read_text("utf-8"), re.MULTILINE)
    assert told, f"{EXPLAIN.name} must have a line const {name} = '…'"
    assert sorted(told[1].split()) == sorted(code for code, of_code in MINOR_DIGITS.items() if of_code == digits)


def test_all_other_currencies_have_two_digits():
    """What the client shows of a currency that it does not name."""
    assert set(MINOR_DIGITS.values()) == {0, 2, 3}
