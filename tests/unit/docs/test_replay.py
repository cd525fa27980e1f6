"""What the page on replays says is what the code does."""

import re
from pathlib import Path

from replay.answers import REACH_MS
from replay.flushes import COUNTED
from replay.plan import CONTROL, EVENTS_BACK_MS, OUTPUTS, WARM_UP_MS
from replay.stops import FIELDS
from topics.catalogue import CITY_DEMAND, DEMAND_CELLS, DRIVER_PINGS, FORECAST_STATE, QUOTES, SUPPLY_CELLS, SURGE
from windows.panes import MINUTE_MS

PAGE = (Path(__file__).parents[3] / "docs/replay.md").read_text()


def table(heading: str) -> list[str]:
    """First column of the table with that heading, without backquotes."""
    part = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `([^`]+)`", part, re.MULTILINE)


def test_every_topic_compared_and_every_field_of_a_condition_is_on_the_page():
    """Those, and no others."""
    assert set(table("topic")) == {topic.name for topic in OUTPUTS}
    assert table("field") == list(FIELDS)
    options = ["--settings FIELD=VALUE", "--policy FILE", "--model NAME@VERSION", "--model FILE", "--code PATH"]
    assert table("option") == options
    assert table("count") == [topic.name for topic in COUNTED]


def test_the_warm_up_is_that_of_the_page():
    """In minutes, topic by topic."""
    minutes = {topic: ms / MINUTE_MS for topic, ms in WARM_UP_MS.items()}
    assert {round(minutes[topic]) for topic in (SUPPLY_CELLS, DEMAND_CELLS, CITY_DEMAND)} == {34}
    assert (minutes[SURGE], minutes[FORECAST_STATE], minutes[QUOTES]) == (2, 150, REACH_MS / MINUTE_MS)
    assert EVENTS_BACK_MS[DRIVER_PINGS] == 2 * MINUTE_MS
    assert REACH_MS == 11 * MINUTE_MS
    assert len(CONTROL) == 3
    for said in ("| 34 min |", "| 2 min |", "| 150 min |", "| 11 min |"):
        assert said in PAGE
