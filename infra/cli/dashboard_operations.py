"""What operators may do from the dashboard: look at a refused record, put records back, fetch a bundle.

The same rules as `faretide dlq redrive` and `faretide bundle`: dry run first, the workers' own checks, an
audit row before anything is published. Each opens what it needs and closes it; `lineage` itself writes nothing.
"""

import asyncio
import base64
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.cli.dead_letters.audit import Audit
from infra.cli.dead_letters.checking import Candidate, Checked, candidates_of
from infra.cli.dead_letters.files import line_of
from infra.cli.dead_letters.letters import letter_place, open_letters
from infra.cli.dead_letters.redriving import checked, redrive
from infra.cli.preparing import Refused
from infra.clients.connection import Connection
from infra.clients.database import find_database, open_database
from infra.clients.errors import ClientError
from infra.settings import Settings

MOST_LETTERS = 200
BUNDLE_WITHIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Operations:
    """What may be asked for by POST; every method takes the question's JSON object and who asks."""

    settings: Settings
    connection: Connection

    def by_name(self) -> Mapping[str, Any]:
        """The operations by the name under which the page asks for them."""
        return {"letter": self.letter, "redrive": self.redrive, "bundle": self.bundle}

    async def letter(self, asked: Mapping[str, Any], _who: str) -> dict[str, Any]:
        """One dead letter, its record as fields that may be edited and redriven. Raises ValueError, ClientError."""
        async with open_letters(self.connection) as box:
            found = await box.at([letter_place(str(asked.get("letter", "")))])
        if not found:
            raise ClientError(f"{asked.get('letter')} is no longer kept")
        return line_of(next(iter(found.values())))

    async def redrive(self, asked: Mapping[str, Any], who: str) -> dict[str, Any]:
        """Check the letters named, and put them back if `yes`; `edits` gives some of them other fields.

        Raises ValueError for a question that makes no sense, ClientError if nothing could be tried.
        """
        wanted = _letters(asked)
        async with open_letters(self.connection) as box:
            letters = await box.at([letter_place(name) for name in wanted])
        edits = asked.get("edits") or {}
        candidates = [_edited(one, edits) for one in candidates_of(list(letters.values()))]
        async with open_database(find_database(self.settings)) as database:
            audit = Audit(database)
            await audit.check_version()
            ids, ready, refused = await checked(self.connection, audit, candidates)
            told = _told(candidates, ready, refused, gone=len(wanted) - len(letters))
            if not asked.get("yes") or not ready:
                return told | {"redrive_id": "", "published": [], "failed": []}
            reason = str(asked.get("reason", ""))[:500]
            name, put = await redrive(self.connection, audit, ready, ids, author=who, reason=reason)
        published = [
            {"letter": "@".join(map(str, one.letter[:3])), "place": f"{one.partition}@{one.offset}"}
            for one in put
            if not one.trouble
        ]
        failed = [{"letter": "@".join(map(str, one.letter[:3])), "sentence": one.trouble} for one in put if one.trouble]
        return told | {"redrive_id": name, "published": published, "failed": failed}

    async def bundle(self, asked: Mapping[str, Any], _who: str) -> dict[str, Any]:
        """The bundle of one quote, as base64: made by the command in a process of its own. Raises ClientError."""
        quote = str(asked.get("quote", ""))
        if not quote or not quote.replace("-", "").isalnum():
            raise ValueError("quote must be the id of a quote")
        with TemporaryDirectory(prefix="faretide-dashboard-") as directory:
            path = Path(directory) / f"{secrets.token_hex(4)}.faretide"
            await _commanded("bundle", "create", "--quote", quote, "--yes", "--json", str(path))
            content = await asyncio.to_thread(path.read_bytes)
        return {"name": f"quote-{quote[:12]}.faretide", "base64": base64.b64encode(content).decode()}


def _letters(asked: Mapping[str, Any]) -> list[str]:
    wanted = asked.get("letters")
    if not isinstance(wanted, list) or not 1 <= len(wanted) <= MOST_LETTERS:
        raise ValueError(f"letters must be a list of 1 to {MOST_LETTERS} places such as driver-pings.v1.dlq@0@17")
    return list(dict.fromkeys(map(str, wanted)))


def _edited(one: Candidate, edits: Mapping[str, Any]) -> Candidate:
    values = edits.get(one.letter.place)
    if values is None:
        return one
    if not isinstance(values, dict):
        raise ValueError(  # noqa: TRY004  an answer to a person, not to a caller
            f"the edit of {one.letter.place} must be a JSON object of the record's fields"
        )
    return replace(one, values=values)


def _told(
    candidates: Sequence[Candidate], ready: Sequence[Checked], refused: Sequence[Refused], *, gone: int
) -> dict[str, Any]:
    places = {one.number: one.letter.place for one in candidates}
    return {
        "ready": [places[one.number] for one in ready],
        "edited": sum(one.edited for one in ready),
        "refused": [{"letter": places[one.line], **asdict(one)} for one in refused],
        "gone": gone,
    }


async def _commanded(*words: str) -> None:
    """Run a command of ours in its own process. Raises ClientError with what it said if it failed."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "infra.cli",
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, complaint = await asyncio.wait_for(running.communicate(), BUNDLE_WITHIN_S)
    except TimeoutError:
        raise ClientError(f"the bundle was not ready within {BUNDLE_WITHIN_S:.0f} s: ask for it by command") from None
    finally:
        if running.returncode is None:  # it took too long, or this server ends
            running.kill()
            await running.wait()
    if running.returncode:
        said = complaint.decode(errors="replace").strip().splitlines()
        raise ClientError(said[-1].removeprefix("faretide: ") if said else "the bundle could not be made")
