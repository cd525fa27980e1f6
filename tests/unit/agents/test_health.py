"""When a worker is taken for dead, and when for not ready."""

from dataclasses import replace

import pytest

from agents.runtime.health import Health, Limits, View
from agents.runtime.health_watch import dead_agents

WORKS = View(
    started=True,
    loop_silent_s=0.1,
    broker_silent_s=0.9,
    assigned=4,
    epoch_begun=True,
    batches=7,
)


def test_a_worker_that_works_is_live_and_ready():
    """Also with a backlog, as long as batches get done."""
    health = Health(Limits())
    for second in range(120):
        view = replace(WORKS, unread=1_000_000, batches=second)
        health.observe(view, second)
    assert health.live(view).well
    assert health.ready(view).well


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"dead_agents": ("supply.pings",)}, "the agent supply.pings died"),
        ({"loop_silent_s": 10.0}, "the event loop has been stuck for 10 s"),
    ],
)
def test_what_does_not_pass_by_itself_is_not_live(fault, reason):
    """Each fault is named, and whoever is not live is not ready."""
    health, view = Health(Limits()), replace(WORKS, **fault)
    assert health.live(view).reasons == (reason,)
    assert reason in health.ready(view).reasons


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"started": False}, "it starts"),
        ({"stopping": True}, "it stops"),
        ({"restoring_tables": True}, "its tables are restored"),
        ({"assigned": 0, "epoch_begun": False}, "no partition is assigned"),
        ({"epoch_begun": False}, "what it knew of its partitions is read back"),
        ({"replaying": 3}, "3 of 4 partitions are read again up to where they were committed"),
        ({"broker_silent_s": 11.0}, "the group has accepted no heartbeat for 11 s"),
    ],
)
def test_what_may_pass_by_itself_is_live_but_not_ready(state, reason):
    """A restart would only make it begin again."""
    health, view = Health(Limits()), replace(WORKS, **state)
    assert health.live(view).well
    assert health.ready(view).reasons == (reason,)


def test_reading_that_stopped_while_records_wait_is_not_live():
    """Batches must get done within half a minute, and one that does is enough.

    second    0 ... 29   31             32
    batches   7      7    7 → not live   8 → live again
    """
    health = Health(Limits(reading_s=30))
    for second in range(30):
        health.observe(replace(WORKS, unread=second), second)
        assert health.live(WORKS).well
    health.observe(replace(WORKS, unread=31), 31)
    assert health.live(replace(WORKS, unread=31)).reasons == (
        "reading stopped: no batch done for 30 s, 31 records wait",
    )
    health.observe(replace(WORKS, unread=31, batches=8), 32)
    assert health.live(WORKS).well


@pytest.mark.parametrize("excuse", [{"unread": 0}, {"broker_silent_s": 30.0}])
def test_nothing_to_do_and_an_outage_are_no_stop(excuse):
    """An idle worker and one whose broker is away are left alone, however long it takes."""
    health = Health(Limits())
    for second in range(0, 3600, 10):
        health.observe(replace(WORKS, **({"unread": 5} | excuse)), second)
    assert health.live(replace(WORKS, **excuse)).well


class Task:
    """A task that is done or not."""

    def __init__(self, *, done):
        self._done = done

    def done(self):
        """Whether it ended."""
        return self._done


class Agent:
    """An agent with one actor."""

    def __init__(self, name, *, crashed=False, done=False):
        self.name, self._actors = name, [self]
        self.crashed, self.actor_task = crashed, Task(done=done)


def test_agents_that_raised_and_agents_that_ended_are_dead():
    """An agent whose loop was left reads nothing any more, just as one that raised."""
    agents = [Agent("works"), Agent("raised", crashed=True), Agent("ended", done=True)]
    assert dead_agents(agents) == {"raised", "ended"}
