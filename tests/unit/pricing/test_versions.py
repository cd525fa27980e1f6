"""Which version counts, when it was in force, and what is ordered for good."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.defaults import new_york_market, new_york_policy
from pricing.rules.markets import MarketBook
from pricing.rules.policy import PolicyBook
from pricing.rules.versions import OutrunError, Scheduled, spans_of

INSTANTS = st.integers(0, 12)


def test_of_two_made_from_the_same_version_the_first_counts():
    """Whoever comes second is refused, and what stands is what the first one set."""
    book = PolicyBook()
    rules = replace(new_york_policy(), effective_from_ms=0)
    book.learn(replace(rules, based_on_offset=-1), 0)
    book.learn(replace(rules, based_on_offset=0, lock_ms=60_000), 1)
    with pytest.raises(OutrunError, match="based_on_offset must be 1, the newest version of nyc, got 0"):
        book.learn(replace(rules, based_on_offset=0, lock_ms=30_000), 2)
    assert book.at("nyc", 0).rules.lock_ms == 60_000
    book.learn(replace(rules, based_on_offset=1, lock_ms=30_000), 3)
    assert book.at("nyc", 0).rules.lock_ms == 30_000


def test_a_version_that_names_none_counts_in_any_case():
    """Records of the first format, and those of other writers, stand where they stand."""
    book = MarketBook()
    book.learn(new_york_market(), 4)
    book.learn(replace(new_york_market(), currency="EUR"), 9)
    assert book.named("nyc", 0).currency == "EUR"
    assert book.succession.newest("nyc") == 9


def test_a_version_that_makes_no_sense_is_not_the_newest():
    """What workers refuse cannot be what the next version has to be made from."""
    book = PolicyBook()
    book.learn(replace(new_york_policy(), based_on_offset=-1), 0)
    with pytest.raises(ValueError, match="lock_ms"):
        book.learn(replace(new_york_policy(), based_on_offset=0, lock_ms=-1), 1)
    assert book.succession.newest("nyc") == 0


@given(st.lists(st.tuples(INSTANTS, INSTANTS), max_size=6))
def test_spans_are_what_a_reader_saw(said):
    """At every instant the version whose span holds it is the one that a reader of that instant had in force."""
    appended = sorted(at for at, _ in said)
    versions = [
        Scheduled(offset=offset, appended_ms=at, effective_from_ms=effective)
        for offset, (at, (_, effective)) in enumerate(zip(appended, said, strict=True))
    ]
    spans = spans_of(versions)
    for now_ms in range(14):
        read = [one for one in versions if one.appended_ms <= now_ms and one.effective_from_ms <= now_ms]
        expected = max(((one.effective_from_ms, one.offset) for one in read), default=(0, None))[1]
        holding = [
            offset
            for offset, span in spans.items()
            if span and span[0] <= now_ms and (span[1] is None or now_ms < span[1])
        ]
        assert holding == ([] if expected is None else [expected])


def test_what_is_to_come_is_known_in_order():
    """Of several versions for one instant only the last is to come."""
    book = PolicyBook()
    for offset, effective_from_ms in enumerate((100, 300, 200, 300)):
        book.learn(replace(new_york_policy(), effective_from_ms=effective_from_ms), offset)
    assert [policy.offset for policy in book.after("nyc", 100)] == [2, 3]
    assert book.after("paris", 0) == []
