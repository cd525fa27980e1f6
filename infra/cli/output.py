"""Results go to standard output, everything said to a person beside them to standard error."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any


def say_json(value: Any) -> None:  # noqa: ANN401  whatever JSON can say
    """Print one JSON document on one line. Dataclasses are objects, bytes are base64."""
    sys.stdout.write(f"{to_json(value)}\n")
    sys.stdout.flush()


def to_json(value: Any) -> str:  # noqa: ANN401  as above
    """`value` as JSON on one line.

    >>> to_json({"key": b"d1", "at_ms": 7})
    '{"key":"ZDE=","at_ms":7}'
    """
    import orjson

    return orjson.dumps(value, default=_base64).decode()


def say(line: str) -> None:
    """Print one line of the result, at once: whoever reads a pipe waits for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def complain(sentence: str) -> None:
    """Tell a person what is wrong, if standard error is still read."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"faretide: {sentence}\n")


def say_over(line: str, *, last: bool) -> None:
    """Write one line of a terminal over the one before, to be left standing if it is the last; nowhere else anything.

    It goes to standard error, and a reader who is gone is no concern of who works.
    """
    if sys.stderr.isatty():
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[K{line}" + ("\n" if last else ""))
            sys.stderr.flush()


@contextmanager
def until_reader_leaves() -> Iterator[None]:
    """End what is inside, without complaint, when whoever reads the result has gone, such as `head`."""
    try:
        yield
    except BrokenPipeError:
        # The interpreter flushes standard output at exit and would complain about the same pipe again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def is_terminal() -> bool:
    """Whether the result is read by a person."""
    return sys.stdout.isatty()


def say_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "") -> None:
    """Print a table: ruled on a terminal, else one row a line with tabs between and no heading."""
    if not is_terminal():
        for row in rows:
            say("\t".join(str(cell) for cell in row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console().print(table)


def _base64(value: object) -> str:
    """Bytes in JSON's alphabet; raises TypeError for what JSON cannot say."""
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
