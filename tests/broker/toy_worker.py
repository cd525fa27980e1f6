"""A worker process for the transport tests: counts the distinct keys of the last second, per partition.

The count is a function of one horizon of records, so a snapshot can be checked against the log by itself. Usage:
`toy_worker.py JSON`, with the fields of `Toy`.
"""

import asyncio
import dataclasses
import json
import os
import sys
from collections import deque
from collections.abc import Mapping, Sequence

from agents.runtime import raw_fetch
from agents.runtime.app import WorkerApp, make_app
from agents.runtime.batches import Batch, Reading, batches
from agents.runtime.publisher import Record
from agents.runtime.rewind import back_by
from agents.runtime.running import run
from agents.runtime.settings import WorkerSettings

HORIZON_MS = 1000


@dataclasses.dataclass(frozen=True)
class Toy:
    """What this worker does; `misbehave` is "", "raise", "hang" or "block", from its 3rd batch on."""

    bootstrap: str
    group: str
    topics: Sequence[str]
    out: str
    instance_id: str | None = None
    misbehave: str = ""
    hang_limit_s: float = 60.0
    session_timeout_s: float = 5.0


@dataclasses.dataclass
class Window:
    """Keys of the last horizon of one partition."""

    seen: deque[tuple[int, bytes]] = dataclasses.field(default_factory=deque)

    def take(self, batch: Batch) -> int:
        """Take in a batch and return the number of distinct keys in the horizon that ends with its last record."""
        self.seen.extend((r.timestamp, r.key) for r in batch.records)
        while self.seen[0][0] <= batch.append_ms - HORIZON_MS:
            self.seen.popleft()
        return len({key for _, key in self.seen})


def snapshot(batch: Batch, count: int) -> bytes:
    """Return what is published after a batch."""
    return json.dumps(
        {
            "topic": batch.topic,
            "partition": batch.partition,
            "from": batch.records[batch.replayed].offset,
            "offset": batch.last_offset,
            "count": count,
            "epoch": list(batch.epoch),
            "pid": os.getpid(),
        }
    ).encode()


def register(app: WorkerApp, toy: Toy, topic: str) -> None:
    """Read one topic."""
    windows: dict[int, Window] = {}

    async def began(_epoch: object, _spans: Mapping[object, object]) -> None:
        windows.clear()

    app.on_began(began)
    handled = 0

    async def count(stream: object) -> None:
        nonlocal handled
        async for batch in batches(stream):
            handled += 1
            counted = windows.setdefault(batch.partition, Window()).take(batch)
            if handled >= 3:
                await misbehave(toy.misbehave)
            if batch.live:
                await app.publisher.send([Record(toy.out, batch.partition, None, snapshot(batch, counted))])

    reading = Reading(rewind=back_by(HORIZON_MS), max_records=200, raw=True)
    app.agent(app.batched_topic(topic, reading), name=f"count-{topic}")(count)


async def misbehave(how: str) -> None:
    """Raise, wait for ever or block the event loop."""
    if how == "raise":
        raise ZeroDivisionError("as told")
    if how == "hang":
        await asyncio.Event().wait()
    while how == "block":
        pass


def main() -> None:
    """Run until a signal."""
    toy = Toy(**json.loads(sys.argv[1]))
    raw_fetch.warm_up()  # compiling later would hold up the heartbeats
    settings = WorkerSettings(
        bootstrap=toy.bootstrap,
        group_prefix="",
        instance_id=toy.instance_id,
        hang_limit_s=toy.hang_limit_s,
        session_timeout_s=toy.session_timeout_s,
        heartbeat_s=toy.session_timeout_s / 5,
        commit_interval_s=0.2,
    )
    app = make_app(toy.group, settings=settings)
    for topic in toy.topics:
        register(app, toy, topic)
    run(app)


if __name__ == "__main__":
    main()
