"""Ending a process that lost its place in the consumer group.

aiokafka knows no FencedInstanceId. Told "unknown member", a static member joins again with the same instance id and
throws out the process that replaced it, which does the same in turn, for ever. So a static member that is told so ends
at once. A dynamic one joins again and gets a new epoch.

A process that was stopped for a while does not know yet that it was replaced, which for a static member takes no longer
than the start of the other process; `Member.confirmed` lets it wait for the group's next answer before it publishes.
What it publishes within two heartbeats of the last one accepted carries a lower epoch, which readers ignore.
"""

# ruff: noqa: ANN401  # aiokafka ships no types

import asyncio
import time
from typing import Any

from agents.runtime.supervision import FENCED, end_process


def watch(coordinator: Any, half: Any) -> None:
    """Note each accepted heartbeat in `half.last_heartbeat_s`, and end a static member that the group threw out.

    `coordinator` is aiokafka's GroupCoordinator (its `_do_heartbeat` and `reset_generation` are replaced on this one
    instance), `half` the GroupConsumer.
    """
    reset, beat = coordinator.reset_generation, coordinator._do_heartbeat

    async def do_heartbeat() -> bool:
        sent_s = time.monotonic()
        accepted = bool(await beat())
        if accepted:
            half.last_heartbeat_s = sent_s
        return accepted

    def reset_generation() -> None:
        joined = coordinator.generation > 0
        if half.app.conf.consumer_group_instance_id and joined and not _stopping(half):
            end_process(FENCED, "another process took over this instance id, or this one was too slow")
        reset()

    coordinator._do_heartbeat, coordinator.reset_generation = do_heartbeat, reset_generation


def _stopping(half: Any) -> bool:
    return bool(half.should_stop or half.app.should_stop)


class Member:
    """The group membership of one worker, as far as publishing needs it."""

    def __init__(self, consumer: Any, *, within_s: float, look_again_s: float = 0.02) -> None:
        self._consumer = consumer
        self._within_s = within_s
        self._look_again_s = look_again_s

    @property
    def fresh(self) -> bool:
        """Whether the group has accepted a heartbeat of this process within the time; true before the first."""
        age_s = self._consumer.heartbeat_age_s
        return age_s is None or age_s < self._within_s

    async def confirmed(self) -> None:
        """Return when the group has accepted a heartbeat lately; usually at once.

        After a pause of the process this waits for the answer to the next heartbeat, which either confirms it or ends
        it; while the broker is away it waits for the broker.
        """
        while not self.fresh:  # noqa: ASYNC110  # aiokafka says nothing when one is accepted
            await asyncio.sleep(self._look_again_s)
