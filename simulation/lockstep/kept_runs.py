"""Runs kept in a directory, one file each, so that a long table can be stopped, resumed and made by several processes.

A file is named by all that a run depends on but the code: people, drivers, scenario, policy and seed. Whoever changes
the code empties the directory.
"""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import orjson

from simulation.lockstep.outcome import Outcome

Played = Callable[[], Outcome]


def kept_or_played(directory: Path | None, name: str, played: Played) -> Outcome:
    """The outcome kept under that name, else the one played now, kept from here on; `directory` None keeps nothing.

    Raises ValueError if a file holds something else.
    """
    if directory is None:
        return played()
    file = directory / f"{name}.json"
    if file.exists():
        return _read(file)
    outcome = played()
    directory.mkdir(parents=True, exist_ok=True)
    written = file.with_suffix(".part")
    written.write_bytes(orjson.dumps(asdict(outcome)))
    written.replace(file)
    return outcome


def _read(file: Path) -> Outcome:
    try:
        return Outcome(**orjson.loads(file.read_bytes()))
    except (orjson.JSONDecodeError, TypeError) as error:
        sentence = f"{file} must hold the outcome of a run of this version ({error}); delete it to play it again"
        raise ValueError(sentence) from None
