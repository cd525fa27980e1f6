"""Records of a file decoded by the schemas it holds, and encoded as their writers did."""

from collections.abc import Mapping
from typing import Any

from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, RIDE_EVENTS, Topic
from topics.codec import ObjectCodec
from topics.refusals import Undecodable
from topics.schemas import Schema
from topics.wire import schema_id

FROM_OUTSIDE = frozenset({DRIVER_PINGS.name, QUOTE_REQUESTS.name, RIDE_EVENTS.name})


class SchemaAbsentError(Exception):
    """A record names a schema that the file does not hold."""


class Contracts:
    """Codecs of all topics over the writers' schemas of one file, by registry id."""

    __slots__ = ("_codecs", "_schemas")

    def __init__(self, schemas: Mapping[int, Schema]) -> None:
        self._schemas = schemas
        self._codecs: dict[tuple[str, int], ObjectCodec] = {}

    def decode(self, topic: Topic, value: bytes | None, *, as_arrays: bool = False) -> Any:  # noqa: ANN401  the topic's record class
        """The record; None if it cannot be decoded, which services pass over as well. `as_arrays` as codecs take it.

        Raises SchemaAbsentError if one of our own records names a schema that the file does not hold; what came from
        outside may name any.
        """
        written = schema_id(value) if value is not None else None
        if value is None or written is None:
            return None
        if written not in self._schemas:
            if topic.name in FROM_OUTSIDE:
                return None
            raise SchemaAbsentError(f"a record of {topic.name} names schema {written}, which the file does not hold")
        try:
            return self._codec(topic, 0).decode(value, self._schemas[written], as_arrays=as_arrays)
        except Undecodable:
            return None

    def encode(self, topic: Topic, record: Any, like: bytes | None) -> bytes:  # noqa: ANN401  as above
        """The record by the schema of the value it stands beside: fields its writer did not know are left out."""
        number = schema_id(like or b"") or 0
        return self._codec(topic, number).encode(record, self._schemas.get(number))

    def _codec(self, topic: Topic, number: int) -> ObjectCodec:
        key = topic.name, number
        if key not in self._codecs:
            self._codecs[key] = ObjectCodec(topic, number)
        return self._codecs[key]
