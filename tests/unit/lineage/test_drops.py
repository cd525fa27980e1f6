"""When quotes drop, the node that moved first is named, with what it was and what it became."""

from collections import deque

import pytest

from lineage.drops import LASTS_MS, Drops, counters_of, fallen, upstream_of
from lineage.samples import WorkerSamples
from lineage.trends import Move, Trends, first_of
from topics.ledger import TelemetrySampled

START_MS = 1_700_000_000_000
EDGES = [("pings.v1", "supply"), ("supply", "cells.v1"), ("cells.v1", "pricing"), ("pricing", "surge.v1")]
EDGES += [("surge.v1", "quotes"), ("quotes", "quotes.v1"), ("quotes", "booking-decisions.v1")]


def worker(*, priced: float, fresh: float, name: str = "quotes-0", started_ms: int = START_MS) -> WorkerSamples:
    """A worker of QUOTES that has counted so much."""
    gauges = {"quotes.priced": priced, "quote_fallbacks.stale-tick": priced - fresh, "bookings.accepted": priced / 2}
    return WorkerSamples(
        deque(
            [
                TelemetrySampled(
                    worker=name,
                    service="quotes",
                    now_ms=START_MS,
                    interval_ms=1_000,
                    gauges=gauges | {"started_ms": float(started_ms)},
                    read=[],
                    written=[],
                )
            ]
        )
    )


def graph(second: int, *, read: float) -> dict[str, object]:
    """The board of one second: `read` is what supply reads."""
    heard_ms = START_MS + second * 1000
    service = {"kind": "service", "heard_ms": heard_ms, "behind_ms": 0, "busy": 0.2, "latency_ms": {}}
    return {
        "node/supply": service | {"name": "supply", "read_rate": read, "gauges": {}},
        "node/pricing": service | {"name": "pricing", "read_rate": 20.0, "gauges": {}},
        "node/quotes": service | {"name": "quotes", "read_rate": 10.0, "gauges": {}},
        "node/cells.v1": {"kind": "topic", "name": "cells.v1", "rate": min(25.0, read / 3)},
    } | {f"edge/{start}>{end}": {"from": start, "to": end} for start, end in EDGES}


def played(*, breaks: int | None, seconds: int = 240, answers: float = 10.0) -> Drops:
    """A city in which supply stops reading at second `breaks`, and quotes are without fresh ticks 30 s later."""
    drops, priced, fresh = Drops(), 0.0, 0.0
    for second in range(seconds):
        broken = breaks is not None and second >= breaks
        priced += answers
        fresh += 0.0 if breaks is not None and second >= breaks + 30 else answers
        board = graph(second, read=0.0 if broken else 75.0)
        drops.watched(START_MS + second * 1000, board, [worker(priced=priced, fresh=fresh)])
    return drops


def test_the_first_to_move_is_named_with_its_evidence():
    """Fresh quotes fell; supply had stopped reading half a minute before, and its topic followed."""
    [row] = played(breaks=170).rows().values()
    assert (row["outcome"], row["before"]) == ("fresh", 10.0)
    assert (row["first"]["node"], row["first"]["measure"]) == ("supply", "read")
    assert (row["first"]["before"], row["first"]["after"]) == (75.0, 0.0)
    assert row["first"]["at_ms"] == START_MS + 170_000
    assert {move["node"] for move in row["trail"]} == {"supply", "cells.v1"}
    assert row["first"]["values"][-1] == 0.0


def test_a_healthy_city_has_no_drop():
    """Nothing fell, whatever else moves; and a few quotes a second are too few to judge one quiet moment by."""
    assert played(breaks=None).rows() == {}
    assert played(breaks=None, answers=0.1).rows() == {}


def test_a_drop_that_lasts_stays_and_one_that_is_over_goes():
    """The usual is the rate before the drop, so that a fallen rate does not become usual by lasting."""
    usual = [(second, 10.0) for second in range(200)]
    gone = [(200 + second, 1.0) for second in range(220)]
    assert fallen(usual + gone[:20], None, before=None) == (10.0, 1.0)
    assert fallen((usual + gone)[-260:], None, before=10.0) == (10.0, 1.0)
    assert fallen(gone + usual[-20:], None, before=10.0) is None


def test_a_worker_that_comes_back_is_no_drop():
    """Forgotten after a silence, it tells of all it counted since its start; that was not one second's work."""
    drops = Drops()
    for second in range(400):
        counted = 1_000_000.0 + 10.0 * second
        speaking = [worker(priced=10.0 * second, fresh=10.0 * second)]
        if not 100 <= second < 250:
            speaking.append(worker(priced=counted, fresh=counted, name="quotes-1"))
        drops.watched(START_MS + second * 1000, graph(second, read=75.0), speaking)
    assert drops.rows() == {}


def test_a_restarted_worker_counts_from_nothing():
    """The same name with a later start is another process."""
    drops = Drops()
    for started_ms, priced in ((1, 500.0), (1, 510.0), (2, 3.0), (2, 8.0)):
        drops.watched(START_MS, {}, [worker(priced=priced, fresh=priced, started_ms=started_ms)])
    assert [count for _, count in drops._counts["priced"]] == [10.0, 5.0]


def test_what_has_been_low_for_an_hour_is_usual():
    """A rate that never comes back would hold its line over every view for ever."""
    drops = played(breaks=100, seconds=400)
    assert drops.rows()
    drops.watched(START_MS + 400_000 + LASTS_MS, {}, [])
    assert not drops.rows()


def test_acceptance_is_judged_by_what_was_priced():
    """Fewer riders are no drop of acceptance; the same riders who accept less are."""
    accepted = [(second, 5.0) for second in range(200)] + [(200 + second, 0.5) for second in range(20)]
    priced = [(second, 10.0) for second in range(220)]
    few = [(second, 10.0) for second in range(200)] + [(200 + second, 1.0) for second in range(20)]
    assert fallen(accepted, priced, before=None) == (50.0, 5.0)
    assert fallen(accepted, few, before=None) is None


@pytest.mark.parametrize(("values", "at_s"), [([75.0] * 5, None), ([75.0, 0.0, 75.0, 75.0, 75.0, 75.0, 75.0], None)])
def test_a_stumble_is_no_move(values, at_s):
    """One odd second is no change of a measure."""
    trends = Trends()
    for second, value in enumerate([75.0] * 60 + values):
        trends.measured(second * 1000, {("supply", "read"): value})
    assert trends.move_of(("supply", "read"), from_ms=60_000) is at_s


def test_of_those_that_moved_together_the_farthest_upstream_is_first():
    """A second's difference between measures taken once a second says nothing about cause."""

    def move(node: str, at_ms: int) -> Move:
        return Move(node=node, measure="read", at_ms=at_ms, before=1, after=0)

    distance = upstream_of("quotes.v1", graph(0, read=0))
    assert distance["supply"] > distance["pricing"] > distance["quotes"]
    assert first_of([move("pricing", 1_000), move("supply", 2_000)], distance).node == "supply"
    assert first_of([move("pricing", 1_000), move("supply", 9_000)], distance).node == "pricing"
    assert first_of([], distance) is None


def test_counters_are_none_before_the_quotes_service_spoke():
    """Not having heard is not zero."""
    assert counters_of({}) == {}


def test_a_fresh_tick_without_a_model_is_fresh():
    """Only quotes without a tick, or on an old one, lack a fresh one; a model that goes is no outage of PRICING."""
    fell_back = {"quote_fallbacks.no-tick": 3.0, "quote_fallbacks.stale-tick": 1.0, "quote_fallbacks.no-model": 2.0}
    assert counters_of({"quotes.priced": 9.0, **fell_back})["fresh"] == 5.0
