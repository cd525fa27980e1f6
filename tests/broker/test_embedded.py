"""The embedded servers themselves: they serve, remember, never outlive us and listen to this machine only."""

import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.ownership import DataDirInUseError
from infra.embedded.postgres import EmbeddedPostgres
from infra.embedded.registry import EmbeddedRegistry

pytestmark = pytest.mark.broker

REPOSITORY = Path(__file__).parents[2]
CACHE = REPOSITORY / ".faretide" / "cache"
SCHEMA = {"type": "record", "name": "Ping", "fields": [{"name": "at_ms", "type": "long"}]}
BROKEN = {"type": "record", "name": "Ping", "fields": [{"name": "at_ms", "type": "string"}]}

STACK = """
import json, sys
from pathlib import Path
from infra.embedded.stack import EmbeddedStack

stack = EmbeddedStack(Path(sys.argv[1]), cache_dir=Path(sys.argv[2])).start()
print(json.dumps([stack.kafka.pid, stack.registry.pid, stack.postgres.pid, stack.database_url]), flush=True)
sys.stdin.read()
"""


async def create_topic(bootstrap, topic, partitions=2):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()


async def produce(bootstrap, topic, values):
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value)


async def consume(bootstrap, topic, count):
    """Return the first `count` values of `topic`, sorted, waiting at most half a minute."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        return sorted([(await asyncio.wait_for(consumer.getone(), 30)).value for _ in range(count)])


def ask_registry(url, method, path, body=None):
    """Return (status, decoded answer) of the registry at `url`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=20)
    try:
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        connection.request(method, parts.path + path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def register(url, subject, schema):
    return ask_registry(url, "POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})


async def test_records_come_back_in_order(stack):
    """What is produced to the embedded broker is consumed from it."""
    topic = f"embedded-{uuid.uuid4().hex}"
    await create_topic(stack.bootstrap, topic, partitions=1)
    values = [b"%03d" % number for number in range(100)]
    await produce(stack.bootstrap, topic, values)
    assert await consume(stack.bootstrap, topic, len(values)) == values


async def test_topics_are_not_made_by_a_typing_error(stack):
    """Sending to a topic nobody created fails instead of making one with a wrong number of partitions."""
    topic = f"no-such-{uuid.uuid4().hex}"
    async with AIOKafkaProducer(bootstrap_servers=stack.bootstrap, request_timeout_ms=1_000) as producer:
        with pytest.raises(KafkaError):
            await producer.send_and_wait(topic, b"x")
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.bootstrap)
    await admin.start()
    assert topic not in await admin.list_topics()
    await admin.close()


def test_registry_refuses_incompatible_schemas_from_the_start(stack):
    """The global rule is FULL_TRANSITIVE without anyone setting it, and it is applied."""
    assert ask_registry(stack.registry_url, "GET", "/config")[1]["compatibilityLevel"] == "FULL_TRANSITIVE"
    subject = f"embedded-{uuid.uuid4().hex}-value"
    assert register(stack.registry_url, subject, SCHEMA)[0] == 200
    assert register(stack.registry_url, subject, BROKEN)[0] == 409


async def test_database_wants_its_password(stack):
    """The address carries a password, and without it nobody becomes superuser."""
    connection = await asyncpg.connect(stack.database_url)
    assert await connection.fetchval("select 6 * 7") == 42
    await connection.close()
    parts = urlsplit(stack.database_url)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host=parts.hostname, port=parts.port, user=parts.username, password="guess", database="postgres"
        )


def test_everything_listens_on_this_machine_only(stack):
    """No port of the three servers, management included, is bound to an outside address."""
    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")
        for server in (stack.kafka, stack.registry, stack.postgres)
        for connection in psutil.Process(server.pid).net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_a_directory_in_use_is_refused_by_name(stack, open_dir):
    """A second broker on the same data is refused, naming the process that holds them."""
    with pytest.raises(DataDirInUseError, match=f"in use by process {os.getpid()}"):
        EmbeddedKafka(open_dir / "stack" / "kafka", CACHE).start()


async def test_broker_keeps_records_and_address(open_dir):
    """After a stop and after a crash the broker is back at its address with every acknowledged record."""
    data_dir = open_dir / "kept-kafka"
    with EmbeddedKafka(data_dir, CACHE) as first:
        bootstrap = first.bootstrap
        await create_topic(bootstrap, "kept")
        await produce(bootstrap, "kept", [b"1", b"2"])
    second = EmbeddedKafka(data_dir, CACHE).start()
    assert second.bootstrap == bootstrap
    await produce(bootstrap, "kept", [b"3"])
    second.kill()
    # The default session of a broker, 9 s, would keep it locked out for longer than this.
    with EmbeddedKafka(data_dir, CACHE).start(timeout_s=60) as third:
        assert third.bootstrap == bootstrap
        assert await consume(bootstrap, "kept", 3) == [b"1", b"2", b"3"]


def test_registry_keeps_schemas_ids_and_address(open_dir):
    """After a stop and after a crash every schema has the id it had."""
    data_dir = open_dir / "kept-registry"
    with EmbeddedRegistry(data_dir, CACHE) as first:
        url = first.url
        ids = [
            register(url, f"kept-{number}-value", SCHEMA | {"name": f"Ping{number}"})[1]["id"] for number in range(3)
        ]
    assert len(set(ids)) == 3
    second = EmbeddedRegistry(data_dir, CACHE).start()
    assert [ask_registry(url, "GET", f"/subjects/kept-{n}-value/versions/1")[1]["id"] for n in range(3)] == ids
    second.kill()
    with EmbeddedRegistry(data_dir, CACHE) as third:
        assert third.url == url
        assert json.loads(ask_registry(url, "GET", f"/schemas/ids/{ids[1]}")[1]["schema"])["name"] == "Ping1"


async def test_database_keeps_rows_after_a_crash(open_dir):
    """A committed row survives kill -9 of the server, whose leftovers do not hinder the next start."""
    first = EmbeddedPostgres(open_dir / "kept-postgres").start()
    connection = await asyncpg.connect(first.dsn)
    await connection.execute("create table kept as select 42 as answer")
    first.kill()
    connection.terminate()
    with EmbeddedPostgres(open_dir / "kept-postgres") as second:
        assert second.dsn == first.dsn
        connection = await asyncpg.connect(second.dsn)
        assert await connection.fetchval("select answer from kept") == 42
        await connection.close()


def test_kill_9_of_the_owner_leaves_no_server(open_dir):
    """Kill -9 of a process with a full stack ends Java and PostgreSQL to the last child, and the next start works."""
    line = [sys.executable, "-c", STACK, str(open_dir / "killed"), str(CACHE)]
    owner = subprocess.Popen(line, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        *pids, dsn = json.loads(owner.stdout.readline())
        family = [psutil.Process(pid) for pid in pids]
        family += [child for server in family for child in server.children(recursive=True)]
        assert len(family) > 6  # the database is several processes
        assert any_runs(family)
        owner.kill()
        deadline_s = time.monotonic() + 20
        while any_runs(family) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        survivors = [process.name() for process in family if any_runs([process])]
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert survivors == []
    with EmbeddedPostgres(open_dir / "killed" / "postgres") as again:
        assert again.dsn == dsn


def any_runs(processes):
    """Whether any of `processes` still runs; a zombie that nobody has collected yet does not."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                return True
    return False
