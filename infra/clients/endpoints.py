"""Where the servers are: configured, or noted by the `faretide up` that runs on this machine.

`up` writes `<state dir>/endpoints.json` when its servers serve and removes it when it stops. The note names its writer
by process id and start time, so one left behind by a crash is recognised even if the id was given to another process.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from infra.clients.errors import NothingRunsError
from infra.process_identity import is_alive, own_identity
from infra.settings import Settings

NOTE_NAME = "endpoints.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Addresses of the servers. `database_url` holds a password and is therefore not printed.

    `metrics` are the base addresses at which the workers of `faretide up` show metrics and health, by instance id.
    """

    bootstrap: str
    registry_url: str
    database_url: str = field(default="", repr=False)
    metrics: Mapping[str, str] = field(default_factory=dict)


def find_endpoints(settings: Settings) -> Endpoints:
    """The servers to talk to: those of the settings, else those of the `faretide up` running on this machine.

    Raises NothingRunsError if neither is there.
    """
    database_url = settings.database_url.get_secret_value()
    if settings.bootstrap:
        return Endpoints(bootstrap=settings.bootstrap, registry_url=settings.registry_url, database_url=database_url)
    noted = _read_note(settings.state_dir / NOTE_NAME)
    return replace(noted, database_url=database_url or noted.database_url)


def write_endpoints(state_dir: Path, endpoints: Endpoints) -> Path:
    """Note for other processes on this machine that the calling process runs these servers; returns the file.

    Only the same user may read it. It appears whole or not at all.
    """
    me = own_identity()
    state_dir.mkdir(parents=True, exist_ok=True)
    file = state_dir / NOTE_NAME
    unfinished = file.with_name(f"{NOTE_NAME}.{me['pid']}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(asdict(endpoints) | me, out, indent=1)
    unfinished.replace(file)
    return file


def forget_endpoints(state_dir: Path) -> None:
    """Remove the note of the calling process; one written by another stays, and so does one that cannot be read."""
    file = state_dir / NOTE_NAME
    try:
        mine = json.loads(file.read_text())["pid"] == os.getpid()
    except (OSError, ValueError, KeyError, TypeError):
        return
    if mine:
        file.unlink(missing_ok=True)


def _read_note(file: Path) -> Endpoints:
    """The endpoints noted in `file`.

    Raises NothingRunsError if there is no note or its writer has ended.
    """
    advice = "start it with `faretide up`, or set FARETIDE_BOOTSTRAP and FARETIDE_REGISTRY_URL"
    try:
        note = json.loads(file.read_text())
        addresses = {name: note[name] for name in ("bootstrap", "registry_url", "database_url")}
        endpoints = Endpoints(**addresses, metrics=note.get("metrics", {}))  # a note of an older version has none
        alive = is_alive(int(note["pid"]), float(note["since_boot_s"]))
    except FileNotFoundError:
        raise NothingRunsError(f"nothing runs here ({file} does not exist): {advice}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NothingRunsError(f"the note {file} cannot be read ({error}): {advice}") from None
    if not alive:
        raise NothingRunsError(f"nothing runs here any more (process {note['pid']} of {file} has ended): {advice}")
    return endpoints
