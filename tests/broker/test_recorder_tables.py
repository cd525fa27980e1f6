"""The recorder's tables on a real PostgreSQL: rows in, questions of the page answered, old days dropped."""

import asyncio
import json
import os
import random
import re
import string
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import pytest

from agents.recorder_rows import NO_ZEROES, QUOTES_TABLE, TABLE_OF, TABLES, row_of
from agents.recorder_store import RecordStore
from infra.clients.database import Database, connect_database, open_database
from infra.clients.errors import AccessDeniedError, ClientError, UnreachableError
from infra.embedded.postgres import EmbeddedPostgres
from infra.migrations import partitions
from infra.migrations.erasure import STATEMENTS, erase, forms_of
from infra.migrations.partitions import Partition
from infra.migrations.versions import DatabaseNewerError, Migration, known_migrations, migrate, version_of
from lineage.kept import Kept
from tests.broker.recorder_load import HEADERS, RIDE_EVENTS_DLQ, completed, decision, quote, refused, tick
from tests.broker.services import now_ms
from topics.catalogue import BOOKING_DECISIONS, QUOTES, RIDE_EVENTS, SURGE

pytestmark = pytest.mark.broker

PAGE = Path(__file__).parents[2] / "docs" / "recorder.md"
QUESTIONS = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)
DAY_MS = 86_400_000
NEXT = Migration(len(known_migrations()) + 1, "later", "CREATE TABLE later (x integer)")


@pytest.fixture(scope="module")
def postgres(open_dir):
    """One server for all tests of this module."""
    with EmbeddedPostgres(open_dir / "tables-postgres") as server:
        yield server


@pytest.fixture
async def empty(postgres, request):
    """A database without tables: a schema of this test's own."""
    schema = f"test_{abs(hash(request.node.nodeid))}"
    whole = Database(url=postgres.dsn, keep_days=3)
    async with open_database(whole) as connection:
        await connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        await connection.execute(f"CREATE SCHEMA {schema}")
    return Database(url=f"{postgres.dsn}?search_path={schema}", keep_days=3)


@pytest.fixture
async def database(empty):
    """The same with tables."""
    async with open_database(empty) as connection:
        await migrate(connection)
    return empty


def at(offset, *, partition=1, appended_ms=None, value=b"raw"):
    """A record as a consumer gives it, appended now unless said otherwise."""
    return SimpleNamespace(
        partition=partition,
        offset=offset,
        timestamp=now_ms() if appended_ms is None else appended_ms,
        key=b"rider-7",
        value=value,
        headers=HEADERS,
    )


async def write(database, *rows):
    """Write (topic, row) pairs with a store of their own; what became of them."""
    store = RecordStore(database)
    await store.keep_house(now_ms())
    by_table = {table: [row for topic, row in rows if TABLE_OF[topic.name] is table] for table in TABLES}
    written = await store.write(by_table, now_ms())
    await store.keep_house(now_ms())  # what is too old is known since rows were read
    return written


async def ask(database, question, *arguments):
    """Rows of the answer, as tuples."""
    async with open_database(database) as connection:
        return [tuple(row) for row in await connection.fetch(question, *arguments)]


# ---- rows


async def test_the_questions_of_the_page_have_their_answers(database):
    """Every query in docs/recorder.md runs, and finds the rider's quote, its reasons, tick, booking and refusals."""
    said = [
        (QUOTES, quote(1, "rider-7"), 1),
        (QUOTES, quote(1, "rider-7", amount_minor=1), 2),
        (QUOTES, quote(2, "rider-8"), 3),
        (SURGE, tick(1), 1),
        (BOOKING_DECISIONS, decision(1, "rider-7"), 1),
        (RIDE_EVENTS, completed(1, "rider-7"), 1),
        (RIDE_EVENTS_DLQ, refused(1), 0),
    ]
    unreadable = row_of(RIDE_EVENTS, at(2), None, "no frame")
    rows = [(topic, row_of(topic, at(offset), record)) for topic, record, offset in said]
    await write(database, *rows, (RIDE_EVENTS, unreadable))
    quoted, reasons, ticks, highest, dead, unread = [await ask(database, question) for question in QUESTIONS]
    assert [row[1:] for row in quoted] == [("quote-rider-7-1", "PRICED", "standard", 1990, "USD", 130, "ACCEPTED")]
    assert reasons == [("rate-limit", "150", "130")]
    assert ticks == [(tick(1).now_ms, "demand/1", True, True, 1, 1)]
    assert [(zone, value) for zone, _, value in highest] == [(f"{tick(1).zone:x}", 170)]
    assert [row[:4] for row in dead] == [("ride-events.v1", "InvalidField", "quote-id-given", 1)]
    assert unread == [("ride-events.v1", 1, 2, "no frame", 3)]


async def test_a_row_that_is_there_stays_as_it_is(database):
    """Writing the same place again inserts nothing and changes nothing."""
    received = at(5)
    first, again = (row_of(QUOTES, received, quote(n, "rider-7")) for n in (1, 2))
    assert await write(database, (QUOTES, first)) == (1, 0, 0)
    assert await write(database, (QUOTES, again), (QUOTES, row_of(QUOTES, at(6), quote(3, "rider-7")))) == (1, 1, 0)
    assert await ask(database, "SELECT quote_id FROM quotes ORDER BY record_offset") == [
        ("quote-rider-7-1",),
        ("quote-rider-7-3",),
    ]


async def test_whatever_a_producer_says_is_a_row(database):
    """Ids of any length and texts with zero characters, which PostgreSQL cannot hold, stop nothing."""
    endless = "".join(random.Random(1).choices(string.printable, k=100_000))  # does not become short by compression
    long = row_of(RIDE_EVENTS, at(1), completed(1, endless))
    zero = row_of(RIDE_EVENTS, at(2, value=b"as it was"), completed(1, "r\x00"))
    assert await write(database, (RIDE_EVENTS, long), (RIDE_EVENTS, zero)) == (2, 0, 0)
    found = await ask(
        database, "SELECT length(rider_id), unreadable_value, unreadable_reason FROM ride_events ORDER BY record_offset"
    )
    assert found == [(100_000, None, None), (None, b"as it was", NO_ZEROES)]


async def test_columns_and_the_whole_record_agree(database):
    """Each column that is asked by holds what the record holds, in every table."""
    records = {
        QUOTES: quote(1, "rider-7"),
        SURGE: tick(1),
        BOOKING_DECISIONS: decision(1, "rider-7"),
        RIDE_EVENTS: completed(1, "rider-7"),
        RIDE_EVENTS_DLQ: refused(1),
    }
    await write(database, *[(topic, row_of(topic, at(1), record)) for topic, record in records.items()])
    async with open_database(database) as connection:
        for topic, record in records.items():
            table = TABLE_OF[topic.name]
            row = await connection.fetchrow(f"SELECT * FROM {table.name}")
            assert {name: row[name] for name in table.asked_by} == {
                name: take(record) for name, take in table.asked_by.items()
            }
            assert set(row.keys()) == set(table.columns)
            assert (row["day"], row["record_key"]) == (row["appended_at"].date(), b"rider-7")
        headers = await connection.fetchval("SELECT headers FROM quotes")
    assert headers == r'[{"name": "ce_id", "value": "q-1"}, {"name": "odd", "value": "\\xff\\x00"}]'


async def test_a_transaction_that_fails_leaves_nothing(database):
    """A row that does not fit undoes those before it; the next write works on a new connection."""
    good = row_of(QUOTES, at(1), quote(1, "rider-7"))
    broken = good._replace(values=(*good.values[:-2], None, "both a record and a reason"))
    store = RecordStore(database)
    with pytest.raises(ClientError, match="refused recording"):
        await store.write({QUOTES_TABLE: [good, broken]}, now_ms())
    assert await ask(database, "SELECT 1 FROM quotes") == []
    assert await store.write({QUOTES_TABLE: [good]}, now_ms()) == (1, 0, 0)


# ---- days


async def test_partitions_are_made_ahead_and_dropped_by_age(database):
    """Of three days kept, today and two ahead exist; what is older is dropped, and its records are passed over."""
    today = date.fromordinal(date(1970, 1, 1).toordinal() + now_ms() // DAY_MS)
    days = [today - timedelta(days=back) for back in range(5)]
    async with open_database(database) as connection:
        await partitions.make(connection, days)
    rows = [(QUOTES, row_of(QUOTES, at(n, appended_ms=now_ms() - n * DAY_MS), quote(n, "rider-7"))) for n in range(5)]
    assert await write(database, *rows) == (3, 0, 2)
    async with open_database(database) as connection:
        kept = {part.day for part in await partitions.existing(connection)}
    assert kept == {*days[:3], today + timedelta(days=1), today + timedelta(days=2)}


async def test_a_partition_somebody_reads_is_dropped_another_time(database, monkeypatch):
    """A reader delays the drop of a day, it does not stop the recorder."""
    monkeypatch.setattr(partitions, "DROP_WAITS_MS", 50)
    old = Partition("quotes", date(2026, 1, 1))
    async with open_database(database) as reader, open_database(database) as connection:
        await partitions.make(connection, [old.day])
        async with reader.transaction():
            await reader.fetch("SELECT 1 FROM quotes")
            assert old not in await partitions.drop_before(connection, date(2026, 1, 2))
        assert await partitions.drop_before(connection, date(2026, 1, 2)) == [old]


async def test_two_recorders_make_the_same_day_at_once(database):
    """Both go on, and the day exists once."""
    day = date(2026, 1, 1)
    async with open_database(database) as one, open_database(database) as other:
        made = await asyncio.gather(partitions.make(one, [day]), partitions.make(other, [day]))
        assert sorted(map(len, made)) == [0, len(partitions.TABLES)]


# ---- versions


async def test_migrating_twice_does_it_once(empty):
    """The second time there is nothing to do."""
    async with open_database(empty) as connection:
        assert await version_of(connection) == 0
        assert await migrate(connection) == [*known_migrations()]
        assert await migrate(connection) == []
        assert await version_of(connection) == len(known_migrations())


async def test_many_may_migrate_at_once(empty):
    """Each step is applied by one of them, and all end with the same version."""
    connections = [await connect_database(empty) for _ in range(4)]
    applied = await asyncio.gather(*(migrate(connection) for connection in connections))
    steps = sorted((step for steps in applied for step in steps), key=lambda step: step.version)
    assert steps == [*known_migrations()]
    assert {await version_of(connection) for connection in connections} == {len(known_migrations())}
    for connection in connections:
        await connection.close()


async def test_a_migration_that_fails_leaves_the_version_before(empty):
    """Its tables and its row are undone together; the steps before it stay."""
    broken = Migration(NEXT.version, "broken", f"{NEXT.sql}; SELECT 1 / 0")
    async with open_database(empty) as connection:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await migrate(connection, [*known_migrations(), broken])
        assert await version_of(connection) == NEXT.version - 1
        assert await connection.fetchval("SELECT to_regclass('later')") is None


async def test_a_newer_database_is_refused_untouched(database):
    """Neither a migration nor the recorder goes near it."""
    async with open_database(database) as connection:
        await migrate(connection, [*known_migrations(), NEXT])
        with pytest.raises(DatabaseNewerError, match=rf"is of version {NEXT.version}, .* up to {NEXT.version - 1}"):
            await migrate(connection)
    with pytest.raises(DatabaseNewerError):
        await RecordStore(database).keep_house(now_ms())


async def test_the_command_migrates_says_what_is_there_and_refuses_what_is_newer(empty, tmp_path):
    """Brokers need not be there; a newer version is one sentence and code 1."""
    steps = [step.name for step in known_migrations()]
    assert json.loads(faretide(empty, tmp_path, "migrate").stdout) == {"version": len(steps), "applied": steps}
    await write(empty, (QUOTES, row_of(QUOTES, at(4), quote(1, "rider-7"))))
    told = faretide(empty, tmp_path, "status")
    said = json.loads(told.stdout)
    assert {table["table"]: (table["rows"], len(table["days"])) for table in said["tables"]} == {
        table.name: (int(table is QUOTES_TABLE), 3) for table in TABLES
    }
    place = {"topic": QUOTES.name, "partition": 1, "rows": 1, "last_recorded": 4, "end": None, "behind": None}
    assert said["topics"] == [place]
    assert told.stderr.startswith("faretide: how far the topics go is not known: nothing runs here")
    async with open_database(empty) as connection:
        await migrate(connection, [*known_migrations(), NEXT])
    for command in ("migrate", "status"):
        refused_it = faretide(empty, tmp_path, command)
        assert (refused_it.returncode, refused_it.stdout, refused_it.stderr.count("\n")) == (1, "", 1)
        assert f"the database is of version {NEXT.version}" in refused_it.stderr


def faretide(database, state_dir, command):
    """`faretide db COMMAND --json` with this database and no broker."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FARETIDE_")}
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", "db", command, "--json"],
        capture_output=True,
        text=True,
        cwd=PAGE.parents[1],
        env=plain | {"FARETIDE_DATABASE_URL": database.url, "FARETIDE_STATE_DIR": str(state_dir)},
        check=False,
        timeout=60,
    )


async def test_a_database_without_tables_is_waited_for(empty):
    """The sentence names the command."""
    with pytest.raises(ClientError, match="run `faretide db migrate`"):
        await RecordStore(empty).keep_house(now_ms())


# ---- connecting


@pytest.mark.parametrize(
    ("harm", "error", "sentence"),
    [
        (lambda url: re.sub(r":\d+/", ":1/", url), UnreachableError, r"127\.0\.0\.1:1/postgres does not answer"),
        (lambda url: re.sub(r":[^:@/]+@", ":guess@", url), AccessDeniedError, "check FARETIDE_DATABASE_URL"),
        (lambda url: url.replace("/postgres", "/elsewhere"), ClientError, "create it first"),
        (lambda _url: "mysql://here", ClientError, "FARETIDE_DATABASE_URL must be postgresql://"),
    ],
    ids=["nobody listens", "wrong password", "no such database", "no address"],
)
async def test_a_database_that_cannot_be_reached_is_one_sentence(postgres, harm, error, sentence):
    """Each says what to do next, and none says the password."""
    with pytest.raises(error, match=sentence) as caught:
        await connect_database(Database(url=harm(postgres.dsn), keep_days=3))
    assert "guess" not in str(caught.value)


async def test_what_was_recorded_is_read_as_the_records_it_was(database):
    """By id, by place, and a tick by the day of its quote; nothing where there is none."""
    told, known = quote(1, "rider-7"), tick(1)
    rows = [(QUOTES, row_of(QUOTES, at(1), told)), (SURGE, row_of(SURGE, at(1), known))]
    await write(database, *rows)
    kept = Kept(database)
    assert (await kept.quote(told.quote_id)).record == told
    assert (await kept.quote_at(1, 1)).record == told
    assert (await kept.tick(1, 1, near_ms=now_ms())).record == known
    assert await kept.quote("quote-nobody") is None
    assert await kept.tick(1, 1, near_ms=now_ms() - 3 * DAY_MS) is None


async def test_an_id_that_json_escapes_is_erased(database):
    """Each way to write it is looked for in what cannot be read, and an id that no text can hold is no error."""
    identity = 'zoë"s \\ cab'
    ways = [json.dumps(identity), json.dumps(identity, ensure_ascii=False)]
    unreadable = [row_of(RIDE_EVENTS, at(n, value=way.encode()), None, "no frame") for n, way in enumerate(ways)]
    other = row_of(RIDE_EVENTS, at(9, value=b'"zoe"'), None, "no frame")
    await write(database, *[(RIDE_EVENTS, row) for row in (*unreadable, other)])
    async with open_database(database) as connection:
        assert (await erase(connection, "rider", identity))["ride_events"] == 2
        assert (await erase(connection, "rider", "with\x00zero"))["ride_events"] == 0


async def test_a_rider_is_found_without_reading_whole_tables(database):
    """By the index on riders and that of the rows that cannot be read; a table of months has neither else."""
    await write(database, (QUOTES, row_of(QUOTES, at(1), quote(1, "rider-7"))))
    async with open_database(database) as connection:
        await connection.execute("SET enable_seqscan = off")
        for table in ("quotes", "booking_decisions", "ride_events"):
            explained = await connection.fetch(f"EXPLAIN {STATEMENTS['rider'][table]}", *forms_of("rider-7"))
            plan = "\n".join(row[0] for row in explained)
            assert "Seq Scan" not in plan, plan
            assert f"{table}_" in plan, plan
            assert "rider_id_idx" in plan, plan


async def test_a_statement_may_take_as_long_as_it_takes_where_that_is_said(database):
    """An erasure on a large table is not cut, everything else is."""
    with pytest.raises(UnreachableError, match="does not answer while a statement"):
        async with open_database(database, answer_within_s=0.05) as connection:
            await connection.execute("SELECT pg_sleep(0.5)")
    async with open_database(database, answer_within_s=None) as connection:
        assert await connection.execute("SELECT pg_sleep(0.1)") == "SELECT 1"


async def test_a_person_is_erased_from_every_table(database):
    """A rider's rows go, a driver's name goes from the rides; nobody else's does, and redrives keep their audit."""
    async with open_database(database) as connection:
        await connection.execute(
            "INSERT INTO redrives (dlq_topic, dlq_partition, dlq_offset, refused_ms, round, redrive_id, author, "
            "reason, source_topic, source_partition, source_offset, error_class, rule, attempt, edited, "
            "record_key, value_after) "
            "SELECT 't.dlq', 0, n, 1, 0, 'r', 'ann', 'why', 't', 0, n, 'InvalidField', 'x', 0, false, key, key "
            "FROM unnest($1::bytea[]) WITH ORDINALITY AS given(key, n)",
            [b"rider-1", b"rider-2"],
        )
        for table in ("quotes", "booking_decisions", "ride_events"):
            await connection.execute(
                f"CREATE TABLE {table}_day PARTITION OF {table} DEFAULT",
            )
            more = ", driver_id" if table == "ride_events" else ""
            values = ", 'driver-' || n" if more else ""
            await connection.execute(
                f"INSERT INTO {table} "
                f"(day, topic, partition, record_offset, appended_at, headers, rider_id, record{more}) "
                f"SELECT '2026-01-01', 't', 0, n, now(), '{{}}', 'rider-' || n, '{{\"driver_id\": \"x\"}}'{values} "
                "FROM generate_series(1, 2) AS n"
            )
        await connection.execute(
            "INSERT INTO quotes (day, topic, partition, record_offset, appended_at, headers, record_key, "
            "unreadable_value, unreadable_reason) "
            "SELECT '2026-01-01', 't', 1, n, now(), '{}', key, key, 'it holds NUL' "
            "FROM unnest($1::bytea[]) WITH ORDINALITY AS given(key, n)",
            [b"rider-1", b"rider-10"],
        )
        touched = await erase(connection, "rider", "rider-1")
        assert touched == {"quotes": 2, "booking_decisions": 1, "ride_events": 1, "dead_letters": 0, "redrives": 1}
        assert (await erase(connection, "driver", "driver-2"))["ride_events"] == 1
        left = await connection.fetch("SELECT rider_id, driver_id, record FROM ride_events")
        assert [(row["rider_id"], row["driver_id"]) for row in left] == [("rider-2", None)]
        assert json.loads(left[0]["record"]) == {"driver_id": None}
        keys = await connection.fetch("SELECT record_key, author FROM redrives ORDER BY dlq_offset")
        assert [(row["record_key"], row["author"]) for row in keys] == [(None, "ann"), (b"rider-2", "ann")]
        with pytest.raises(ValueError, match="must be an id"):
            await erase(connection, "rider", "")
