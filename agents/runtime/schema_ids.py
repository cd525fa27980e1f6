"""Which schema ids of the Confluent wire format are known, and how an unknown one is looked up.

A framed value is `0x00`, the id as four bytes (big endian, signed as in `topics.wire`), then the payload. Values
without that frame pass: whether they are acceptable is the decoder's question.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from aiokafka import ConsumerRecord

from agents.runtime.record_run import RecordRun
from topics.frames import NO_ID, frame_ids

_FRAME = 5


class RegistryUnavailableError(Exception):
    """The registry gave no answer; asking again later makes sense."""


class SchemaIds(Protocol):
    """A cache of schemas by id."""

    def known(self, schema_id: int) -> bool:
        """Whether the registry has answered for this id, be it "does not exist"."""
        ...

    async def lookup(self, schema_id: int) -> None:
        """Ask the registry and keep its answer, also a negative one.

        Raises RegistryUnavailableError if there was none.
        """
        ...


def first_unknown(records: Sequence[ConsumerRecord], schema_ids: SchemaIds) -> tuple[int, int] | None:
    """Return (position in `records`, schema id) of the first value with an id not known yet, None if there is none."""
    if isinstance(records, RecordRun):
        return _first_unknown_of(records, schema_ids)
    seen: set[bytes] = set()
    for index, record in enumerate(records):
        value = record.value
        if value is None or (frame := value[:_FRAME]) in seen:
            continue
        if len(frame) == _FRAME and frame[0] == 0:
            schema_id = int.from_bytes(frame[1:], "big", signed=True)
            if not schema_ids.known(schema_id):
                return index, schema_id
        seen.add(frame)
    return None


def _first_unknown_of(run: RecordRun, schema_ids: SchemaIds) -> tuple[int, int] | None:
    """The same of a run, whose ids are read in one pass; nearly always there is one."""
    values = run.values
    ids = frame_ids(values.buf, values.starts, values.ends)
    ids[run.broken] = NO_ID
    same = (ids == ids[0]).all()
    unknown = [i for i in (ids[:1] if same else np.unique(ids)).tolist() if i != NO_ID and not schema_ids.known(i)]
    if not unknown:
        return None
    first = int(np.isin(ids, unknown).argmax())
    return first, int(ids[first])


def backoff_s(first_s: float = 0.1, most_s: float = 10.0) -> Iterator[float]:
    """Yield the pauses between attempts, doubling up to `most_s`, for ever.

    >>> steps = backoff_s(1, 3)
    >>> [next(steps) for _ in range(4)]
    [1, 2, 3, 3]
    """
    pause = first_s
    while True:
        yield pause
        pause = min(pause * 2, most_s)
