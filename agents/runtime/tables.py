"""Tables whose changelog is read back by runs, and Faust's table manager without its pause.

Faust hands a changelog to its table record by record, through flow control, an event and three waits each: half an hour
of rows took a worker seven of the sixteen seconds it was away on a busy machine. Here a whole run of records passes as
one message. Overridden (pinned by `pins`):

Table.apply_changelog_batch   rows of runs, put into the table in the order of the log
TableManager.on_start         Faust sleeps a second at each start so that modules which define tables are imported
                              meanwhile. Here all tables are there before the app starts.
"""

from collections.abc import Iterable, Sequence

import faust
from aiokafka import ConsumerRecord
from faust.tables import TableManager
from faust.types import TP, ConsumerMessage, EventT


class LogRun(ConsumerMessage):
    """Consecutive records of one partition of a changelog; for Faust one message, at the offset of its last record."""

    __slots__ = ("records",)

    records: Sequence[ConsumerRecord]

    @classmethod
    def of(cls, tp: TP, records: Sequence[ConsumerRecord]) -> "LogRun":
        """Return these records, of which there is at least one."""
        last = records[-1]
        run = cls(
            tp.topic, tp.partition, last.offset, last.timestamp / 1000, 1, None, None, None, None, 0, 0, tp,
        )  # fmt: skip
        run.records = records
        return run


class Table(faust.Table[bytes, bytes]):
    """A table of bytes by bytes, as they are in its changelog."""

    def apply_changelog_batch(self, batch: Iterable[EventT[object]]) -> None:
        """Put the rows of these runs into the table, a later one over an earlier one; one without a value deletes."""
        rows = self.data
        for event in batch:
            assert isinstance(event.message, LogRun)
            for record in event.message.records:
                if record.value is None:
                    rows.pop(record.key, None)
                else:
                    rows[record.key] = record.value


class Tables(TableManager):
    """The tables of one worker."""

    async def on_start(self) -> None:
        """Begin at once."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
