"""Files that a command writes: refused before the work if they cannot be, and written whole or not at all."""

import os
from pathlib import Path

from infra.cli.exits import CommandError, ExitCode


def writable_file(path: Path | None) -> Path | None:
    """The path, for an option's `callback`. Raises CommandError unless it can be a file in a directory that exists."""
    if path is None:
        return None
    place = path if path.exists() else path.parent
    if path.is_dir() or not place.exists() or not os.access(place, os.W_OK):
        raise CommandError(f"{path} cannot be written: it must be a file in a directory that exists", ExitCode.USAGE)
    return path


def writable_directory(path: Path | None) -> Path | None:
    """The path, for an option's `callback`, made if need be. Raises CommandError unless it can be written to."""
    if path is None:
        return None
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"{path} cannot be made a directory to write to: {error.strerror}", ExitCode.USAGE) from None
    if not os.access(path, os.W_OK):
        raise CommandError(f"{path} cannot be written to", ExitCode.USAGE)
    return path


def write_whole(path: Path, text: str) -> None:
    """Write the file whole or not at all. Raises CommandError if it cannot be written."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None
