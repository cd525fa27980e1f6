"""The recorder's database: whether it answers and is of this version."""

from collections.abc import Sequence

from infra.cli.doctoring.findings import Patient, Told, fail, ok, warn
from infra.clients.database import find_database, open_database
from infra.clients.errors import ClientError, NothingRunsError
from infra.migrations.versions import known_migrations, pending, version_of


async def check_database(patient: Patient) -> Sequence[Told]:
    """Reachable, and neither older nor newer than this program."""
    try:
        database = find_database(patient.settings)
    except NothingRunsError:
        raise
    except ClientError as error:
        return [warn(f"nothing is recorded: {error}")]
    known = known_migrations()
    async with open_database(database) as connection:
        version = await version_of(connection)
    missing = pending(version, known)
    if missing:
        return [fail(f"the database at {database.place} lacks {len(missing)} migrations: run `faretide db migrate`")]
    return [ok(f"the database at {database.place} answers and is of version {version}")]
