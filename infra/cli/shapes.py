"""From what a person writes in a row to what an Avro schema wants, or a refusal that names field and rule.

Nothing is guessed: a whole number is not made of 1.5, nor a text of a number. Only where a format knows nothing but
text (CSV) is text read as what the schema says; there a list is JSON or has semicolons between its items.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from topics.schemas import Schema

Values = dict[str, Any]
Convert = Callable[[Any, str], Any]

_WHOLE_BITS = {"int": 32, "long": 64}


class RowRefusedError(ValueError):
    """One row cannot be published; `field` is empty if the whole row is at fault."""

    def __init__(self, field: str, rule: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field, self.rule, self.sentence = field, rule, sentence


def record_shape(schema: Schema, *, textual: bool) -> Callable[[Mapping[str, Any]], Values]:
    """A function from a row to the values of a record of `schema`, defaults left out.

    `textual` says that the row knows only text. The function raises RowRefusedError for the first field at fault.
    """
    shape = _Shapes(textual=textual).record(schema)
    return lambda row: shape(dict(row), "")


class _Shapes:
    """Builds converters for the types of one schema; named types may be used again by name."""

    def __init__(self, *, textual: bool) -> None:
        self._textual = textual
        self._named: dict[str, Convert] = {}

    def of(self, node: Any) -> Convert:  # noqa: ANN401  any Avro type
        if isinstance(node, list):
            return self._nullable(node)
        if isinstance(node, str):
            return self._named[node] if node in self._named else self._scalar(node)
        kind = node["type"]
        if kind == "record":
            return self.record(node)
        if kind == "enum":
            return self._enum(node)
        if kind in {"array", "map"}:
            return self._array(node) if kind == "array" else self._map(node)
        return self._scalar(kind)

    def record(self, schema: Schema) -> Convert:
        fields: dict[str, tuple[Convert, bool]] = {}

        def convert(value: Any, path: str) -> Values:  # noqa: ANN401  a cell
            row = _object(value, path)
            for name in row:
                if name not in fields:
                    known = ", ".join(fields)
                    raise RowRefusedError(_at(path, name), "field-known", f"{_at(path, name)} must be one of {known}")
            made = {}
            for name, (inner, required) in fields.items():
                if name in row:
                    made[name] = inner(row[name], _at(path, name))
                elif required:
                    raise RowRefusedError(_at(path, name), "field-present", f"{_at(path, name)} must be given")
            return made

        self._named[schema["name"]] = convert
        for field in schema["fields"]:
            fields[field["name"]] = (self.of(field["type"]), "default" not in field)
        return convert

    def _nullable(self, branches: list[Any]) -> Convert:
        """A union of null and one type, the only unions of our contracts."""
        inner = next(self.of(branch) for branch in branches if branch != "null")
        return lambda value, path: None if value is None else inner(value, path)

    def _enum(self, node: Schema) -> Convert:
        symbols = tuple(node["symbols"])

        def convert(value: Any, path: str) -> str:  # noqa: ANN401  a cell
            if value not in symbols:
                raise _unfit(path, f"one of {', '.join(symbols)}", value)
            return str(value)

        self._named[node["name"]] = convert
        return convert

    def _array(self, node: Schema) -> Convert:
        inner = self.of(node["items"])

        def convert(value: Any, path: str) -> list[Any]:  # noqa: ANN401  a cell
            items = _items(value, path) if self._textual and isinstance(value, str) else value
            if not isinstance(items, list):
                raise _unfit(path, "a list", value)
            return [inner(item, f"{path}[{index}]") for index, item in enumerate(items)]

        return convert

    def _map(self, node: Schema) -> Convert:
        inner = self.of(node["values"])
        return lambda value, path: {
            str(name): inner(item, _at(path, str(name))) for name, item in _object(value, path).items()
        }

    def _scalar(self, kind: str) -> Convert:
        if kind in _WHOLE_BITS:
            return self._whole(_WHOLE_BITS[kind])
        return {"double": self._number, "float": self._number, "boolean": self._truth, "bytes": _octets}.get(
            kind, _text
        )

    def _whole(self, bits: int) -> Convert:
        bound = 2 ** (bits - 1)

        def convert(value: Any, path: str) -> int:  # noqa: ANN401  a cell
            number = _milliseconds(value) if isinstance(value, datetime) else value
            if self._textual and isinstance(value, str):
                number = _read(int, value)
            if not isinstance(number, int) or isinstance(number, bool):
                raise _unfit(path, "a whole number", value)
            if not -bound <= number < bound:
                raise _unfit(path, f"a whole number of {bits} bits", value)
            return number

        return convert

    def _number(self, value: Any, path: str) -> float:  # noqa: ANN401  a cell
        number = _read(float, value) if self._textual and isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise _unfit(path, "a number", value)
        return float(number)

    def _truth(self, value: Any, path: str) -> bool:  # noqa: ANN401  a cell
        truth = {"true": True, "false": False}.get(value.lower()) if self._textual and isinstance(value, str) else value
        if not isinstance(truth, bool):
            raise _unfit(path, "true or false", value)
        return truth


def _text(value: Any, path: str) -> str:  # noqa: ANN401  a cell
    if not isinstance(value, str):
        raise _unfit(path, "text", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RowRefusedError(path, "text-is-utf-8", f"{path} must be UTF-8, got {value!r:.80}") from None
    return value


def _octets(value: Any, path: str) -> bytes:  # noqa: ANN401  a cell
    if isinstance(value, bytes):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise _unfit(path, "base64", value) from None


def _object(value: Any, path: str) -> dict[str, Any]:  # noqa: ANN401  a cell
    if not isinstance(value, dict):
        raise _unfit(path or "the row", "an object", value)
    return value


def _items(text: str, path: str) -> Any:  # noqa: ANN401  what JSON holds
    """The list that a cell of a CSV file writes."""
    if not text.lstrip().startswith("["):
        return [item.strip() for item in text.split(";")] if text else []
    try:
        return json.loads(text)
    except ValueError:
        raise _unfit(path, "a JSON list, or items with semicolons between", text) from None


def _read(kind: type[int] | type[float], text: str) -> int | float | None:
    """The number a text writes, None if it writes none; digits with underscores between are Python's, not data's."""
    try:
        return None if "_" in text else kind(text)
    except ValueError:
        return None


def _milliseconds(at: datetime) -> int | None:
    """Epoch milliseconds of an Avro timestamp; one without a time zone says no instant."""
    return None if at.tzinfo is None else round(at.timestamp() * 1000)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _unfit(path: str, wanted: str, value: object) -> RowRefusedError:
    return RowRefusedError(path, "type-fits", f"{path} must be {wanted}, got {value!r:.80}")
