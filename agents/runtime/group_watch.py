"""Ending a worker that the group does not hear any more although the brokers answer.

A worker publishes only while its place in the group is certain (`fencing`), so without an accepted heartbeat it stands
still, and rightly so while no broker answers. Once, in seeded faults under load, DEMAND stood on after the broker had
come back: it fetched and published nothing, and nothing in its log says why. Whatever keeps aiokafka from its
coordinator then, a new process finds it; where every task stood is in the log.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from agents.runtime.supervision import HUNG, end_process
from infra.clients.connection import kafka_client

_log = structlog.get_logger(__name__)

SILENT_S = 30.0
"""Longer than joining takes where another worker has to finish first."""
ANSWERING_S = 10.0
LOOK_EVERY_S = 1.0
ASK_WITHIN_S = 5.0


async def watch_group(
    heartbeat_age_s: Callable[[], float | None],
    broker_answers: Callable[[], Awaitable[bool]],
    *,
    end: Callable[[int, str], Any] = end_process,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """End the process once heartbeats have been silent for SILENT_S and a broker has answered for ANSWERING_S of it."""
    answering_since_s: float | None = None
    while True:
        await sleep(LOOK_EVERY_S)
        silent_s = heartbeat_age_s()
        if silent_s is None or silent_s < SILENT_S or not await broker_answers():
            answering_since_s = None
            continue
        if answering_since_s is None:
            answering_since_s = clock()
        if clock() - answering_since_s >= ANSWERING_S:
            _log.critical("the group does not hear this worker", tasks=_where_tasks_stand())
            end(HUNG, f"the group has accepted no heartbeat for {silent_s:.0f} s although a broker answers")
            return


def _where_tasks_stand() -> list[str]:
    frames = [(task.get_coro(), frame) for task in asyncio.all_tasks() for frame in task.get_stack(limit=1)]
    return [f"{coroutine!r:.60} {frame.f_code.co_name}:{frame.f_lineno}" for coroutine, frame in frames]


async def answers(bootstrap: str, security: Mapping[str, Any]) -> bool:
    """Whether any of the brokers answers on a new connection."""
    client = kafka_client({"bootstrap_servers": bootstrap, **security})
    try:
        async with asyncio.timeout(ASK_WITHIN_S):
            await client.bootstrap()
    except (KafkaError, TimeoutError):
        return False
    finally:
        await client.close()
    return True
