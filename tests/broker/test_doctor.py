"""What `faretide doctor` finds in installations that are well, and in broken ones."""

import time

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic

from infra.cli.doctor import findings_of
from infra.cli.doctoring.findings import Disk, Finding, Level, Patient
from infra.clients.connection import connect, kafka_admin
from infra.clients.database import Database, open_database
from infra.clients.registry import Registry
from infra.embedded.ports import free_port
from infra.embedded.stack import EmbeddedStack
from infra.migrations.versions import migrate
from infra.settings import Settings
from tests.broker import kafka
from tests.broker.conftest import CACHE
from tests.broker.services import prepared
from topics.catalogue import DRIVER_PINGS, SURGE
from topics.wire import Event, headers

pytestmark = pytest.mark.broker

ROOM = Disk(total=100 * 2**30, free=50 * 2**30)


async def found(stack, **changed):
    """Findings by check for the servers of `stack`, with settings and disk as given."""
    disk = changed.pop("disk", ROOM)
    known = {"bootstrap": stack.bootstrap, "registry_url": stack.registry_url, "database_url": stack.database_url}
    settings = Settings(**(known | changed))
    patient = Patient(settings=settings, connect=lambda: connect(settings), disk=lambda _place: disk)
    by_check: dict[str, list[Finding]] = {}
    for finding in await findings_of(patient):
        by_check.setdefault(finding.check, []).append(finding)
    return by_check


def levels(findings):
    """Levels by check, the worst of each."""
    order = [Level.OK, Level.SKIP, Level.WARN, Level.FAIL]
    return {check: max((f.level for f in some), key=order.index) for check, some in findings.items()}


def said(findings, check):
    """All sentences of one check."""
    return "\n".join(finding.said for finding in findings[check])


@pytest.fixture(scope="module")
def doctor_stack(open_dir):
    """Servers of their own, since these tests break them."""
    with EmbeddedStack(open_dir / "doctor-stack", cache_dir=CACHE) as servers:
        yield servers


@pytest.fixture
async def well(doctor_stack):
    """Servers with schemas, topics and tables, as after a first start."""
    await prepared(doctor_stack)
    async with open_database(Database(url=doctor_stack.database_url, keep_days=30)) as database:
        await migrate(database)
    return doctor_stack


async def test_an_installation_that_is_well_has_no_failure(well):
    """Every part is looked at; what needs running workers and producers is said to be missing, not broken."""
    findings = await found(well)
    assert levels(findings) == {
        "brokers": Level.OK,
        "registry": Level.OK,
        "database": Level.OK,
        "topics": Level.OK,
        "append time": Level.OK,
        "clock": Level.SKIP,
        "producers": Level.SKIP,
        "groups": Level.WARN,
        "disk": Level.OK,
        "embedded": Level.OK,
    }


async def test_a_broker_that_is_down_is_one_failure(well):
    """What needs it is skipped; registry, database and disk are looked at all the same, in the time of one check."""
    began_s = time.monotonic()
    findings = await found(well, bootstrap=f"127.0.0.1:{free_port()}")
    assert time.monotonic() - began_s < 20.0
    assert "do not answer while connecting" in said(findings, "brokers")
    assert "check FARETIDE_BOOTSTRAP" in said(findings, "brokers")
    failed = {check for check, level in levels(findings).items() if level is Level.FAIL}
    skipped = {check for check, level in levels(findings).items() if level is Level.SKIP}
    assert (failed, skipped) == ({"brokers"}, {"topics", "append time", "clock", "producers", "groups"})


async def test_a_registry_that_is_down_is_one_failure(well):
    """By the setting that names it."""
    findings = await found(well, registry_url=f"http://127.0.0.1:{free_port()}")
    assert "check FARETIDE_REGISTRY_URL" in said(findings, "registry")
    assert {check for check, level in levels(findings).items() if level is Level.FAIL} == {"registry"}


async def test_topics_that_differ_are_named(well):
    """A wrong partition count, more copies than brokers, a topic that is missing."""
    findings = await found(well, zone_partitions=7, replication_factor=3)
    assert f"{SURGE.name} must have 7 partitions, got 4" in said(findings, "topics")
    assert "3 copies need as many brokers, got 1" in said(findings, "brokers")
    client = kafka_admin(connect(Settings(bootstrap=well.bootstrap, registry_url=well.registry_url)).kafka())
    await client.start()
    try:
        await client.delete_topics([DRIVER_PINGS.name])
        await kafka.until(lambda: _gone(client, DRIVER_PINGS.name), "the topic is gone")
        findings = await found(well)
        assert f"{DRIVER_PINGS.name} does not exist: create it" in said(findings, "topics")
        create = NewTopic(DRIVER_PINGS.name, 4, 1, topic_configs={"message.timestamp.type": "CreateTime"})
        await client.create_topics([create])
        await kafka.until(lambda: _there(client, DRIVER_PINGS.name), "the topic is there")
        findings = await found(well)
        assert "must have message.timestamp.type=LogAppendTime, got CreateTime" in said(findings, "append time")
        await client.delete_topics([DRIVER_PINGS.name])
        await kafka.until(lambda: _gone(client, DRIVER_PINGS.name), "the topic is gone")
    finally:
        await client.close()


async def _gone(client, name):
    return name not in await client.list_topics()


async def _there(client, name):
    return name in await client.list_topics()


async def test_an_incompatible_schema_is_named(well):
    """A subject whose versions this version's schema cannot live beside: nothing is registered to find out."""
    connection = connect(Settings(bootstrap=well.bootstrap, registry_url=well.registry_url))
    async with Registry(connection) as registry:
        await registry._client.delete(f"{registry.url}/subjects/{SURGE.subject}")
        other = '{"type": "record", "name": "Other", "fields": [{"name": "x", "type": "int"}]}'
        await registry._ask("POST", f"/subjects/{SURGE.subject}/versions", {"schema": other})
        findings = await found(well)
        await registry._client.delete(f"{registry.url}/subjects/{SURGE.subject}")
    assert f"the schema of {SURGE.subject} does not go with its earlier versions" in said(findings, "registry")
    assert "make a new version of the topic" in said(findings, "registry")


async def test_a_database_that_is_away_newer_or_older_is_named(well):
    """Each with its own way out."""
    findings = await found(well, database_url=f"postgresql://me:pw@127.0.0.1:{free_port()}/rides")
    assert "check FARETIDE_DATABASE_URL" in said(findings, "database")
    assert "pw" not in said(findings, "database")
    async with open_database(Database(url=well.database_url, keep_days=30)) as database:
        applied = await database.fetch("SELECT version, name FROM schema_version")
        await database.execute("INSERT INTO schema_version (version, name) VALUES (999, 'later')")
        assert "use the Faretide that migrated it" in said(await found(well), "database")
        await database.execute("DELETE FROM schema_version")
        assert "run `faretide db migrate`" in said(await found(well), "database")
        await database.executemany("INSERT INTO schema_version (version, name) VALUES ($1, $2)", applied)


@pytest.mark.parametrize(("free_gib", "level"), [(0.5, Level.FAIL), (3, Level.WARN), (50, Level.OK)])
async def test_a_disk_that_is_nearly_full_is_told_before_the_broker_stops(well, free_gib, level):
    """The disk is an argument here."""
    findings = await found(well, disk=Disk(total=100 * 2**30, free=int(free_gib * 2**30)))
    assert findings["disk"][0].level is level


async def test_producers_with_wrong_clocks_and_partitioners_are_named(well):
    """By what their records say: an event that happens after it arrived, and keys placed by two rules."""
    ahead_ms = int(time.time() * 1000) + 60_000
    async with AIOKafkaProducer(bootstrap_servers=well.bootstrap) as producer:
        for number in range(40):
            key = f"driver-{number}".encode()
            for client, placed in (("fleet-a", _murmur2(key)), ("fleet-b", _crc32(key))):
                event = headers(Event(f"{client}-{number}", client, "DriverPinged", ahead_ms))
                await producer.send_and_wait(DRIVER_PINGS.name, b"x", key=key, partition=placed, headers=event)
    findings = said(await found(well), "producers")
    assert "the clock of fleet-a is" in findings
    assert "crc32 (fleet-b)" in findings


def _murmur2(key):
    from topics.partitioners import Partitioner, partition_of

    return partition_of(Partitioner.MURMUR2, key, 4)


def _crc32(key):
    from topics.partitioners import Partitioner, partition_of

    return partition_of(Partitioner.CRC32, key, 4)
