"""Named instants at which a worker dies, or stops.

The instants lie between publish, flush and commit. They are put around the functions from outside, here, so the code
that runs in production knows nothing of them.

    before-send   a batch of records is ready            acked        the broker has it, the batch is acknowledged
    sending       about to enter the socket              committing   about to commit
    sent          in the socket, not acknowledged        committed    offsets are committed
    flushed       acknowledged by the broker             row-sending, row-sent   the same of rows of a table
    recorded      the transaction is committed           table-flushed   rows are flushed, inputs not acknowledged
"""

import asyncio
import os
import signal
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from agents.runtime.batches import Batch
from topics.catalogue import TELEMETRY

HOW = {"die": signal.SIGKILL, "stop": signal.SIGSTOP}


def is_work(_producer: Any, _batch: Any, topic: str) -> bool:
    """Telemetry is none, and rows of tables have points of their own."""
    return topic != TELEMETRY.name and not topic.endswith("-changelog")


def is_row(_producer: Any, _batch: Any, topic: str, **_named: Any) -> bool:
    """Rows of a table."""
    return topic.endswith("-changelog")


def always(*_arguments: Any) -> bool:
    """Every call counts."""
    return True


def says_something(_publisher: Any, records: Any) -> bool:
    """Telemetry is no work."""
    return any(record.topic != TELEMETRY.name for record in records)


def is_live(_consumer: Any, message: Any) -> bool:
    """Batches that are only read again have no effect to lose."""
    return isinstance(message, Batch) and message.live


# point: owner (module and class), function, before or after it, which calls count
POINTS: dict[str, tuple[str, str, str, Callable[..., bool]]] = {
    "before-send": ("agents.runtime.publisher:Publisher", "send", "before", says_something),
    "sending": ("aiokafka:AIOKafkaProducer", "send_batch", "before", is_work),
    "sent": ("aiokafka:AIOKafkaProducer", "send_batch", "soon after", is_work),
    "flushed": ("agents.runtime.publisher:Publisher", "send", "after", says_something),
    "acked": ("agents.runtime.consumer:Consumer", "ack", "after", is_live),
    "committing": ("aiokafka:AIOKafkaConsumer", "commit", "before", always),
    "committed": ("aiokafka:AIOKafkaConsumer", "commit", "after", always),
    "row-sending": ("aiokafka:AIOKafkaProducer", "send_batch", "before", is_row),
    "row-sent": ("aiokafka:AIOKafkaProducer", "send_batch", "soon after", is_row),
    "table-flushed": ("agents.pricing:Pricing", "_write", "after", always),
    "recorded": ("agents.recorder_store:RecordStore", "write", "after", always),
}
SOON_S = 0.002


def arm(point: str, nth: int, how: str) -> None:
    """Have the `nth` passing of `point` send this process the signal."""
    place, name, when, counts = POINTS[point]
    module, _, kind = place.partition(":")
    owner = getattr(import_module(module), kind)  # not before: a worker loads its own service's modules only
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
