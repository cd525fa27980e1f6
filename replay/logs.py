"""Recorded partitions read forward, decoded as a service decodes them."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from replay.recording import Raw, Recording, Records
from topics import wire
from topics.catalogue import Topic
from topics.codec import ObjectCodec
from topics.refusals import Undecodable

Apply = Callable[[Any, int], object]


@lru_cache(64)
def codec_of(topic: Topic, schema_id: int = 0) -> ObjectCodec:
    """Reads the topic, and writes it under that schema id."""
    return ObjectCodec(topic, schema_id)


def decoded(recording: Recording, topic: Topic, raw: Raw) -> Any:  # noqa: ANN401  the topic's record class
    """The record. Raises Undecodable, RecordingError."""
    schema_id = wire.schema_id(raw.value) if raw.value is not None else None
    return codec_of(topic).decode(raw.value, None if schema_id is None else recording.schema(schema_id))


def every(recording: Recording, topic: Topic, partition: int) -> Iterator[tuple[Raw, Any]]:
    """All readable records of a partition; a service passes over the others, too."""
    for raw in recording.records(topic.name, partition):
        try:
            yield raw, decoded(recording, topic, raw)
        except Undecodable:
            continue


class Forward:
    """One partition applied up to ever higher offsets."""

    def __init__(self, recording: Recording, topic: Topic, partition: int, apply: Apply, *, first: int = 0) -> None:
        """Begin with offset `first`; nothing is applied before `to` asks for it."""
        self._apply = apply
        self._rest = (one for one in every(recording, topic, partition) if one[0].offset >= first)
        self._next = next(self._rest, None)
        self.reached = -1

    def to(self, offset: int) -> None:
        """Apply every record at or below `offset` that was not applied before."""
        while self._next is not None and self._next[0].offset <= offset:
            raw, record = self._next
            self._apply(record, raw.offset)
            self._next = next(self._rest, None)
        self.reached = max(self.reached, offset)


class Sought:
    """Records of one partition by offset, asked for in roughly ascending order.

    Holds what was passed within `reach_ms` of append time behind the furthest one asked for.
    """

    def __init__(self, source: Records, topic: str, partition: int, *, reach_ms: int) -> None:
        self._rest = source.records(topic, partition)
        self._held: dict[int, Raw] = {}
        self._reach_ms = reach_ms
        self._furthest = -1

    def at(self, offset: int) -> Raw | None:
        """The record at `offset`; None if the source has none there, or it lies too far behind."""
        while self._furthest < offset and (raw := next(self._rest, None)) is not None:
            self._held[raw.offset], self._furthest = raw, raw.offset
            while (oldest := next(iter(self._held.values()))).timestamp_ms < raw.timestamp_ms - self._reach_ms:
                del self._held[oldest.offset]
        return self._held.get(offset)
