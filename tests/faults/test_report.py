"""The page of faults names what was run and explains only rows it has."""

import pytest

from tests.faults.report import Report
from tests.faults.run import Run


def of_runs(**counted):
    runs = [Run(seed=seed, kills=kills, pings_per_s=290.0, requests_per_s=19.0) for seed, kills in ((5, 35), (6, 20))]
    runs[0].counted = counted
    return Report(300.0, 20.0, runs)


def test_the_page_names_the_command_that_makes_its_runs():
    """Several commands that went on with one report are told as the one that makes the same runs."""
    assert "`faretide faults --seed 5 --kills 55 --each 35 --pings 300 --requests 20`" in of_runs().page()


@pytest.mark.parametrize(
    ("counted", "explained"),
    [
        ({"pings": 3}, False),
        ({"repeated_answers": 1}, True),
        ({"conflicting_decisions": 2}, True),
        ({"repeated_answers": 0}, False),  #  a count of none makes no row
    ],
)
def test_answers_after_the_first_are_explained_where_there_are_some(counted, explained):
    """A sentence about rows that the table lacks sends its reader looking for them."""
    assert ("the binding one" in of_runs(**counted).page()) == explained
