"""Encoders and decoders of one worker's topics, under the registry's schema ids."""

from collections.abc import Collection, Mapping
from typing import Any

from agents.runtime.publisher import Record
from topics.catalogue import Topic
from topics.codec import ObjectCodec
from topics.columns import ColumnDecoder
from topics.refusals import SCHEMA_UNKNOWN, undecodable
from topics.schemas import Schema, schema_of
from topics.wire import frame, schema_id

Headers = tuple[tuple[str, bytes], ...]


class Contracts:
    """What the worker agreed on with the registry.

    `ids` are the schema ids of the topics it writes, by subject; `schemas` the writers' schemas by id, which grows
    while the worker runs (see `schema_ids`).
    """

    def __init__(self, ids: Mapping[str, int], schemas: dict[int, Schema]) -> None:
        self._ids, self._schemas = dict(ids), schemas
        self._codecs: dict[str, ObjectCodec] = {}

    def encode(self, topic: Topic, record: Any) -> bytes:  # noqa: ANN401  the topic's record class
        """`record` as a framed value; bytes are one already. Raises ValueError naming a field that does not fit."""
        if isinstance(record, bytes):
            return record
        return self._codec(topic).encode(record)

    def record(self, topic: Topic, partition: int, key: bytes | None, record: Any, headers: Headers = ()) -> Record:  # noqa: ANN401
        """`record` ready to be published."""
        return Record(topic.name, partition, key, self.encode(topic, record), headers)

    def decode(self, topic: Topic, value: bytes | None, *, as_arrays: bool = False) -> Any:  # noqa: ANN401
        """The record of a framed value, whichever compatible schema it was written with; `as_arrays` as codecs take it.

        The schema must have been looked up: one that was, and is not there, does not exist.

        Raises Undecodable naming field and rule.
        """
        written = schema_id(value) if value is not None else None
        writer = None
        if written is not None and written != self._ids.get(topic.subject):
            writer = self._schemas.get(written)
            if writer is None:
                raise undecodable(SCHEMA_UNKNOWN, "")
        return self._codec(topic).decode(value, writer, as_arrays=as_arrays)

    def columns(self, topic: Topic, fields: Collection[str] = ()) -> ColumnDecoder:
        """A decoder of whole chunks of `topic`; of these `fields` only, if any are named: the others may have any type.

        Raises ValueError if a field has no column form.
        """
        schema = schema_of(topic)
        wanted = [field for field in schema["fields"] if not fields or field["name"] in fields]
        return ColumnDecoder({**schema, "fields": wanted}, self._schemas)

    def frame(self, topic: Topic) -> bytes:
        """What every value of `topic` begins with."""
        return frame(self._ids[topic.subject], b"")

    def schema_id(self, topic: Topic) -> int:
        """The registry's id of the schema this worker writes."""
        return self._ids[topic.subject]

    def _codec(self, topic: Topic) -> ObjectCodec:
        codec = self._codecs.get(topic.subject)
        if codec is None:
            codec = self._codecs[topic.subject] = ObjectCodec(topic, self._ids[topic.subject])
        return codec
