"""The arithmetic of the benches, and what is said of it."""

import json
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measured import Contestant, JobResult, Outcome, percentile, ratio, turns
from bench.report import content, page, write

OURS = Contestant(name="ours", guarantee="exact", configuration={"partitions": 4})
STOCK = Contestant(name="stock_faust", guarantee="may repeat")
ABSENT = Contestant(name="kafka_streams", guarantee="exact")
POSITIVE = st.floats(min_value=1e-3, max_value=1e9)


def result():
    """Three rounds in which the machine slows down for both, and a peer that could not take part."""
    ours = [{"per_s": 900.0}, {"per_s": 300.0}, {"per_s": 600.0}]
    stock = [{"per_s": 9.0}, {"per_s": 2.0}, {"per_s": 5.0}]
    outcomes = [
        Outcome(contestant=OURS, rounds=ours),
        Outcome(contestant=STOCK, rounds=stock),
        Outcome(contestant=ABSENT, not_run="no javac on this machine"),
    ]
    return JobResult(job="supply", about="Count cars", headline="per_s", outcomes=outcomes, facts={"records": 7})


def test_contestants_are_compared_within_a_round():
    """A machine that slows down in one round changes the figures of both and not their ratio."""
    assert result().ratios() == {"stock_faust": 120.0}  # of 100, 150 and 120; the medians' own ratio happens to agree
    assert ratio([{"s": 10.0}, {"s": 1.0}, {"s": 4.0}], [{"s": 5.0}, {"s": 1.0}, {"s": 1.0}], "s") == 2.0


def test_rounds_of_different_number_are_refused():
    """A round without its opposite number says nothing."""
    with pytest.raises(ValueError, match="as many on both sides"):
        ratio([{"s": 1.0}], [], "s")


def test_spread_is_a_share_of_the_median():
    """From the smallest round to the largest, whatever their order."""
    assert Outcome(contestant=OURS, rounds=[{"s": 90.0}, {"s": 110.0}, {"s": 100.0}]).spread("s") == pytest.approx(0.2)


def test_a_figure_that_a_round_lacks_has_no_median():
    """What was not measured in every round is left out instead of standing for all of them."""
    assert Outcome(contestant=OURS, rounds=[{"a": 1.0, "b": 2.0}, {"a": 3.0}]).medians() == {"a": 2.0}


@given(st.integers(1, 6), st.integers(1, 12))
def test_everyone_takes_part_once_in_each_round(contestants, rounds):
    """And who begins changes, so that no one always has the cold caches."""
    orders = turns(range(contestants), rounds)
    assert all(sorted(order) == list(range(contestants)) for order in orders)
    assert {order[0] for order in orders} == set(range(min(contestants, rounds)))


@given(st.lists(POSITIVE, min_size=1, max_size=50), st.floats(min_value=0.001, max_value=1.0))
def test_a_percentile_is_a_value_that_enough_others_stay_below(values, share):
    """Nearest rank: the slow definition counts."""
    found = percentile(values, share)
    at_most = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert found in values
    assert at_most >= share * len(values) - 1e-9 > below - 1e-6


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9), POSITIVE)
def test_a_ratio_knows_no_unit(pairs, unit):
    """Measured in any unit it is the same."""
    ours, theirs = [{"x": a} for a, _ in pairs], [{"x": b} for _, b in pairs]
    scaled = ratio([{"x": a * unit} for a, _ in pairs], [{"x": b * unit} for _, b in pairs], "x")
    assert scaled == pytest.approx(ratio(ours, theirs, "x"))
    assert ratio(ours, theirs, "x") == median(a / b for a, b in pairs)


def test_what_a_program_reads():
    """One document: a contestant's figures by name, the ratios, and why someone is missing."""
    said = json.loads(json.dumps(content(result(), {"cores": 2}, quick=True)))
    assert said["job"] == "supply"
    assert said["contestants"]["ours"]["per_s"] == 600.0
    assert said["contestants"]["ours"]["spread"] == {"per_s": 1.0}
    assert said["contestants"]["kafka_streams"]["not_run"] == "no javac on this machine"
    assert said["ratios"] == {"stock_faust": 120.0}
    assert said["machine"] == {"cores": 2}


def test_what_a_person_reads(tmp_path):
    """The page names every contestant with its guarantee, those who did not run included, and shows the picture."""
    said = content(result(), {"cores": 2}, quick=True)
    text = page(said)
    for words in ("| ours | 600 (100%) |", "| stock_faust | 120.0 |", "may repeat", "no javac on this machine"):
        assert words in text
    write(said, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {f"bench-supply.{kind}" for kind in ("json", "md", "svg")}
    assert (tmp_path / "bench-supply.md").read_text() == text
    first = (tmp_path / "bench-supply.svg").read_bytes()
    write(said, tmp_path)
    assert (tmp_path / "bench-supply.svg").read_bytes() == first
