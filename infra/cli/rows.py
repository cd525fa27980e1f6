"""Rows of a file, one at a time, with the line each stands on. A row that cannot be read is a row with a problem.

JSONL   one object a line; empty lines count but say nothing
CSV     a header names the fields, an empty cell says nothing
Avro    a container file; its rows are counted from 1, since it has no lines
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from infra.cli.shapes import RowRefusedError


class FileFormat(StrEnum):
    """How rows are written."""

    JSONL = "jsonl"
    CSV = "csv"
    AVRO = "avro"


ENDINGS = {
    ".jsonl": FileFormat.JSONL,
    ".ndjson": FileFormat.JSONL,
    ".json": FileFormat.JSONL,
    ".csv": FileFormat.CSV,
    ".avro": FileFormat.AVRO,
}


class FileRefusedError(ValueError):
    """The file as a whole cannot be read."""


@dataclass(frozen=True, slots=True)
class Row:
    """The row on `line` (counted from 1), or why it cannot be read."""

    line: int
    values: dict[str, Any]
    problem: RowRefusedError | None = None


def format_of(name: str) -> FileFormat:
    """The format that a file name's ending says.

    Raises FileRefusedError if it says none.

    >>> format_of("pings.csv")
    <FileFormat.CSV: 'csv'>
    """
    ending = Path(name).suffix.lower()
    if ending not in ENDINGS:
        raise FileRefusedError(f"the ending of {name} must be one of {', '.join(ENDINGS)}, or say --format")
    return ENDINGS[ending]


def read_rows(source: BinaryIO, file_format: FileFormat) -> Iterator[Row]:
    """The rows of `source` in order.

    Raises FileRefusedError, possibly after some rows, if the rest cannot be read as that format.
    """
    readers: dict[FileFormat, Callable[[BinaryIO], Iterator[Row]]] = {
        FileFormat.JSONL: _json_lines,
        FileFormat.CSV: _comma_separated,
        FileFormat.AVRO: _avro_container,
    }
    return readers[file_format](source)


def _json_lines(source: BinaryIO) -> Iterator[Row]:
    for line, text in enumerate(source, start=1):
        said = text.removeprefix(codecs.BOM_UTF8) if line == 1 else text
        if said.strip():
            yield _json_line(line, said)


def _json_line(line: int, text: bytes) -> Row:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return Row(line, {}, RowRefusedError("", "line-is-json", f"the line must be JSON: {error}"))
    if not isinstance(values, dict):
        return Row(
            line, {}, RowRefusedError("", "line-is-object", f"the line must be a JSON object, got {values!r:.80}")
        )
    return Row(line, values)


def _comma_separated(source: BinaryIO) -> Iterator[Row]:
    # What is not UTF-8 stays in its cell and is refused with its field, instead of ending the file.
    text = io.TextIOWrapper(source, encoding="utf-8-sig", errors="surrogateescape", newline="")
    lines = _Lines(text)
    reader = csv.reader(lines, strict=True)
    try:
        yield from _csv_rows(lines, reader, _csv_header(reader))
    finally:
        text.detach()


class _Lines:
    """The lines of a text; those of a row after its first can be read again."""

    def __init__(self, text: Iterator[str]) -> None:
        self._text, self._again = text, deque[str]()
        self._row: list[str] = []
        self.read = 0

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._text)
        self._row.append(line)
        self.read += 1
        return line

    def begin_row(self) -> int:
        """The number of the line at which a row begins."""
        self._row.clear()
        return self.read + 1

    def back_to_second(self) -> None:
        """Give the lines of the row after its first once more."""
        rest = self._row[1:]
        self._again.extendleft(reversed(rest))
        self.read -= len(rest)


def _csv_rows(lines: _Lines, reader: Iterator[list[str]], header: list[str]) -> Iterator[Row]:
    while True:
        line = lines.begin_row()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield _refused(lines, line, "line-is-csv", f"the line must be CSV: {error}")
            continue
        if cells and len(cells) != len(header):
            sentence = f"the row must have {len(header)} cells as the first line has, got {len(cells)}"
            yield _refused(lines, line, "cells-match-header", sentence)
        elif cells:
            yield Row(line, {name: cell for name, cell in zip(header, cells, strict=True) if cell})


def _refused(lines: _Lines, line: int, rule: str, sentence: str) -> Row:
    """The row that begins on `line`, refused.

    A quoted cell may go over several lines, and a stray quote makes a cell of all up to the next one. So a row of
    several lines is refused for its first alone.
    """
    last = lines.read
    if last > line:
        lines.back_to_second()
        sentence += f"; a cell that begins with a quote goes on to line {last}: lines after the first are read as rows"
    return Row(line, {}, RowRefusedError("", rule, sentence))


def _csv_header(lines: Iterator[list[str]]) -> list[str]:
    """The names in the first line. Raises FileRefusedError if it names none or one twice."""
    try:
        header = next(lines, [])
    except csv.Error as error:
        raise FileRefusedError(f"the first line must be CSV: {error}") from None
    if not any(header):
        raise FileRefusedError("the first line must name the fields, got an empty one")
    if len(set(header)) < len(header):
        raise FileRefusedError(f"the first line must name each field once, got {', '.join(header)}")
    return header


def _avro_container(source: BinaryIO) -> Iterator[Row]:
    import fastavro

    line = 0
    try:
        for line, values in enumerate(fastavro.reader(source), start=1):
            yield Row(line, values) if isinstance(values, dict) else Row(line, {}, _not_a_record(values))
    except Exception as error:  # noqa: BLE001  fastavro raises a dozen unrelated classes on damaged files
        said = str(error) or type(error).__name__
        raise FileRefusedError(f"the file must be an Avro container, cannot read it after row {line}: {said}") from None


def _not_a_record(values: object) -> RowRefusedError:
    return RowRefusedError("", "row-is-record", f"the row must be a record, got {values!r:.80}")
