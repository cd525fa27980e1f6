"""`faretide db`: bring the recorder's database to this version, and tell what it holds."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.exits import CommandError, ExitCode
from infra.cli.output import complain, say, say_json, say_table

if TYPE_CHECKING:
    from infra.clients.database import Database
    from infra.migrations.contents import PartitionContents, TableContents
    from infra.migrations.versions import Migration
    from infra.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="The result as one JSON document.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Everything `status` tells; `ends` is the end of each (topic, partition), empty if no broker answers."""

    version: int
    latest: int
    missing: "tuple[Migration, ...]"
    keep_days: int
    tables: "list[TableContents]"
    partitions: "list[PartitionContents]"
    ends: dict[tuple[str, int], int]


def migrate_command(*, as_json: AsJson = False) -> None:
    """Bring the database to the version of this program. Does nothing if it is there; may run any number of times."""
    version, applied = asyncio.run(_migrate())
    if as_json:
        say_json({"version": version, "applied": [migration.name for migration in applied]})
    elif applied:
        say(f"applied {', '.join(migration.name for migration in applied)}: the database is of version {version}")
    else:
        say(f"nothing to do: the database is of version {version}")


def status_command(*, as_json: AsJson = False) -> None:
    """Show the version, the tables with their rows and days, and how far each topic is recorded.

    Counts every row, which takes a while in a large database.
    """
    status = asyncio.run(_status())
    if as_json:
        say_json(_as_object(status))
    else:
        _show(status)


ERASE_EXAMPLES = ("faretide db erase --rider rider-7", "faretide db erase --driver driver-12 --json")


def erase_command(
    rider: Annotated[str, typer.Option(metavar="ID", help="Delete this rider's rows.")] = "",
    driver: Annotated[str, typer.Option(metavar="ID", help="Take this driver's name out of ride events.")] = "",
    *,
    as_json: AsJson = False,
) -> None:
    """Remove one person from the database, in every table at once or in none.

    Topics forget by themselves, ride events and quotes after seven days, dead letters after thirty. A recorder that
    starts again may read the last records before its commit once more: erase again when the topics have forgotten.
    """
    if bool(rider) == bool(driver):
        raise CommandError("name one person: either --rider ID or --driver ID", ExitCode.USAGE)
    touched = asyncio.run(_erase(rider, driver))
    if as_json:
        say_json(touched)
    else:
        say(", ".join(f"{table} {rows}" for table, rows in touched.items()) + " rows")


async def _erase(rider: str, driver: str) -> dict[str, int]:
    from infra.clients.database import database_errors, open_database
    from infra.migrations.erasure import erase

    _, database = _open()
    async with open_database(database, answer_within_s=None) as connection:
        with database_errors(database, "erasing"):
            return await (erase(connection, "rider", rider) if rider else erase(connection, "driver", driver))


async def _migrate() -> "tuple[int, list[Migration]]":
    from infra.clients.database import open_database
    from infra.migrations.versions import migrate, version_of

    _, database = _open()
    async with open_database(database, answer_within_s=None) as connection:
        applied = await migrate(connection)
        return await version_of(connection), applied


async def _status() -> Status:
    from infra.clients.database import open_database
    from infra.migrations.contents import contents
    from infra.migrations.versions import known_migrations, pending, version_of

    settings, database = _open()
    known = known_migrations()
    async with open_database(database, answer_within_s=None) as connection:
        version = await version_of(connection)
        missing = pending(version, known)
        tables, partitions = await contents(connection) if version else ([], [])
    return Status(
        version=version,
        latest=len(known),
        missing=missing,
        keep_days=database.keep_days,
        tables=tables,
        partitions=partitions,
        ends=await _ends(settings),
    )


def _open() -> "tuple[Settings, Database]":
    """The settings and the database they lead to; brokers need not be there.

    Raises SettingsInvalidError, NothingRunsError, ClientError.
    """
    from infra.clients.database import find_database
    from infra.logging import configure
    from infra.settings import read_settings

    settings = read_settings()
    configure("db", settings.log_format, settings.log_level, pseudonym_key=settings.log_key.get_secret_value())
    return settings, find_database(settings)


async def _ends(settings: "Settings") -> dict[tuple[str, int], int]:
    """End of every partition that is recorded; empty, with a sentence, if the brokers do not say."""
    from agents.recorder_rows import RECORDED
    from infra.clients.connection import connect
    from infra.clients.consumer import open_consumer, places_of
    from infra.clients.errors import ClientError
    from infra.clients.kafka_errors import kafka_errors

    try:
        connection = connect(settings, client_id="faretide-db")
        async with open_consumer(connection) as consumer:
            with kafka_errors(connection.endpoints.bootstrap, "reading the ends of topics"):
                places = [place for some in (await places_of(consumer, RECORDED)).values() for place in some]
                ends = await consumer.end_offsets(places)
    except ClientError as error:
        complain(f"how far the topics go is not known: {error}")
        return {}
    return {(place.topic, place.partition): end for place, end in ends.items()}


def _places(status: Status) -> list[dict[str, Any]]:
    """Each partition with rows or records: what is recorded of it beside its end."""
    kept = {(part.topic, part.partition): part for part in status.partitions}
    found = []
    for topic, partition in sorted({*kept, *(place for place, end in status.ends.items() if end)}):
        part, end = kept.get((topic, partition)), status.ends.get((topic, partition))
        last = part.last_offset if part else -1
        found.append(
            {
                "topic": topic,
                "partition": partition,
                "rows": part.rows if part else 0,
                "last_recorded": last,
                "end": end,
                "behind": None if end is None else max(end - 1 - last, 0),
            }
        )
    return found


def _as_object(status: Status) -> dict[str, Any]:
    return {
        "version": status.version,
        "latest": status.latest,
        "pending": [migration.name for migration in status.missing],
        "keep_days": status.keep_days,
        "tables": status.tables,
        "topics": _places(status),
    }


def _show(status: Status) -> None:
    say(f"version {status.version} of {status.latest}, records are kept for {status.keep_days} days")
    if status.missing:
        names = ", ".join(migration.name for migration in status.missing)
        complain(f"migrations to apply: {names}; run `faretide db migrate`")
    rows = [
        (table.table, f"{table.rows:,}", f"{table.bytes / 1e6:,.1f} MB", len(table.days), *_first_and_last(table))
        for table in status.tables
    ]
    say_table(("table", "rows", "on disk", "days", "first", "last"), rows)
    columns = ("topic", "partition", "rows", "last_recorded", "end", "behind")
    places = _places(status)
    say_table(columns, [["?" if place[name] is None else place[name] for name in columns] for place in places])


def _first_and_last(table: "TableContents") -> tuple[str, str]:
    return (str(table.days[0]), str(table.days[-1])) if table.days else ("-", "-")
