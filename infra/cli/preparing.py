"""From rows to encoded records that will not be refused later: the rules of the workers, applied before publishing."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from fastavro import schemaless_writer

from infra.cli.rows import Row
from infra.cli.shapes import RowRefusedError, record_shape
from infra.clients.envelopes import key_of
from topics import validity, wire
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, Topic
from topics.codec import ObjectCodec
from topics.columns import ColumnDecoder
from topics.refusals import Undecodable
from topics.schemas import schema_of

CHECKS: Mapping[str, Callable[..., validity.Checked]] = {
    DRIVER_PINGS.name: validity.check_pings,
    QUOTE_REQUESTS.name: validity.check_requests,
    RIDE_EVENTS.name: validity.check_ride_events,
}


@dataclass(frozen=True, slots=True)
class Ready:
    """A row that can be published: its record and the encoded value of it."""

    line: int
    record: Any
    value: bytes


@dataclass(frozen=True, slots=True, order=True)
class Refused:
    """A row that is not published, and why; `field` is empty if the whole row is at fault."""

    line: int
    field: str
    rule: str
    sentence: str


class Preparer:
    """Prepares rows for one topic under the registry's `schema_id`; `textual` says that rows know only text.

    With `dates`, an event that leaves out when it happened happens now.
    """

    def __init__(
        self,
        topic: Topic,
        schema_id: int,
        *,
        textual: bool,
        dates: bool = False,
        clock_ms: Callable[[], int] | None = None,
    ) -> None:
        self._topic, self._schema, self._schema_id = topic, schema_of(topic), schema_id
        self._shape = record_shape(self._schema, textual=textual)
        self._codec = ObjectCodec(topic, schema_id)
        self._clock_ms = clock_ms or (lambda: time.time_ns() // 1_000_000)
        self._columns = ColumnDecoder(self._schema, {schema_id: self._schema}) if topic.name in CHECKS else None
        self._textual, self._dates = textual, dates and self._columns is not None

    def prepare(
        self, rows: Iterable[Row], keys: Mapping[int, bytes | None] | None = None
    ) -> tuple[list[Ready], list[Refused]]:
        """The rows that can be published and those that cannot, each in the order of the file.

        `keys` by line are those the rows will be published with, by default derived from them.
        """
        ready: list[Ready] = []
        refused: list[Refused] = []
        for row in rows:
            made = self._encode(row)
            if isinstance(made, Ready):
                ready.append(made)
            else:
                refused.append(made)
        broken = {refusal.line: refusal for refusal in self._rules_broken(ready, keys)}
        return [row for row in ready if row.line not in broken], sorted([*refused, *broken.values()])

    def _encode(self, row: Row) -> Ready | Refused:
        try:
            if row.problem is not None:
                raise row.problem
            out = BytesIO()
            out.write(wire.frame(self._schema_id, b""))
            schemaless_writer(out, self._schema, self._shape(self._dated(row.values)))
            return Ready(row.line, self._codec.decode(out.getvalue()), out.getvalue())
        except (RowRefusedError, Undecodable) as error:
            return Refused(row.line, error.field, error.rule, error.sentence)

    def _dated(self, values: dict[str, Any]) -> dict[str, Any]:
        if not self._dates or "at_ms" in values:
            return values
        now_ms = self._clock_ms()
        return values | {"at_ms": str(now_ms) if self._textual else now_ms}

    def _rules_broken(self, rows: list[Ready], given: Mapping[int, bytes | None] | None) -> Iterator[Refused]:
        """Rows a worker would refuse, taking the present for the append time."""
        if self._columns is None or not rows:
            return
        columns = self._columns.decode([row.value for row in rows])
        keys = [key_of(self._topic, row.record) if given is None else given[row.line] for row in rows]
        appended_ms = np.full(len(rows), self._clock_ms(), np.int64)
        _, bad = CHECKS[self._topic.name](columns, keys, appended_ms)
        for at, _class, field, rule, sentence in (*columns.bad, *bad):
            yield Refused(rows[at].line, field, rule, sentence)
