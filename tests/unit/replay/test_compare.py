"""What changes between two runs, and how it is told."""

import re
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from infra.cli.exits import CommandError
from infra.cli.replaying.differences import _tell, as_object, told
from infra.cli.replaying.otherwise import Otherwise
from infra.cli.replaying.page import page_of
from replay.archive import Archive, copied
from replay.compare import Comparison, compared
from replay.contracts import Contracts
from replay.outputs import OutputLog, Ticks, path_of
from tests.unit.replay.recordings import GOLDEN
from topics.catalogue import QUOTE_REQUESTS, SURGE
from topics.prices import FareLine, PriceReason, QuoteAnswered, QuoteOutcome


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


def test_what_neither_run_can_make_is_told_and_is_not_the_same(tmp_path, capsys):
    """Quotes whose requests are not held: they were compared by nobody, so nothing is said to be the same."""
    copied(Archive.opened(GOLDEN), tmp_path / "f", lambda name, raw: None if name == QUOTE_REQUESTS.name else raw)
    sentence = r"[1-9]\d* outputs could not be made again, the first: quotes\.v1 \d@\d+: the request, .* is not held"
    with pytest.raises(CommandError, match=sentence):
        told(tmp_path / "f", Otherwise(settings=("lock_ms=1",)), {}, as_json=False, html=tmp_path / "p", processes=1)
    assert re.search(sentence, capsys.readouterr().out)
    said = as_object(Comparison(ticks=3, not_made=2, first_not_made="quotes.v1 0@1: why"))
    assert (said["same"], said["not_made"], said["first_not_made"]) == (False, 2, "quotes.v1 0@1: why")
    assert "</b>outputs that could not be made again" in (tmp_path / "p").read_text()


def reasoned(hundredths, *codes):
    """The quote at a multiplier that rules of these codes moved."""
    reasons = [PriceReason(code=code, before_hundredths=140, after_hundredths=hundredths) for code in codes]
    return replace(quote(1000), multiplier_hundredths=hundredths, reasons=reasons)


@pytest.mark.parametrize(
    ("after", "fields"),
    [
        (reasoned(122, "cap"), []),
        (reasoned(123, "cap"), ["multiplier_hundredths", "reasons"]),
        (reasoned(121, "cap", "freeze"), ["reasons"]),
        (reasoned(121, "freeze"), ["reasons"]),
    ],
)
def test_what_a_multiplier_may_move_by_its_reasons_may_as_well(after, fields):
    """They name it before and after each rule; another rule is a change however little it moves."""
    comparison = Comparison(tolerances={"multiplier_hundredths": 2})
    comparison.quote(reasoned(120, "cap"), after, "0@1")
    assert [field for one in comparison.changed for field in one.fields] == fields


@pytest.mark.parametrize(
    ("column", "further", "changed"), [("reason_after", 2, 0), ("reason_before", -3, 1), ("reason_code", 1, 1)]
)
def test_reasons_of_a_tick_may_move_as_its_multipliers_may(column, further, changed):
    """The columns of numbers, not that of rules."""
    archive = Archive.opened(GOLDEN)
    contracts = Contracts(archive.schemas)
    ticks = (contracts.decode(SURGE, raw.value) for n in range(4) for raw in archive.log(SURGE.name, n))
    tick = next(tick for tick in ticks if tick.reason_code)
    first, *rest = getattr(tick, column)
    comparison = Comparison(tolerances={"multiplier_hundredths": 2})
    comparison.tick(tick, replace(tick, **{column: [first + further, *rest]}))
    assert comparison.ticks_changed == changed


def peak_bytes(act):
    """What `act` gives, and the most that it held meanwhile."""
    tracemalloc.start()
    try:
        return act(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_record_of_one_run_alone_makes_nothing_wait_in_memory(tmp_path):
    """The rest of its log is read as before, side by side; what stands before the span counts on neither side."""
    archive = Archive.opened(GOLDEN)
    raw = next(archive.log(SURGE.name, archive.about.numbers(SURGE.name)[0]))
    many = [raw._replace(offset=offset, appended_ms=1_000 + offset) for offset in range(10_000)]
    before, after = tmp_path / "before", tmp_path / "after"
    for root, made in ((before, [*many[:40], *many[41:]]), (after, [*many[1:30], *many[31:]])):
        with OutputLog(root, SURGE.name, 0) as log:
            for one in made:
                log.append(one)

    def act():
        places = {SURGE.name: [0], "quotes.v1": []}
        contracts = Contracts(archive.schemas)
        return compared(before, after, contracts, from_ms=1_010, partitions=places, tolerances={})

    comparison, peak = peak_bytes(act)
    assert (comparison.ticks, comparison.unmatched, comparison.ticks_changed) == (9_988, 2, 0)
    assert peak < 4_000_000


def test_ticks_are_found_without_their_places_in_memory(tmp_path):
    """Every process of a city looks ticks up; a partition without any has an empty index."""
    archive = Archive.opened(GOLDEN)
    raw = next(archive.log(SURGE.name, archive.about.numbers(SURGE.name)[0]))
    with OutputLog(tmp_path, SURGE.name, 0) as log:
        for offset in range(0, 40_000, 2):
            log.append(raw._replace(offset=offset, value=raw.value if offset == 39_998 else b""))
    with OutputLog(tmp_path, SURGE.name, 1):
        pass
    ticks = Ticks(tmp_path, Contracts(archive.schemas))
    found, peak = peak_bytes(lambda: [ticks.at(0, offset) for offset in (1, 39_999, 39_998)])
    assert [one is not None for one in found] == [False, False, True]
    assert ticks.at(1, 0) is None
    assert ticks.at(7, 0) is None
    assert path_of(tmp_path, SURGE.name, 1).with_suffix(".index").stat().st_size == 0
    assert peak < 500_000
