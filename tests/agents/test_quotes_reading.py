"""How QUOTES asks the broker for what it reads beside requests."""

from pricing.zones.schedule import MIN_INTERVAL_MS
from tests.agents.test_quotes_forget import service


def test_ticks_are_fetched_in_runs_and_known_well_before_the_next():
    """A fetch for each of them cost as much as taking it in; a zone's next tick comes after a quarter of a second."""
    asked = service({})._ticks._options
    assert asked["fetch_min_bytes"] > 10_000
    assert asked["fetch_max_wait_ms"] <= MIN_INTERVAL_MS / 5
