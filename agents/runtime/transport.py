"""Faust's Kafka transport with our consumer, and a producer whose flush means what it says.

Faust writes table changelogs through this producer and flushes it before it commits offsets. Stock, that flush gives up
after 0.1 s without progress, overlooks the record on its way from buffer to client, and does not notice a failed
record: an offset may be committed although the changelog row of its record is lost. Here a flush returns when the
broker has acknowledged every record handed over before, and a record that cannot be written ends the process, since
table and changelog differ from then on. Overridden of `faust.transport.drivers.aiokafka.Producer` (pinned by `pins`):

send_soon        remember what is not acknowledged yet
flush            wait for all of it
on_start         room for a burst of table writes (stock: 100 records, then streams block)
_settings_extra  idempotent, acknowledged by all replicas
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from faust.transport.drivers import aiokafka
from faust.types.tuples import FutureMessage

from agents.runtime.consumer import Consumer
from agents.runtime.supervision import FAILED, end_process

BUFFER_RECORDS = 10_000


class Producer(aiokafka.Producer):
    """Writes table changelogs."""

    def on_init(self) -> None:
        """Start with nothing unacknowledged."""
        self._unacknowledged: set[FutureMessage] = set()

    async def on_start(self) -> None:
        """Start the client and make room in the buffer."""
        await super().on_start()
        self.buffer.max_messages = BUFFER_RECORDS

    def send_soon(self, fut: FutureMessage) -> None:
        """Hand over a record; `flush` waits for its acknowledgement."""
        self._unacknowledged.add(fut)
        fut.add_done_callback(self._settled)
        super().send_soon(fut)

    def _settled(self, fut: FutureMessage) -> None:
        self._unacknowledged.discard(fut)
        if not fut.cancelled() and (error := fut.exception()) is not None:
            end_process(FAILED, "a table's changelog could not be written", error)

    async def flush(self) -> None:
        """Return when the broker has acknowledged all that was handed over before."""
        if waiting := set(self._unacknowledged):
            await asyncio.wait(waiting)
        await super().flush()

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class Transport(aiokafka.Transport):
    """The transport of every worker; passed to the app directly, no URL scheme is registered."""

    Consumer = Consumer
    Producer = Producer
