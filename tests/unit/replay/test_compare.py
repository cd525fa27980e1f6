"""What changes between two runs, and how it is told."""

from dataclasses import replace
from pathlib import Path

import pytest

from infra.cli.exits import CommandError
from infra.cli.replaying.differences import Otherwise, _tell, as_object, told
from infra.cli.replaying.page import page_of
from replay.compare import Comparison
from topics.prices import FareLine, QuoteAnswered, QuoteOutcome


def quote(amount_minor: int, *, currency: str = "USD", discount_minor: int = -100) -> QuoteAnswered:
    """A priced quote with a base and a discount."""
    lines = [
        FareLine(code="base", amount_minor=amount_minor - discount_minor),
        FareLine(code="discount", amount_minor=discount_minor),
    ]
    return QuoteAnswered(
        quote_id="q",
        request_id="r",
        rider_id="ann",
        product="standard",
        outcome=QuoteOutcome.PRICED,
        amount_minor=amount_minor,
        currency=currency,
        multiplier_hundredths=100,
        breakdown=lines,
        driver_pay=lines,
        at_ms=1,
        now_ms=1,
        request_offset=1,
    )


@pytest.mark.parametrize(("amount_minor", "is_same"), [(1005, True), (995, True), (1006, False)])
def test_what_amounts_may_move_by_their_lines_may_as_well(amount_minor, is_same):
    """The lines add up to the amount: a tolerance for it alone would let nothing pass."""
    comparison = Comparison(tolerances={"amount_minor": 5})
    comparison.quote(quote(1000), quote(amount_minor), "0@1")
    assert comparison.is_same is is_same


def test_lines_that_move_against_each_other_are_a_change():
    """The same amount by other lines is no rounding; a line that is negative counts like any other."""
    comparison = Comparison(tolerances={"amount_minor": 5})
    comparison.quote(quote(1000), quote(1000, discount_minor=-150), "0@1")
    assert comparison.changed[0].fields == ["breakdown", "driver_pay"]


@pytest.mark.parametrize(
    ("currency", "said"), [("JPY", ["1,500 JPY", "1,800 JPY", "+300 JPY"]), ("USD", ["15.00 USD", "+3.00 USD"])]
)
def test_amounts_are_told_in_the_units_of_their_currency(currency, said, capsys):
    """A yen has no hundredths."""
    comparison = Comparison()
    comparison.quote(quote(1500, currency=currency), quote(1800, currency=currency), "0@1")
    page = page_of(comparison, as_object(comparison), "")
    _tell(comparison, as_object(comparison))
    told = capsys.readouterr().out
    for one in said:
        assert one in page
        assert one in told


def test_of_two_currencies_sizes_are_told_in_minor_units():
    """There is no sum of dollars and yen."""
    comparison = Comparison()
    for currency in ("JPY", "USD"):
        one = replace(quote(1500, currency=currency), quote_id=currency)
        comparison.quote(one, replace(one, amount_minor=1800), "0@1")
    assert "+300 minor units" in page_of(comparison, as_object(comparison), "")


def test_what_one_run_made_alone_is_told(capsys):
    """On the page and in the text; nothing is said of it where there is none."""
    comparison = Comparison(unmatched=1_234)
    said = page_of(comparison, as_object(comparison), "")
    _tell(comparison, as_object(comparison))
    assert "1,234</b>outputs made by one run only" in said
    assert "1,234 outputs were made by one run only" in capsys.readouterr().out
    assert "one run only" not in page_of(Comparison(), as_object(Comparison()), "")


@pytest.mark.parametrize(
    ("comparison", "sentence"),
    [(Comparison(), "no output that either run"), (Comparison(ticks=3, unmatched=2), "2 outputs were made by one run")],
)
def test_runs_without_a_common_output_are_not_the_same(comparison, sentence, monkeypatch):
    """Neither made any, or one of them alone did: the command fails and says which."""
    monkeypatch.setattr("infra.cli.replaying.differences._compared", lambda *_, **__: comparison)
    with pytest.raises(CommandError, match=sentence):
        told(Path("f"), Otherwise(settings=("lock_ms=1",)), {}, as_json=True, html=None)
