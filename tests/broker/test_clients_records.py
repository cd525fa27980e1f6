"""Records over a real broker: ours to ours, ours to the official client, the official client's to ours."""

import asyncio
import json
import os
import subprocess
import sys
import uuid
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Consumer, Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from infra.clients.admin import Admin
from infra.clients.connection import Connection
from infra.clients.consumer import Edge, tail
from infra.clients.endpoints import Endpoints
from infra.clients.errors import ClientError, TopicMissingError, UnreadableError
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.clients.schema_ids import SchemaIds
from infra.settings import Settings
from topics import wire
from topics.catalogue import DRIVER_PINGS, QUOTE_REQUESTS, QUOTES, dead_letters_of
from topics.dead_letters import dead_letter
from topics.events import DriverPinged, DriverStatus, QuoteRequested
from topics.partitioners import Partitioner, partition_of
from topics.prices import QuoteAnswered, QuoteOutcome

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
NOW_MS = 1_790_000_000_000
PARTITIONS = 4


@pytest.fixture
async def connection(stack):
    """The servers of this session, with the catalogue's topics and schemas."""
    made = Connection(endpoints=Endpoints(bootstrap=stack.bootstrap, registry_url=stack.registry_url))
    async with Admin(made, Settings()) as admin, Registry(made) as registry:
        await admin.create_missing()
        await registry.register_all()
    return made


@asynccontextmanager
async def opened(connection, *topics):
    """A publisher for `topics` and the schemas of ids."""
    async with Registry(connection) as registry:
        ids = await registry.ids_of(topics)
        async with Publisher(connection, ids, source="tests") as publisher:
            yield publisher, SchemaIds(registry)


async def entries(connection, topic, ids, **options):
    """What stands in `topic` now."""
    async with aclosing(tail(connection, topic, ids, follow=False, **options)) as found:
        return [entry async for entry in found]


def request(**changes):
    """A new request of a new rider."""
    made = QuoteRequested(
        request_id=str(uuid.uuid4()),
        rider_id=f"rider-{uuid.uuid4()}",
        at_ms=NOW_MS,
        pickup_lat=40.758,
        pickup_lon=-73.9855,
        dropoff_lat=40.6413,
        dropoff_lon=-73.7781,
        product="standard",
        deadline_ms=NOW_MS + 10_000,
    )
    return replace(made, **changes)


def answer(to, **changes):
    """An answer to a request, refused unless `changes` say otherwise."""
    made = QuoteAnswered(
        quote_id=f"{to.request_id}-q",
        request_id=to.request_id,
        rider_id=to.rider_id,
        outcome=QuoteOutcome.REFUSED,
        refusal="no-market",
        at_ms=to.at_ms,
        now_ms=NOW_MS,
        product=to.product,
        request_offset=0,
    )
    return replace(made, **changes)


async def test_what_is_published_is_read_back_whole(connection):
    """Record, key, partition by murmur2, headers, append time; in order per partition."""
    driver = f"driver-{uuid.uuid4()}"
    pings = [
        DriverPinged(driver_id=driver, at_ms=NOW_MS + n, lat=1.5, lon=-2.5, status=DriverStatus.BUSY, products=["xl"])
        for n in range(50)
    ]
    async with opened(connection, DRIVER_PINGS) as (publisher, ids):
        trace = wire.Trace("1" * 32, "2" * 16, sampled=True)
        sent = [await publisher.publish(DRIVER_PINGS, ping, trace=trace) for ping in pings]
        written = await publisher.written(DRIVER_PINGS, sent)
        place = partition_of(Partitioner.MURMUR2, driver.encode(), PARTITIONS)
        found = await entries(connection, DRIVER_PINGS, ids, start=Edge.EARLIEST, partition=place)
    mine = [entry for entry in found if entry.key == driver.encode()]
    assert [entry.decoded() for entry in mine] == pings
    assert [entry.offset for entry in mine] == [each.offset for each in written]
    assert {each.partition for each in written} == {place}
    assert wire.event_of(mine[7].headers) == wire.Event(f"{driver}-{NOW_MS + 7}", "tests", "DriverPinged", NOW_MS + 7)
    assert wire.trace_of(mine[7].headers) == trace
    assert all(abs(entry.timestamp_ms - written[0].timestamp) < 60_000 for entry in mine)
    assert mine[0].timestamp_ms != pings[0].at_ms


async def test_reading_from_an_instant_starts_at_its_first_record(connection):
    """Append times divide a partition; an instant after the end leaves nothing."""
    ask = request()
    async with opened(connection, QUOTE_REQUESTS) as (publisher, ids):
        (first,) = await publisher.written(QUOTE_REQUESTS, [await publisher.publish(QUOTE_REQUESTS, ask)])
        while True:
            again = replace(ask, request_id=str(uuid.uuid4()))
            (later,) = await publisher.written(QUOTE_REQUESTS, [await publisher.publish(QUOTE_REQUESTS, again)])
            if later.timestamp > first.timestamp:
                break
        found = await entries(connection, QUOTE_REQUESTS, ids, start=later.timestamp, partition=first.partition)
        assert found[0].record == again
        assert await entries(connection, QUOTE_REQUESTS, ids, start=later.timestamp + 3_600_000) == []


async def test_undecodable_records_are_entries_with_a_reason(connection):
    """Neither an unknown id nor bytes without a frame end the reading."""
    key = str(uuid.uuid4()).encode()
    producer = AIOKafkaProducer(**connection.kafka())
    await producer.start()
    try:
        for value in (b"{}", wire.frame(999_999, b"x"), None):
            place = await producer.send_and_wait(QUOTES.name, value, key=key)
    finally:
        await producer.stop()
    async with opened(connection, QUOTES) as (_, ids):
        found = await entries(connection, QUOTES, ids, start=Edge.EARLIEST, partition=place.partition)
    mine = [entry for entry in found if entry.key == key]
    assert [entry.record for entry in mine] == [None, None, None]
    assert ["zero byte" in mine[0].problem, "999999" in mine[1].problem, "null" in mine[2].problem] == [True] * 3
    with pytest.raises(UnreadableError, match=rf"quotes\.v1\[{place.partition}\]@{mine[0].offset}: the value does not"):
        mine[0].decoded()


class Refused:
    """A record as a consumer gives it, and why it is refused."""

    partition, offset, timestamp, key, value, headers = 1, 2, 3, b"\x00rider", b"{}", (("h", b"\xff"), ("h", None))
    error_class, field, rule, sentence = "Undecodable", "", "confluent-frame", "no frame"


async def test_dead_letters_are_read_like_any_topic(connection):
    """The refused record is inside, byte for byte, under its original key."""
    topic = dead_letters_of(QUOTES)
    letter = dead_letter(Refused(), QUOTES, Refused(), service="tests", now_ms=NOW_MS)
    async with opened(connection, topic) as (publisher, ids):
        await publisher.written(topic, [await publisher.publish(topic, letter)])
        found = await entries(connection, topic, ids, start=Edge.EARLIEST)
    assert (found[-1].record, found[-1].key) == (letter, Refused.key)


async def test_reading_what_does_not_exist_is_a_sentence(connection):
    """A missing partition is named with those there are; a missing topic is not created by asking."""
    nowhere = replace(dead_letters_of(QUOTES), name="nowhere.v1.dlq")
    async with opened(connection) as (_, ids):
        with pytest.raises(ClientError, match=r"partition must be one of quotes\.v1's 0 to 3, got 9"):
            await entries(connection, QUOTES, ids, partition=9)
        for _ in range(2):
            with pytest.raises(TopicMissingError, match=r"no topic nowhere\.v1\.dlq"):
                await entries(connection, nowhere, ids)


async def test_the_official_client_writes_and_reads_a_quote_request(connection):
    """With default settings and none of our code it speaks our topic; our reader gets the same record, and it ours.

    By default it waits for the registry for ever, which once held up a whole run; with a timeout it asks again.
    """
    endpoints = connection.endpoints
    registry = SchemaRegistryClient({"url": endpoints.registry_url, "timeout": 10})
    schema = (ROOT / "avro" / "quote-requests.v1.avsc").read_text()
    at = SerializationContext(QUOTE_REQUESTS.name, MessageField.VALUE)
    theirs, ours = request(), request()

    producer = Producer({"bootstrap.servers": endpoints.bootstrap})
    value = AvroSerializer(registry, schema)(asdict(theirs), at)
    producer.produce(QUOTE_REQUESTS.name, key=theirs.rider_id, value=value)
    assert producer.flush(30) == 0

    async with opened(connection, QUOTE_REQUESTS) as (publisher, ids):
        await publisher.written(QUOTE_REQUESTS, [await publisher.publish(QUOTE_REQUESTS, ours)])
        found = await entries(connection, QUOTE_REQUESTS, ids, start=Edge.EARLIEST)
    assert theirs in [entry.record for entry in found]

    options = {"bootstrap.servers": endpoints.bootstrap, "group.id": str(uuid.uuid4()), "auto.offset.reset": "earliest"}
    consumer = Consumer(options)
    try:
        consumer.subscribe([QUOTE_REQUESTS.name])
        read = await asyncio.to_thread(
            poll_for, consumer, {theirs.request_id, ours.request_id}, AvroDeserializer(registry), at
        )
    finally:
        consumer.close()
    assert read == {theirs.request_id: asdict(theirs), ours.request_id: asdict(ours)}


def poll_for(consumer, wanted, deserialize, at):
    """Records of the official consumer by request id, until all wanted are there; it gives up after 60 empty polls."""
    read, empty = {}, 0
    while set(read) != wanted and empty < 60:
        message = consumer.poll(0.5)
        if message is None or message.error():
            empty += 1
            continue
        record = deserialize(message.value(), at) if message.value()[:1] == b"\x00" else {"request_id": None}
        if record["request_id"] in wanted:
            read[record["request_id"]] = record
    return read


def run(connection, *arguments, text=""):
    """The command in a process of its own against this session's servers."""
    variables = {
        "FARETIDE_BOOTSTRAP": connection.endpoints.bootstrap,
        "FARETIDE_REGISTRY_URL": connection.endpoints.registry_url,
    }
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FARETIDE_")}
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        capture_output=True,
        text=True,
        input=text,
        cwd=ROOT,
        env=plain | variables,
        check=False,
        timeout=90,
    )


def test_publish_then_tail_on_the_command_line(connection):
    """Good rows arrive, the bad one is named on standard error, and the exit code says that there was one."""
    driver = f"driver-{uuid.uuid4()}"
    good = {"driver_id": driver, "at_ms": NOW_MS, "lat": 40.7, "lon": -73.9, "status": "IDLE", "products": ["xl"]}
    rows = "\n".join(json.dumps(row) for row in (good, good | {"lat": 99}, good | {"status": "BUSY"}))
    published = run(connection, "publish", "driver-pings.v1", "-", "--format", "jsonl", text=rows)
    assert published.returncode == 3
    assert published.stderr == (
        "faretide: line 2, field lat, rule coordinate-in-range: lat must be -90 to 90 degrees, got 99.0\n"
    )
    assert "published 2 rows to driver-pings.v1" in published.stdout
    tailed = run(connection, "tail", "driver-pings.v1", "--from", "earliest", "--no-follow", "--json")
    mine = [found for found in map(json.loads, tailed.stdout.splitlines()) if found["key"] == driver]
    assert (tailed.returncode, [found["record"]["status"] for found in mine]) == (0, ["IDLE", "BUSY"])


def test_a_file_that_breaks_says_what_was_published(connection, tmp_path):
    """Rows before the damage are in the topic, and the sentence says how many."""
    import fastavro

    from topics.schemas import schema_of

    ping = {"driver_id": "d", "at_ms": NOW_MS, "lat": 1.0, "lon": 1.0, "status": "IDLE", "products": ["xl"]}
    file = tmp_path / "pings.avro"
    with file.open("wb") as out:
        fastavro.writer(out, schema_of(DRIVER_PINGS), [ping] * 3, sync_interval=1)
    file.write_bytes(file.read_bytes()[:-5])
    done = run(connection, "publish", "driver-pings.v1", str(file))
    assert done.returncode == 1
    assert "cannot read it after row" in done.stderr
    assert "rows before it were published" in done.stderr


def test_lists_and_checks_on_the_command_line(connection):
    """Topics and schemas as they must be: exit code 0 and JSON that says so."""
    for kind, count in (("topics", 28), ("schemas", 28)):
        done = run(connection, kind, "check", "--json")
        assert (done.returncode, json.loads(done.stdout)) == (0, {"checked": count, "faults": []})
        listed = run(connection, kind, "list", "--json")
        assert len(json.loads(listed.stdout)) == count
