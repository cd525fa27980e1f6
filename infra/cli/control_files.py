"""Markets and policies as people write them: one JSON object with the fields of the record.

Points may be `[lat, lon]`; `about` is for people. Who, why and from when may stand in the file or on the command line.
"""

import getpass
import json
import re
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from infra.cli.exits import CommandError, ExitCode
from topics.catalogue import MARKETS, Topic

# Said anew with every version, or ordered apart from it, so a file to edit does not hold them.
_LEFT_OUT = ("policy_id", "effective_from_ms", "author", "reason", "freeze", "emergency_cap_hundredths")
_PAIR = re.compile(r"\[\s+(-?[\d.]+),\s+(-?[\d.]+)\s+\]")


def read_values(name: str) -> dict[str, Any]:
    """The object in the file, or on standard input if `name` is -.

    Raises CommandError if it cannot be read or is no JSON object.
    """
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
        values = json.loads(text)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}", ExitCode.USAGE) from None
    except ValueError as error:
        raise CommandError(f"{name} must be JSON: {error}", ExitCode.USAGE) from None
    if not isinstance(values, dict):
        raise CommandError(f"{name} must hold one JSON object, got {type(values).__name__}", ExitCode.USAGE)
    values.pop("about", None)
    return values


def record_of(topic: Topic, values: dict[str, Any]) -> Any:  # noqa: ANN401  the topic's record class
    """The record that the values make. Raises CommandError naming the first field that does not fit its type."""
    from infra.cli.preparing import Preparer
    from infra.cli.rows import Row

    shaped = _with_points(values) if topic is MARKETS else values
    ready, refused = Preparer(topic, 0, textual=False).prepare([Row(1, shaped)])
    if refused:
        raise CommandError(f"{topic.name.partition('.')[0]}: {refused[0].sentence}", ExitCode.USAGE)
    return ready[0].record


def text_of(record: Any, newest: int) -> str:  # noqa: ANN401  as above
    """The record as a file to edit and set, which says that it was made from the version at `newest`.

    Freeze and emergency cap are left out: an edit, or a way back to an old version, must not lift them by the way.
    """
    values = {name: value for name, value in asdict(record).items() if name not in _LEFT_OUT}
    values["based_on_offset"] = newest
    return _PAIR.sub(r"[\1, \2]", json.dumps(_with_pairs(values), indent=2, ensure_ascii=False))


def parse_instant(text: str, *, now_ms: int) -> int:
    """Epoch milliseconds of `now` or of an ISO 8601 instant with its offset.

    >>> parse_instant("1970-01-01T00:00:01Z", now_ms=5), parse_instant("now", now_ms=5)
    (1000, 5)
    """
    if text == "now":
        return now_ms
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandError(
            f"an instant must be now or such as 2026-11-24T06:00:00Z, with its offset, got {text!r}", ExitCode.USAGE
        )
    return round(at.timestamp() * 1000)


def login_name() -> str:
    """Who is at the keyboard; empty where the system does not know."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _with_points(values: Any) -> Any:  # noqa: ANN401  whatever JSON holds
    """The same with every pair below a `boundary` as a point."""
    if isinstance(values, list):
        return [_with_points(value) for value in values]
    if not isinstance(values, dict):
        return values
    return {
        name: [_point(pair) for pair in value]
        if name == "boundary" and isinstance(value, list)
        else _with_points(value)
        for name, value in values.items()
    }


def _point(pair: Any) -> Any:  # noqa: ANN401  as above
    return {"lat": pair[0], "lon": pair[1]} if isinstance(pair, list) and len(pair) == 2 else pair


def _with_pairs(values: Any) -> Any:  # noqa: ANN401  as above
    """The same with every point as a pair."""
    if isinstance(values, list):
        return [_with_pairs(value) for value in values]
    if not isinstance(values, dict):
        return values
    if values.keys() == {"lat", "lon"}:
        return [values["lat"], values["lon"]]
    return {name: _with_pairs(value) for name, value in values.items()}
