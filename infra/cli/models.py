"""`faretide models`: what is announced on `models.v1`, a new version, and which version an alias means.

An alias means the version announced under it last. Giving it to an older version announces that version's very bytes
again, so the topic tells when which version was in use, and services swap between two ticks.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json, say_table

if TYPE_CHECKING:
    from infra.clients.connection import Connection
    from infra.clients.producer import Publisher
    from infra.clients.schema_ids import SchemaIds
    from topics.control import ModelAnnounced

AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]
Alias = Annotated[str, typer.Argument(metavar="ALIAS", help="What the version is for; prices come from the champion.")]

EXAMPLES = ("faretide models list", "faretide models alias demand@2 champion")
ANNOUNCE_EXAMPLES = (
    "faretide models announce models/demand-2.faretide --as demand@3",
    "faretide models announce mine.faretide --as demand@4 --alias challenger",
)
SHOW_EXAMPLES = ("faretide models show demand@2", "faretide models show eta@2 --json | jq .card.scored")
ALIAS_EXAMPLES = ("faretide models alias demand@2 champion",)


@dataclass(frozen=True, slots=True)
class Announced:
    """One announcement: where it stands in `models.v1`, and why it cannot be used, empty if it can."""

    offset: int
    record: "ModelAnnounced"
    problem: str

    @property
    def label(self) -> str:
        """Name and version, as ticks say it."""
        return f"{self.record.name}@{self.record.version}"


def list_command(*, as_json: AsJson = False) -> None:
    """List every announcement, oldest first; the last of an alias is what it means."""
    announced = asyncio.run(_all())
    newest = {(one.record.name, one.record.alias): one.offset for one in announced}
    rows = [_shown(one, in_use=newest[one.record.name, one.record.alias] == one.offset) for one in announced]
    if as_json:
        say_json(rows)
    else:
        columns = ("offset", "model", "alias", "in use", "bytes", "sha256", "problem")
        say_table(columns, [tuple(_word(row[column]) for column in columns) for row in rows])


def announce_command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An artefact; its card stands beside it as .json.")],
    label: Annotated[str, typer.Option("--as", metavar="NAME@VERSION", help="What ticks will call it.")],
    alias: Annotated[str, typer.Option(help="What it is for; prices come from the champion.")] = "champion",
    *,
    as_json: AsJson = False,
) -> None:
    """Announce a model to the services; a champion prices from the next tick on.

    The artefact is checked as the services will check it. A version is announced with one content only.
    """
    name, version = _parted(label)
    record = _record(file, name, version, alias)
    _said(asyncio.run(_append(record, known=None)), as_json=as_json)


def alias_command(
    label: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A version announced before.")],
    alias: Alias,
    *,
    as_json: AsJson = False,
) -> None:
    """Give an alias to a version announced before, such as the champion's to the one before the last."""
    name, version = _parted(label)
    _said(asyncio.run(_append(None, known=(name, version, alias))), as_json=as_json)


def _parted(label: str) -> tuple[str, int]:
    name, _, version = label.partition("@")
    if not name or not version.isdecimal() or int(version) < 1:
        raise CommandError(f"a model is named like demand@2, name and version, got {label!r}")
    return name, int(version)


def _record(file: Path, name: str, version: int, alias: str) -> "ModelAnnounced":
    from topics.control import ModelAnnounced

    card = file.with_suffix(".json")
    try:
        artefact, text = file.read_bytes(), card.read_text(encoding="utf-8") if card.exists() else "{}"
        json.loads(text)
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{card} is not JSON: {error}") from error
    record = ModelAnnounced(
        name=name,
        version=version,
        alias=alias,
        format=_format_of(name),
        sha256=hashlib.sha256(artefact).hexdigest(),
        artefact=artefact,
        card=text,
        announced_ms=time.time_ns() // 1_000_000,
    )
    problem = _problem(record)
    if problem:
        raise CommandError(f"{file} is not a model the services can use: {problem}")
    return record


def _format_of(name: str) -> str:
    """Format and version of artefacts of that name.

    Raises CommandError for a name that no service asks for.
    """
    from pricing.models.artefact import FORMAT
    from pricing.models.behaviour_models import KINDS
    from pricing.models.model_choice import DEMAND

    formats = {DEMAND: FORMAT} | {known: kind.format for known, kind in KINDS.items()}
    if name not in formats:
        raise CommandError(f"a model must be named one of {', '.join(formats)}, got {name!r}", ExitCode.USAGE)
    return formats[name]


def _problem(record: "ModelAnnounced") -> str:
    from pricing.models.artefact import BrokenModelError
    from pricing.models.behaviour_models import KINDS, small_model
    from pricing.models.demand_model import model_of

    try:
        small_model(record) if record.name in KINDS else model_of(record)
    except BrokenModelError as error:
        return str(error)
    return ""


def show_command(
    label: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="A version announced before.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Show a version: what it is used for, what it was fitted on and how good it was there, as its card says."""
    name, version = _parted(label)
    announced = asyncio.run(_all())
    found = [one for one in announced if (one.record.name, one.record.version) == (name, version)]
    if not found:
        raise CommandError(f"{label} was never announced; known: {_known(announced)}")
    newest = {(one.record.name, one.record.alias): one for one in announced}
    uses = sorted(alias for (_, alias), one in newest.items() if one.label == label)
    one = found[-1]
    shown = _shown(one, in_use=bool(uses)) | {"aliases": uses, "format": one.record.format}
    if as_json:
        say_json(shown | {"card": json.loads(one.record.card)})
        return
    say_table(("", label), [(key, _word(value)) for key, value in shown.items() if key not in {"model", "alias"}])
    say(json.dumps(json.loads(one.record.card), indent=1, sort_keys=True))


def _known(announced: list[Announced]) -> str:
    return ", ".join(sorted({one.label for one in announced})) or "none"


async def _all() -> list[Announced]:
    async with _session() as (connection, ids, _):
        return await _read(connection, ids)


async def _append(record: "ModelAnnounced | None", known: tuple[str, int, str] | None) -> Announced:
    """Announce the record, or what is known of a version under an alias.

    Raises CommandError if the version is not known, or is known with another content.
    """
    from topics.catalogue import MODELS

    async with _session() as (connection, ids, publisher):
        before = await _read(connection, ids)
        record = _again(before, *known) if known else record
        assert record is not None, "either a record or a known version is given"
        for one in before:
            if one.label == f"{record.name}@{record.version}" and one.record.sha256 != record.sha256:
                raise CommandError(f"{one.label} was announced with another content; give yours the next version")
        [written] = await publisher.written(MODELS, [await publisher.publish(MODELS, record)])
        return Announced(written.offset, record, "")


def _again(before: list[Announced], name: str, version: int, alias: str) -> "ModelAnnounced":
    found = [one for one in before if (one.record.name, one.record.version) == (name, version)]
    if not found:
        raise CommandError(f"{name}@{version} was never announced; known: {_known(before)}")
    if found[-1].problem:
        raise CommandError(f"{name}@{version} cannot be used: {found[-1].problem}")
    return replace(found[-1].record, alias=alias, announced_ms=time.time_ns() // 1_000_000)


@asynccontextmanager
async def _session() -> "AsyncIterator[tuple[Connection, SchemaIds, Publisher]]":
    from infra.cli.session import open_session
    from infra.clients.producer import Publisher
    from infra.clients.registry import Registry
    from infra.clients.schema_ids import SchemaIds
    from topics.catalogue import MODELS

    connection = open_session("models").connection
    async with Registry(connection) as registry:
        schema_ids = await registry.ids_of([MODELS])
        async with Publisher(connection, schema_ids, source="faretide/models", linger_ms=0) as publisher:
            yield connection, SchemaIds(registry), publisher


async def _read(connection: "Connection", ids: "SchemaIds") -> list[Announced]:
    from infra.clients.consumer import Edge, tail
    from topics.catalogue import MODELS

    async with aclosing(tail(connection, MODELS, ids, start=Edge.EARLIEST, follow=False)) as entries:
        return [
            Announced(entry.offset, entry.record, _problem(entry.record))
            async for entry in entries
            if entry.record is not None
        ]


def _shown(one: Announced, *, in_use: bool) -> dict[str, Any]:
    return {
        "offset": one.offset,
        "model": one.label,
        "alias": one.record.alias,
        "in use": in_use,
        "bytes": len(one.record.artefact),
        "sha256": one.record.sha256[:12],
        "announced_ms": one.record.announced_ms,
        "problem": one.problem,
    }


def _word(value: object) -> str:
    return ("yes" if value else "") if isinstance(value, bool) else f"{value}"


def _said(one: Announced, *, as_json: bool) -> None:
    if as_json:
        say_json(_shown(one, in_use=True))
    else:
        say(f"{one.label} is the {one.record.alias} as of offset {one.offset} of models.v1")
