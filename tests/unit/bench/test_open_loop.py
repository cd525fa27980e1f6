"""The open-loop client and what is read off it: time from the intended send, and the highest rate that is kept."""

import asyncio

import numpy as np
import pytest

from bench.asked import highest
from bench.open_loop import SETTLED_MS, TIMEOUT_S, Phase, arrivals


def phase_of(due_s, answered_s):
    """A phase in which requests meant for these instants were answered at those, None for never."""
    phase = Phase(per_s=1.0, due_s=np.array(due_s, np.float64), timer_ms=[0.1, 0.4])
    for number, at_s in enumerate(answered_s):
        if at_s is not None:
            phase.answer(number, at_s)
    return phase


def test_time_counts_from_the_intended_send():
    """An answer 30 ms after the intended instant took 30 ms, whenever the request left."""
    said = phase_of([1.0, 2.0], [1.030, 2.010]).said()
    assert (said["latency"]["p50"], said["latency"]["p99"]) == (10.0, 30.0)
    assert said["timer"]["max"] == 0.4


def test_a_request_without_an_answer_counts_with_all_the_time_waited():
    """It is a timeout and the largest latency, and the rate does not hold."""
    said = phase_of([1.0, 2.0], [1.001, None]).said()
    assert (said["timeouts"], said["latency"]["max"], said["settled"]) == (1, TIMEOUT_S * 1000, False)


def test_an_answer_again_is_a_repeat_and_changes_no_time():
    """The first answer counts."""
    phase = phase_of([1.0], [1.002])
    phase.answer(0, 9.0)
    said = phase.said()
    assert (said["repeats"], said["latency"]["max"]) == (1, 2.0)
    assert phase.all_answered.is_set()


@pytest.mark.parametrize(("last_ms", "settled"), [(SETTLED_MS, True), (SETTLED_MS + 1, False)])
def test_a_queue_that_grows_shows_in_the_last_quarter(last_ms, settled):
    """Early stalls do not count against a rate; latency at the end does."""
    due_s = np.arange(8.0)
    late_s = np.array([3.0, 0, 0, 0, 0, 0, last_ms / 1000, last_ms / 1000])
    assert phase_of(due_s, due_s + late_s).said()["settled"] is settled


def test_arrivals_are_a_seeded_poisson_process():
    """As many as asked for, ascending, the same from the same seed; gaps vary as much as they are long."""
    first, again, other = arrivals(1_000.0, 5.0, 1), arrivals(1_000.0, 5.0, 1), arrivals(1_000.0, 5.0, 2)
    assert first.tolist() == again.tolist() != other.tolist()
    gaps = np.diff(first)
    assert gaps.min() >= 0
    assert 0.9 < gaps.std() / gaps.mean() < 1.1
    assert first[-1] == pytest.approx(5.0, rel=0.1)


@pytest.mark.parametrize(
    ("holds", "stalls", "reached"),
    [
        ({100, 200}, set(), 200),
        ({100, 200, 300}, {200}, 300),  # one stall of the machine is no limit
        (set(), set(), 0),
        ({200}, set(), 0),  # nothing above a rate that failed is tried
    ],
)
def test_the_search_stops_at_the_first_rate_that_fails_twice(holds, stalls, reached):
    """Ascending, each rate once more where it failed."""
    asked = []

    async def ask(per_s, _seconds):
        asked.append(per_s)
        return {"settled": per_s in holds and not (per_s in stalls and asked.count(per_s) == 1)}

    found, seen = asyncio.run(highest(ask, [100, 200, 300], 1.0))
    assert (found, len(seen)) == (reached, len(asked))
