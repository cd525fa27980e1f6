"""What training made, as files: an artefact and its card, written, or compared with those that are there."""

import hashlib
import json
from pathlib import Path
from typing import Any

from infra.cli.exits import CommandError

# Of the shipped models of pickup time, acceptance and supply.
BEHAVIOUR_VERSION = 2


def keep(target: Path, artefact: bytes, card: str, *, check: bool) -> None:
    """Write `target`.faretide and `target`.json, or with `check` write nothing and fail unless both are there.

    Raises CommandError saying which of the two differs, and of a card the first place that does.
    """
    model, words = target.with_suffix(".faretide"), target.with_suffix(".json")
    try:
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            model.write_bytes(artefact)
            words.write_text(card, encoding="utf-8")
            return
        there, said = model.read_bytes(), json.loads(words.read_text(encoding="utf-8"))
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be {'read' if check else 'written'}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{words} is not JSON: {error}") from error
    if there != artefact:
        raise CommandError(
            f"{model} is not what training gives here: sha256 {hashlib.sha256(artefact).hexdigest()}, the file's is "
            f"{hashlib.sha256(there).hexdigest()}; train without --check to write it"
        )
    if place := _difference(said, json.loads(card)):
        raise CommandError(f"{model} is what training gives here, its card is not: {place}; train without --check")


def _difference(there: Any, made: Any, at: str = "") -> str:  # noqa: ANN401  JSON
    """The first place in which two JSON values differ, and how; empty if in none."""
    if isinstance(there, dict) and isinstance(made, dict):
        for name in sorted(there.keys() | made.keys()):
            if found := _difference(there.get(name), made.get(name), f"{at}.{name}" if at else name):
                return found
        return ""
    return "" if there == made else f"{at} is {_short(there)} in the file and {_short(made)} here"


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
