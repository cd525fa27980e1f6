"""`faretide bundle`: traffic in one file, to be sent to whoever is to look at it, or kept as a test."""

import asyncio
import secrets
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import say, say_json
from infra.cli.replay import AsJson, Cell, From, FromEvents, QuoteId, To, Yes, Zone
from infra.cli.written import writable_file
from infra.secret_files import BUNDLE_KEY, secret_of

EXAMPLES = (
    "faretide bundle create --quote 5f3a0c9d41e27b86a0d7c3f1e9b24c58 why.faretide",
    "faretide bundle create --from -20m --to -19m --zone 862a100d7ffffff --pseudonymise minute.faretide",
    "faretide bundle verify minute.faretide",
)
NewFile = Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; must not exist.")]
File = Annotated[Path, typer.Argument(metavar="FILE", help="A bundle.")]
Pseudonymise = Annotated[bool, typer.Option("--pseudonymise", help="Replace ids by a keyed hash.")]
PseudonymKey = Annotated[
    str,
    typer.Option(
        "--key", metavar="TEXT", help=f"Key of the hash; by default ${BUNDLE_KEY}, else a new one that is not kept."
    ),
]


def create_command(
    file: NewFile,
    start: From = "",
    end: To = "",
    zone: Zone = "",
    cell: Cell = "",
    quote: QuoteId = "",
    key: PseudonymKey = "",
    *,
    from_events: FromEvents = False,
    pseudonymise: Pseudonymise = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Write events, counts, schemas, models, policies, markets and the outputs made of them into one file.

    It holds all that a replay of the span, or of one quote, rests on, and appears whole or not at all.
    """
    from infra.cli.replaying.asking import Asked, captured
    from replay.archive import Archive, ArchiveError
    from replay.pseudonyms import pseudonymised

    if key and not pseudonymise:
        raise CommandError("--key is of the pseudonyms: say --pseudonymise, else ids stay as they are", ExitCode.USAGE)
    if file.exists():
        raise CommandError(f"{file} exists already: name another file, or remove it first", ExitCode.USAGE)
    writable_file(file)
    asked = Asked(start=start, end=end, zone=zone, cell=cell, quote=quote, from_events=from_events)
    try:
        with TemporaryDirectory(prefix="faretide-bundle-") as place:
            copied = Path(place) / "copied.faretide" if pseudonymise else file
            if not asyncio.run(captured(asked, copied, yes=yes or as_json, as_json=as_json)):
                say("nothing was done")
                return
            if pseudonymise:
                pseudonymised(Archive.opened(copied), file, _key_of(key or secret_of(BUNDLE_KEY)))
        about = Archive.opened(file).about
    except ArchiveError as error:
        raise CommandError(str(error)) from None
    records, size = sum(part.records for part in about.parts), file.stat().st_size
    if as_json:
        say_json({"file": str(file), "records": records, "bytes": size, "pseudonymised": about.pseudonymised})
        return
    say(f"{file}: {records:,} records, {size:,} bytes")
    if about.pseudonymised:
        say("ids are pseudonyms; coordinates remain as they were, and may tell who somebody is")
    else:
        say("ids of riders are in it as they are: --pseudonymise replaces them")


def verify_command(file: File, *, from_events: FromEvents = False, as_json: AsJson = False) -> None:
    """Make every output of a bundle again with the installed code, and compare to the byte."""
    from infra.cli.replaying.verdicts import verified

    verified(file, as_json=as_json, from_events=from_events)


def _key_of(text: str) -> bytes:
    """At most the 64 bytes that the hash takes."""
    from hashlib import blake2b

    return blake2b(text.encode()).digest() if text else secrets.token_bytes(32)
