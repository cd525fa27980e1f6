"""What governs prices, read whole by every worker that needs it: markets, policies, models.

A record that makes no sense is dead-lettered and the version before it stays in force.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from faust.types import TP

from agents.runtime.app import WorkerApp
from agents.runtime.broadcast import Beginning, BroadcastReader
from agents.runtime.counting import Outgoing
from agents.runtime.schema_ids import first_unknown, look_up
from agents.runtime.worker import Worker, now_ms
from topics.catalogue import Topic, dead_letters_of
from topics.dead_letters import dead_letter, letter_key
from topics.refusals import BadRow, ErrorClass, Refusal, Undecodable
from topics.wire import schema_id

_log = structlog.get_logger(__name__)


FETCH_WAIT_MS = 250
"""What is new comes at once; how long the broker waits for it says only how often it is asked in vain."""

Learn = Callable[[Any, int], None]
"""Takes in a record and its offset. Raises ValueError if the record makes no sense, as any error is taken to say."""


class Control:
    """Follows control topics: each record goes to its topic's `learn`, after a batch of them `changed` is called."""

    def __init__(
        self, app: WorkerApp, worker: Worker, learn: Mapping[Topic, Learn], changed: Callable[[], None] = lambda: None
    ) -> None:
        self._app, self._worker, self._changed = app, worker, changed
        self._topics = {topic.name: topic for topic in learn}
        self._learn = {topic.name: take for topic, take in learn.items()}
        self._reader = BroadcastReader(
            worker.bootstrap,
            self._receive,
            client_id=f"{worker.name}-control",
            fetch_wait_ms=FETCH_WAIT_MS,
            security=worker.security,
        )
        self._reader.follow_topics({name: worker.partitions[name] for name in self._topics}, Beginning())
        app.alongside(self._reader.run)

    async def wait_ready(self) -> None:
        """Return once everything said so far has been read; reading begins with the app."""
        await self._reader.wait_ready()

    async def _receive(self, tp: TP, records: Sequence[ConsumerRecord]) -> None:
        topic = self._topics[tp.topic]
        for record in records:
            await look_up_schemas(self._worker, [record])
            try:
                self._learn[tp.topic](self._worker.contracts.decode(topic, record.value), record.offset)
            except Undecodable as error:
                await self._refuse(topic, record, error)
            except ValueError as error:
                await self._refuse(topic, record, _senseless(str(error)))
            except Exception as error:  # noqa: BLE001  read from the beginning, it would end every start of the worker
                _log.error("control record raised", topic=topic.name, offset=record.offset, exc_info=error)
                await self._refuse(topic, record, _senseless(f"{type(error).__name__}: {error}"))
        self._changed()

    async def _refuse(self, topic: Topic, record: ConsumerRecord, error: Refusal) -> None:
        _log.error("control record refused", topic=topic.name, offset=record.offset, sentence=error.sentence)
        letter = dead_letter(record, topic, error, service=self._worker.service, now_ms=now_ms())
        self._worker.meter.count("dead_letters")
        await self._worker.publish(self._app, [Outgoing(dead_letters_of(topic), 0, letter_key(letter), letter)])


def _senseless(sentence: str) -> BadRow:
    return BadRow(0, ErrorClass.INVALID_FIELD, "", "makes-sense", sentence)


async def decoded(worker: Worker, topic: Topic, value: bytes | None) -> Any:  # noqa: ANN401  the topic's record class
    """The record of `value`; its schema is looked up first where it is not known, for as long as that takes.

    Raises Undecodable naming field and rule.
    """
    written = schema_id(value) if value is not None else None
    if written is not None and not worker.schema_ids.known(written):
        await look_up([written], worker.schema_ids, topic=topic.name)
    return worker.contracts.decode(topic, value)


async def look_up_schemas(worker: Worker, records: Sequence[ConsumerRecord]) -> None:
    """Look up every schema that the values name and that is not known yet, for as long as that takes."""
    while (unknown := first_unknown(records, worker.schema_ids)) is not None:
        await look_up(unknown[1], worker.schema_ids, topic=records[0].topic)
