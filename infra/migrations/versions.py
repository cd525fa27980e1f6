"""The version of a database, and the steps from one to the next.

A step is a file `NNNN_name.sql`, numbered from 1 without gaps and never changed once released. It is applied in one
transaction with the row that says so, under a lock that lasts as long: any number of processes may migrate at once,
each step happens once, and one that fails leaves nothing behind.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent
LOCK = 0x0FA2_E71D
"""Advisory lock of everyone who changes tables."""

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_version (
    version integer PRIMARY KEY,
    name text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)"""


class DatabaseNewerError(ValueError):
    """The database was migrated by a newer version of this program."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: `sql` brings a database of version `version - 1` to `version`."""

    version: int
    name: str
    sql: str


def known_migrations(files: Path = FILES) -> tuple[Migration, ...]:
    """All steps in order. Raises ValueError unless they are numbered 1, 2, 3 and so on."""
    found = []
    for file in sorted(files.glob("*.sql")):
        number, _, name = file.stem.partition("_")
        found.append(Migration(int(number), name, file.read_text(encoding="utf-8")))
    numbers = [migration.version for migration in found]
    if numbers != [*range(1, len(found) + 1)]:
        raise ValueError(f"migrations must be numbered from 1 without gaps, got {numbers}")
    return tuple(found)


def pending(version: int, known: Sequence[Migration]) -> tuple[Migration, ...]:
    """The steps a database of `version` lacks.

    Raises DatabaseNewerError if it is beyond all that is known.

    >>> [step.name for step in pending(1, (Migration(1, "records", ""), Migration(2, "riders", "")))]
    ['riders']
    """
    if version > len(known):
        raise DatabaseNewerError(
            f"the database is of version {version}, this Faretide knows versions up to {len(known)}: "
            "use the Faretide that migrated it, or another database"
        )
    return tuple(known[version:])


async def version_of(connection: Any) -> int:  # noqa: ANN401  asyncpg ships no types
    """Version of the database, 0 if nothing was ever applied."""
    if await connection.fetchval("SELECT to_regclass('schema_version')") is None:
        return 0
    version: int = await connection.fetchval("SELECT coalesce(max(version), 0) FROM schema_version")
    return version


async def migrate(connection: Any, known: Sequence[Migration] | None = None) -> list[Migration]:  # noqa: ANN401  as above
    """Apply what is missing and return it; nothing if the database is current.

    Raises DatabaseNewerError before anything is changed.
    """
    steps = known_migrations() if known is None else known
    applied = []
    while (step := await _apply_next(connection, steps)) is not None:
        applied.append(step)
    return applied


async def _apply_next(connection: Any, known: Sequence[Migration]) -> Migration | None:  # noqa: ANN401  as above
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        missing = pending(await version_of(connection), known)
        if not missing:
            return None
        await connection.execute(_LEDGER)
        await connection.execute(missing[0].sql)
        await connection.execute(
            "INSERT INTO schema_version (version, name) VALUES ($1, $2)", missing[0].version, missing[0].name
        )
        return missing[0]
