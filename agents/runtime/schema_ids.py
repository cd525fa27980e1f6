"""Which schema ids of the Confluent wire format are known, and how an unknown one is looked up.

A framed value is `0x00`, the id as four bytes (big endian, signed as in `topics.wire`), then the payload. Values
without that frame pass: whether they are acceptable is the decoder's question.
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import structlog
from aiokafka import ConsumerRecord

from agents.runtime.record_run import RecordRun
from topics.frames import NO_ID, frame_ids

_FRAME = 5
AT_ONCE = 8
"""Ids asked for together: a registry that hangs keeps each waiting for seconds."""

_log = structlog.get_logger(__name__)


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


def first_unknown(records: Sequence[ConsumerRecord], schema_ids: SchemaIds) -> tuple[int, list[int]] | None:
    """Return where in `records` the first value with an id not known yet stands, None if there is none.

    With it come that id and the next unknown ones, AT_ONCE in all.
    """
    if isinstance(records, RecordRun):
        return _first_unknown_of(records, schema_ids)
    seen: set[bytes] = set()
    first, unknown = 0, list[int]()
    for index, record in enumerate(records):
        value = record.value
        if value is None or (frame := value[:_FRAME]) in seen:
            continue
        if len(frame) == _FRAME and frame[0] == 0:
            schema_id = int.from_bytes(frame[1:], "big", signed=True)
            if not schema_ids.known(schema_id):
                first = first if unknown else index
                unknown.append(schema_id)
                if len(unknown) == AT_ONCE:
                    break
        seen.add(frame)
    return (first, unknown) if unknown else None


def _first_unknown_of(run: RecordRun, schema_ids: SchemaIds) -> tuple[int, list[int]] | None:
    """The same of a run, whose ids are read in one pass; nearly always there is one."""
    values = run.values
    ids = frame_ids(values.buf, values.starts, values.ends)
    ids[run.broken] = NO_ID
    same = (ids == ids[0]).all()
    found, firsts = (ids[:1], np.zeros(1, np.int64)) if same else np.unique(ids, return_index=True)
    unknown = sorted(
        (first, i)
        for i, first in zip(found.tolist(), firsts.tolist(), strict=True)
        if i != NO_ID and not schema_ids.known(i)
    )
    return (unknown[0][0], [i for _, i in unknown[:AT_ONCE]]) if unknown else None


async def look_up(unknown: Sequence[int], schema_ids: SchemaIds, **where: object) -> None:
    """Ask for the first of these ids until the registry answers, and meanwhile once for each of the others.

    One of the others that gets no answer holds nothing up that stands before it. `where` tells the log what waits.
    """
    async with asyncio.TaskGroup() as asking:
        asking.create_task(_until_answered(unknown[0], schema_ids, where))
        for schema_id in unknown[1:]:
            asking.create_task(_once(schema_id, schema_ids))


async def _until_answered(schema_id: int, schema_ids: SchemaIds, where: dict[str, object]) -> None:
    for pause_s in backoff_s():
        try:
            await schema_ids.lookup(schema_id)
        except RegistryUnavailableError as error:
            _log.warning(
                "registry gave no answer, records wait",
                **where,
                schema_id=schema_id,
                error=str(error),
                retry_in_s=pause_s,
            )
            await asyncio.sleep(pause_s)
        else:
            break
    if not schema_ids.known(schema_id):
        raise RuntimeError(f"lookup({schema_id}) returned, but known({schema_id}) is still False")


async def _once(schema_id: int, schema_ids: SchemaIds) -> None:
    with contextlib.suppress(RegistryUnavailableError):
        await schema_ids.lookup(schema_id)


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
