"""Topics and schemas on real servers: made once, checked, never changed."""

import json

import pytest

from infra.clients.admin import Admin
from infra.clients.connection import Connection, kafka_producer
from infra.clients.endpoints import Endpoints
from infra.clients.errors import ClientError, SchemaIncompatibleError
from infra.clients.keeping import Keeping
from infra.clients.registry import Registry
from infra.settings import Settings
from topics.catalogue import DRIVER_PINGS, EVERY_TOPIC, QUOTES, SURGE, Topic
from topics.schemas import text_of

pytestmark = pytest.mark.broker

SETTINGS = Settings(driver_partitions=3, rider_partitions=2, zone_partitions=2)


@pytest.fixture
def connection(stack):
    """The servers of this session."""
    return Connection(endpoints=Endpoints(bootstrap=stack.bootstrap, registry_url=stack.registry_url))


def renamed(topic: Topic, name: str) -> Topic:
    """A topic like `topic` under a name that no other test uses."""
    return Topic(
        name=name,
        key=topic.key,
        record=topic.record,
        group=topic.group,
        retention_ms=topic.retention_ms,
        writer=topic.writer,
        readers=topic.readers,
        about=topic.about,
    )


async def test_topics_are_created_once_as_the_catalogue_says(connection):
    """The first call makes what is missing, the second nothing, and a check finds no fault."""
    topics = [renamed(topic, f"made-{topic.name}") for topic in EVERY_TOPIC]
    async with Admin(connection, SETTINGS) as admin:
        assert await admin.create_missing(topics) == topics
        assert await admin.create_missing(topics) == []
        states = await admin.states(topics)
    assert [fault for state in states for fault in state.faults] == []
    by_name = {state.topic.name: state for state in states}
    assert by_name[f"made-{DRIVER_PINGS.name}"].partitions == 3
    assert by_name[f"made-{SURGE.name}"].partitions == 2
    assert {state.records for state in states} == {0}


async def test_other_partition_counts_are_reported_and_left(connection):
    """A setting changed after creation is a fault with both numbers; the topic keeps its own."""
    topic = renamed(DRIVER_PINGS, "other-count.v1")
    async with Admin(connection, SETTINGS) as admin:
        await admin.create_missing([topic])
    async with Admin(connection, Settings(driver_partitions=5)) as admin:
        assert await admin.create_missing([topic]) == []
        (state,) = await admin.states([topic])
    assert state.partitions == 3
    assert state.faults[0].startswith("other-count.v1 must have 5 partitions, got 3")


async def test_brokers_tell_how_they_keep_topics_and_how_large_these_are(connection):
    """The settings that stand there, not those of the catalogue; bytes of the partition that holds some."""
    topic = renamed(SURGE, "kept.v1")
    async with Admin(connection, Settings(zone_partitions=2, topic_megabytes=3)) as admin:
        await admin.create_missing([topic])
        async with kafka_producer(connection.kafka()) as producer:
            await producer.send_and_wait(topic.name, b"123456789", partition=1)
        keeping = (await admin.keeping({topic.name: [0, 1]}))[topic.name]
        absent = (await admin.keeping({"absent.v1": [0]}))["absent.v1"]
    assert (keeping.retention_ms, keeping.retention_bytes) == (SURGE.retention_ms, 1_500_000)
    assert keeping.sizes[0] == 0 < keeping.sizes[1] < 1_000
    assert absent == Keeping()


async def test_a_missing_topic_is_a_fault_and_asking_does_not_create_it(connection):
    """Describing creates nothing, twice."""
    topic = renamed(QUOTES, "never-made.v1")
    async with Admin(connection, SETTINGS) as admin:
        for _ in range(2):
            (state,) = await admin.states([topic])
            assert state.faults == ("never-made.v1 does not exist: create it with `faretide topics create`",)


async def test_a_topic_the_broker_refuses_is_named(connection):
    """More copies than brokers: the broker's reason reaches the person."""
    async with Admin(connection, Settings(replication_factor=3)) as admin:
        with pytest.raises(ClientError, match=r"refused to create too-many\.v1: .*replication factor"):
            await admin.create_missing([renamed(QUOTES, "too-many.v1")])


async def test_all_schemas_register_and_check_clean(connection):
    """Registered twice they have the same ids; ids lead back to the same text."""
    async with Registry(connection) as registry:
        ids = await registry.register_all()
        assert await registry.register_all() == ids
        assert await registry.ids_of(EVERY_TOPIC) == ids
        assert [fault for state in await registry.states() for fault in state.faults] == []
        assert json.loads(await registry.schema(ids[QUOTES.name])) == json.loads(text_of(QUOTES))
        assert await registry.schema(max(ids.values()) + 1_000) is None


async def test_a_breaking_change_is_refused_in_a_sentence(connection, monkeypatch):
    """The real registry refuses a field that turns from double to string; subject and field are named."""
    topic = renamed(QUOTES, "broken.v1")
    schema = json.loads(text_of(DRIVER_PINGS))
    texts = [json.dumps(schema)]
    next(field for field in schema["fields"] if field["name"] == "lat")["type"] = "string"
    texts.append(json.dumps(schema))
    async with Registry(connection) as registry:
        monkeypatch.setattr("infra.clients.registry.text_of", lambda _topic: texts[0])
        await registry.register(topic)
        monkeypatch.setattr("infra.clients.registry.text_of", lambda _topic: texts[1])
        with pytest.raises(SchemaIncompatibleError, match=r"broken\.v1-value .*STRING.*/fields/2/type.*default"):
            await registry.register(topic)
        (state,) = await registry.states([topic])
    assert state.faults == ("broken.v1-value must have this version's schema, the registry has another version",)
