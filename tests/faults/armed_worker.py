"""A worker that dies, or stops, at a named instant: `python -m tests.faults.armed_worker POINT NTH HOW SERVICE`.

The instants lie between publish, flush and commit. They are put around the functions from outside, here, so the code
that runs in production knows nothing of them.

    before-send   a batch of records is ready            acked        the broker has it, the batch is acknowledged
    sending       about to enter the socket              committing   about to commit
    sent          in the socket, not acknowledged        committed    offsets are committed
    flushed       acknowledged by the broker             row-sent     a table row is sent, not flushed
    recorded      the transaction is committed           table-flushed   rows are flushed, inputs not acknowledged
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from agents.pricing import Pricing
from agents.recorder_store import RecordStore
from agents.runtime.app import WorkerApp
from agents.runtime.batches import Batch
from agents.runtime.consumer import Consumer
from agents.runtime.publisher import Publisher
from infra.cli.main import run
from topics.catalogue import TELEMETRY

HOW = {"die": signal.SIGKILL, "stop": signal.SIGSTOP}


def is_work(_producer: Any, _batch: Any, topic: str) -> bool:
    """Telemetry is none."""
    return topic != TELEMETRY.name


def always(*_arguments: Any) -> bool:
    """Every call counts."""
    return True


def says_something(_publisher: Any, records: Any) -> bool:
    """Telemetry is no work."""
    return any(record.topic != TELEMETRY.name for record in records)


def is_live(_consumer: Any, message: Any) -> bool:
    """Batches that are only read again have no effect to lose."""
    return isinstance(message, Batch) and message.live


# point: owner, function, before or after it, which calls count
POINTS: dict[str, tuple[Any, str, str, Callable[..., bool]]] = {
    "before-send": (Publisher, "send", "before", says_something),
    "sending": (AIOKafkaProducer, "send_batch", "before", is_work),
    "sent": (AIOKafkaProducer, "send_batch", "soon after", is_work),
    "flushed": (Publisher, "send", "after", says_something),
    "acked": (Consumer, "ack", "after", is_live),
    "committing": (AIOKafkaConsumer, "commit", "before", always),
    "committed": (AIOKafkaConsumer, "commit", "after", always),
    "row-sent": (Pricing, "_write", "after", always),
    "table-flushed": (WorkerApp, "flush_tables", "after", always),
    "recorded": (RecordStore, "write", "after", always),
}
SOON_S = 0.002


def arm(point: str, nth: int, how: str) -> None:
    """Have the `nth` passing of `point` send this process the signal."""
    owner, name, when, counts = POINTS[point]
    left = [nth]

    def passed() -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), HOW[how])

    original = getattr(owner, name)

    @wraps(original)
    async def surrounded(*arguments: Any, **named: Any) -> Any:
        counted = counts(*arguments)
        if counted and when == "before":
            passed()
        result = await original(*arguments, **named)
        if counted and when == "soon after":
            await asyncio.sleep(SOON_S)
        if counted and when != "before":
            passed()
        return result

    @wraps(original)
    def surrounded_at_once(*arguments: Any, **named: Any) -> Any:
        result = original(*arguments, **named)
        if counts(*arguments):
            passed()
        return result

    setattr(owner, name, surrounded if asyncio.iscoroutinefunction(original) else surrounded_at_once)


if __name__ == "__main__":
    chosen, times, manner, service = sys.argv[1:]
    arm(chosen, int(times), manner)
    sys.argv = ["faretide", "worker", service]
    run()
