"""The recorder on a real broker and a real PostgreSQL, both of which go away under load."""

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest

from agents.recorder_rows import RECORDED, TABLE_OF
from infra.clients.database import Database, open_database
from infra.embedded.postgres import EmbeddedPostgres
from infra.migrations.versions import migrate
from tests.broker import kafka
from tests.broker.recorder_load import prepared_load
from tests.broker.services import Workers, partitions, prepared

pytestmark = [pytest.mark.broker, pytest.mark.alone]

RECORDER = "recorder-0"
AWAY_S = 3.0
WAITS = "nothing can be recorded"
TABLES = sorted({table.name for table in TABLE_OF.values()})


@pytest.fixture
def postgres(open_dir):
    """A database server of this test's own, since it is killed."""
    with EmbeddedPostgres(open_dir / "recorder-postgres") as server:
        yield server


@pytest.fixture
async def database(postgres):
    """The server's database, with tables."""
    made = Database(url=postgres.dsn, keep_days=30)
    async with open_database(made) as connection:
        await migrate(connection)
    return made


@pytest.fixture
def workers(stack, database, tmp_path):
    """The processes of this test; none is left behind."""
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TZ"}}
    places = {
        "FARETIDE_BOOTSTRAP": stack.bootstrap,
        "FARETIDE_REGISTRY_URL": stack.registry_url,
        "FARETIDE_DATABASE_URL": database.url,
        "FARETIDE_STATE_DIR": str(tmp_path / "state"),
        "FARETIDE_LOG_FORMAT": "json",
    }
    made = Workers(kept | places, tmp_path)
    yield made
    made.kill_all()


async def test_after_kills_of_recorder_and_database_the_rows_are_the_records(stack, postgres, database, workers):
    """First the recorder, then PostgreSQL is killed under load: in the end every record is one row."""
    connection = await prepared(stack)
    workers.start(RECORDER)
    enough = asyncio.Event()
    async with prepared_load(connection) as load:
        loading = asyncio.create_task(load.run(enough))
        await more_recorded(workers, database)
        workers.kill([RECORDER])
        await more_recorded(workers, database)
        postgres.kill()
        written, down_s = load.written, time.monotonic()
        await kafka.until(lambda: WAITS in logged(workers), "the recorder says that it waits")
        await kafka.until(lambda: time.monotonic() > down_s + AWAY_S, "the database was away for seconds")
        assert load.written > written
        workers.check()
        postgres.start()
        await more_recorded(workers, database)
        enough.set()
        await loading
    wanted = await log_keys(stack.bootstrap)

    async def all_there():
        return await row_keys(database) == wanted

    await kafka.until(all_there, "the rows are the records")
    assert logged(workers).count(WAITS) == 1
    await workers.end([RECORDER])
    check_status(status(workers.environment), wanted)


def check_status(said, wanted):
    """`db status` counts what is there, and says that nothing is left to record."""
    assert (said["version"], said["pending"]) == (said["latest"], [])
    assert {table["table"]: table["rows"] for table in said["tables"]} == {t: len(keys) for t, keys in wanted.items()}
    assert {(p["topic"], p["partition"]) for p in said["topics"]} == {
        key[1:3] for keys in wanted.values() for key in keys
    }
    assert all(place["behind"] == 0 and place["last_recorded"] == place["end"] - 1 for place in said["topics"])


async def log_keys(bootstrap):
    """Place of every record of the recorded topics, by table, read from the broker."""
    counts = await partitions(bootstrap)
    keys = {table: [] for table in TABLES}
    for topic in RECORDED:
        records = await kafka.read_all(bootstrap, topic.name, counts[topic.name])
        places = [(record.timestamp // 86_400_000, topic.name, record.partition, record.offset) for record in records]
        keys[TABLE_OF[topic.name].name] += places
    return {table: sorted(some) for table, some in keys.items()}


async def row_keys(database):
    """Key of every row, by table; a row that is there twice is listed twice."""
    key = "day - '1970-01-01'::date, topic, partition, record_offset"
    async with open_database(database) as connection:
        found = {table: await connection.fetch(f"SELECT {key} FROM {table}") for table in TABLES}
    return {table: sorted(tuple(row) for row in rows) for table, rows in found.items()}


async def row_count(database):
    """Rows of the largest table."""
    async with open_database(database) as connection:
        return await connection.fetchval("SELECT count(*) FROM quotes")


async def more_recorded(workers, database):
    """Wait until there are more rows than now."""
    before = await row_count(database)

    async def there():
        workers.check()
        return await row_count(database) > before + 50

    await kafka.until(there, "more is recorded")


def logged(workers):
    """All lines of all recorders of this test."""
    return "".join(log.read_text() for log in sorted(workers.logs.glob(f"{RECORDER}-*.log")))


def status(environment):
    """What `faretide db status` says."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.cli", "db", "status", "--json"],
        capture_output=True,
        text=True,
        cwd=kafka.ROOT,
        env=environment,
        check=True,
        timeout=60,
    )
    return json.loads(done.stdout)
