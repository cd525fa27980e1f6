"""Records of one topic, to framed Avro values and back, one object at a time.

For whole chunks of outside events use `topics.columns`, which makes no objects; both refuse the same values by the
same names.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any, NamedTuple, get_args, get_type_hints

from fastavro import schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from topics import wire
from topics.catalogue import Topic
from topics.layout import Layout, layout_of
from topics.number_lists import NumberLists
from topics.refusals import NO_FRAME, NULL_VALUE, OK, UNRESOLVED, undecodable
from topics.schemas import Schema, is_same, parse, schema_of
from topics.walk import fault

Convert = Callable[[Any], Any]


class _Writer(NamedTuple):
    """A schema values were written with; `resolve` is False for the current one, which needs no resolution.

    `lists` is the fast way to read and write them, None if there is none.
    """

    schema: Schema
    layout: Layout
    resolve: bool
    lists: NumberLists | None = None


class ObjectCodec:
    """Encodes records of `topic` under the registry's `schema_id`, decodes them from any compatible schema.

    >>> from topics.catalogue import MODELS
    >>> from topics.control import ModelAnnounced
    >>> model = ModelAnnounced(name="d", version=1, format="f/1", sha256="", artefact=b"", card="{}", announced_ms=1)
    >>> codec = ObjectCodec(MODELS, schema_id=3)
    >>> codec.decode(codec.encode(model)) == model
    True
    """

    def __init__(self, topic: Topic, schema_id: int) -> None:
        self.topic, self.schema_id, self.schema = topic, schema_id, schema_of(topic)
        layout = layout_of(self.schema)
        self._own = _Writer(self.schema, layout, resolve=False, lists=NumberLists.of(self.schema, layout))
        self._writers: dict[int, tuple[Schema, _Writer]] = {}
        self._plain = _plain_form(topic.record)
        self._record = _record_form(topic.record)

    def encode(self, record: Any, writer_schema: Schema | None = None) -> bytes:  # noqa: ANN401 - the topic's record class
        """`record` as a framed value, by `writer_schema` (None: the current one), which may lack some of its fields.

        Raises ValueError naming the field if a number does not fit its type: a value nobody could read is not
        published.
        """
        writer = self._own if writer_schema is None else self._writer(writer_schema)
        value = wire.frame(self.schema_id, _body(writer, self._plain(record)))
        status, field = fault(value, wire.FRAME_BYTES, writer.layout)
        if status != OK:
            raise ValueError(f"{field} must fit its Avro type in {self.topic.name}, got {getattr(record, field)!r:.80}")
        return value

    def decode(self, value: bytes | None, writer_schema: Schema | None = None, *, as_arrays: bool = False) -> Any:  # noqa: ANN401 - as above
        """The record of a framed `value`, written with `writer_schema` (None: the current schema).

        `as_arrays` may give its lists of numbers as int64 arrays, for records that go into arrays.

        Fields the writer did not know take their defaults, those no longer known are dropped, enum symbols not known
        here become the enum's default.

        Raises Undecodable naming field and rule, whatever the bytes are.
        """
        if value is None:
            raise undecodable(NULL_VALUE, "")
        if wire.schema_id(value) is None:
            raise undecodable(NO_FRAME, "")
        writer = self._own if writer_schema is None else self._writer(writer_schema)
        if writer.lists is not None:
            status, field, said = writer.lists.read(value, wire.FRAME_BYTES, as_arrays=as_arrays)
            if status != OK:
                raise undecodable(status, field)
            return self._record(said)
        status, field = fault(value, wire.FRAME_BYTES, writer.layout)
        if status != OK:
            raise undecodable(status, field)
        body = io.BytesIO(value)
        body.seek(wire.FRAME_BYTES)
        try:
            return self._record(schemaless_reader(body, writer.schema, self.schema if writer.resolve else None))
        except (SchemaResolutionError, ValueError, TypeError, KeyError) as error:
            raise undecodable(UNRESOLVED, "") from error

    def _writer(self, schema: Schema) -> _Writer:
        """`schema` made ready, once per object: the key is its identity, so the object is kept."""
        known = self._writers.get(id(schema))
        if known is None:
            try:
                parsed = parse(schema)
                layout, resolve = layout_of(parsed), not is_same(parsed, self.schema)
                made = _Writer(parsed, layout, resolve, None if resolve else NumberLists.of(parsed, layout))
            except ValueError as error:
                raise undecodable(UNRESOLVED, "") from error
            known = self._writers[id(schema)] = (schema, made)
        return known[1]


def _body(writer: _Writer, said: dict[str, Any]) -> bytes:
    """The fields written; whatever the fast way cannot write goes the slow one, which says what is wrong."""
    if writer.lists is not None:
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            return writer.lists.write(said)
    out = io.BytesIO()
    schemaless_writer(out, writer.schema, said)
    return out.getvalue()


def record_of(topic: Topic, said: dict[str, Any]) -> Any:  # noqa: ANN401  the topic's record class
    """The record of a dict of its fields, enums by name, as JSON keeps them; the dict is used up.

    Fields that were not known when it was kept take their defaults.

    Raises ValueError if a field without a default is missing, or one is unknown or no member of its enum.
    """
    try:
        return _record_form(topic.record)(said)
    except (KeyError, TypeError) as error:
        raise ValueError(f"the record must have the fields of {topic.name}: {error}") from error


def _parts(record: type[Any]) -> list[tuple[str, type[Any] | None]]:
    """Field names of a record class, each with the class its values or items need, None for plain ones."""
    hints = get_type_hints(record)
    return [(field.name, _special(hints[field.name])) for field in fields(record)]


def _special(hint: Any) -> type[Any] | None:  # noqa: ANN401 - any annotation
    """The record class or enum inside an annotation such as X, list[X] or X | None."""
    for part in (hint, *get_args(hint)):
        if isinstance(part, type) and (is_dataclass(part) or issubclass(part, StrEnum)):
            return part
    return None


def _plain_form(record: type[Any]) -> Convert:
    """From a record to the dict fastavro writes. An enum member is a str already."""
    names = [field.name for field in fields(record)]
    get = attrgetter(*names)
    nested = [(name, _plain_form(kind)) for name, kind in _parts(record) if kind and is_dataclass(kind)]

    def convert(value: Any) -> dict[str, Any]:  # noqa: ANN401
        said = dict(zip(names, get(value) if len(names) > 1 else (get(value),), strict=True))
        for name, inner in nested:
            said[name] = [inner(item) for item in said[name]]
        return said

    return convert


def _record_form(record: type[Any]) -> Convert:
    """From the dict fastavro reads to a record; it owns the dict."""
    nested = [(name, _record_form(kind)) for name, kind in _parts(record) if kind and is_dataclass(kind)]
    enums = [
        (name, {str(member): member for member in kind})
        for name, kind in _parts(record)
        if kind and not is_dataclass(kind)
    ]

    def convert(said: dict[str, Any]) -> Any:  # noqa: ANN401
        for name, members in enums:
            if name in said:
                said[name] = members[said[name]]
        for name, inner in nested:
            if name in said:
                said[name] = [inner(item) for item in said[name]]
        return record(**said)

    return convert
