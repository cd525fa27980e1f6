"""Letters as lines of a file that a person edits, and back.

One JSON object a line. `key` and `record` may be edited; `record` is null where the value could not be decoded, and may
be written. Everything else says what is in the line and is read again from the topic, so an edited file cannot change
where a record came from, its headers or its attempts.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from infra.cli.dead_letters.letters import Letter, letter_place
from topics.catalogue import Topic
from topics.wire import rfc3339


class LineRefusedError(ValueError):
    """A line of the file is not one that an export writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: whose letter it is, and the key and fields to publish."""

    number: int
    place: tuple[Topic, int, int]
    key: bytes | None
    values: dict[str, Any] | None


def line_of(letter: Letter) -> dict[str, Any]:
    """The letter as a JSON object."""
    told = letter.letter
    return {
        "letter": letter.place,
        "key": _key_said(told.key),
        "record": None if letter.record is None else asdict(letter.record),
        "problem": letter.problem,
        "topic": told.topic,
        "place": f"{told.partition}@{told.offset}",
        "appended": rfc3339(told.timestamp_ms) if told.timestamp_ms >= 0 else "",
        "error_class": told.error_class,
        "field": told.field,
        "rule": told.rule,
        "sentence": told.sentence,
        "attempt": told.attempt,
        "service": told.service,
        "headers": [
            {"name": h.name, "value": None if h.value is None else h.value.decode(errors="backslashreplace")}
            for h in told.headers
        ],
        "value_base64": None if told.value is None else base64.b64encode(told.value).decode(),
    }


def read_lines(file: Path) -> list[Line]:
    """The lines of a file that `export` wrote. Raises LineRefusedError naming the first line at fault, OSError."""
    return list(_lines(file.read_bytes()))


def _lines(content: bytes) -> Iterator[Line]:
    for number, text in enumerate(content.splitlines(), start=1):
        if text.strip():
            try:
                yield _line(number, orjson.loads(text))
            except (KeyError, TypeError, ValueError) as error:
                why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
                raise LineRefusedError(f"line {number} is not one of `faretide dlq export`: {why}") from None


def _line(number: int, said: Mapping[str, Any]) -> Line:
    values = said["record"]
    if values is not None and not isinstance(values, dict):
        raise ValueError(f"record must be an object or null, got {values!r:.80}")
    return Line(number=number, place=letter_place(said["letter"]), key=_key_read(said["key"]), values=values)


def _key_said(key: bytes | None) -> Any:  # noqa: ANN401  JSON
    """Text where it is text, else its base64 in an object, so that nothing is lost."""
    if key is None:
        return None
    try:
        return key.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(key).decode()}


def _key_read(said: Any) -> bytes | None:  # noqa: ANN401  as above
    if said is None or isinstance(said, str):
        return None if said is None else said.encode()
    try:
        return base64.b64decode(said["base64"], validate=True)
    except (binascii.Error, KeyError, TypeError):
        raise ValueError(f"key must be text, null or an object with base64, got {said!r:.80}") from None
