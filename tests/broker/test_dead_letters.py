"""Dead letters on a real broker, registry and PostgreSQL: listed, edited, redriven once, audited, followed."""

import asyncio
import json
import os
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner

from infra.cli.exits import exit_code_of, sentence_of
from infra.cli.main import app
from infra.clients.database import Database, open_database
from infra.clients.producer import Publisher
from infra.clients.registry import Registry
from infra.migrations.versions import migrate
from tests.broker.kafka import named
from tests.broker.services import now_ms, prepared
from topics.catalogue import DRIVER_PINGS, LATE_EVENTS, QUOTE_REQUESTS, QUOTES, SURGE, dead_letters_of
from topics.codec import ObjectCodec
from topics.events import QuoteRequested
from topics.ledger import DeadLettered, Header
from topics.prices import QuoteAnswered, QuoteOutcome
from topics.redrive import ATTEMPT, FIRST_APPENDED, REDRIVE_ID

pytestmark = pytest.mark.broker

REQUESTS_DLQ, SURGE_DLQ = dead_letters_of(QUOTE_REQUESTS), dead_letters_of(SURGE)


@pytest.fixture(scope="module")
def servers(stack):
    """The servers of this session with topics, schemas and tables; the connection to them."""

    async def prepare():
        connection = await prepared(stack)
        async with open_database(Database(url=stack.database_url, keep_days=3)) as database:
            await migrate(database)
        async with Registry(connection) as registry:
            return connection, dict(
                await registry.ids_of([QUOTE_REQUESTS, QUOTES, REQUESTS_DLQ, SURGE_DLQ, LATE_EVENTS])
            )

    return asyncio.run(prepare())


@pytest.fixture
def run(stack, monkeypatch):
    """The command line in this process: exit code, what it said, and JSON lines of it."""
    for name in [name for name in os.environ if name.startswith("FARETIDE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FARETIDE_BOOTSTRAP", stack.bootstrap)
    monkeypatch.setenv("FARETIDE_REGISTRY_URL", stack.registry_url)
    monkeypatch.setenv("FARETIDE_DATABASE_URL", stack.database_url)

    def invoke(*arguments):
        done = CliRunner().invoke(app, ["dlq", *arguments])
        said = done.stdout
        lines = [json.loads(line) for line in said.splitlines()] if "--json" in arguments else []
        if isinstance(done.exception, Exception):
            return exit_code_of(done.exception), sentence_of(done.exception), lines
        return done.exit_code, said + done.stderr, lines

    return invoke


def publish(servers, *records):
    """Publish (topic, record, partition); where each stands."""
    connection, ids = servers

    async def put():
        async with Publisher(connection, ids, source="tests", linger_ms=0) as publisher:
            sent = [await publisher.publish(topic, record, partition=partition) for topic, record, partition in records]
            return [(await one).offset for one in sent]

    return asyncio.run(put())


def read(servers, topic, partition, offset):
    """One record as it stands on the broker."""
    connection, _ = servers

    async def fetch():
        place = TopicPartition(topic.name, partition)
        async with AIOKafkaConsumer(bootstrap_servers=connection.endpoints.bootstrap, group_id=None) as consumer:
            consumer.assign([place])
            consumer.seek(place, offset)
            return await consumer.getone(place)

    return asyncio.run(fetch())


def request_of(rider):
    return QuoteRequested(
        request_id=f"request-{rider}",
        rider_id=rider,
        at_ms=now_ms() - 60_000,
        pickup_lat=40.7580,
        pickup_lon=-73.9855,
        dropoff_lat=40.7033,
        dropoff_lon=-74.0170,
        product="standard",
    )


def letter_of(servers, rider, **changes):
    """A request that was refused since its key was not its rider."""
    codec = ObjectCodec(QUOTE_REQUESTS, servers[1][QUOTE_REQUESTS.name])
    letter = DeadLettered(
        topic=QUOTE_REQUESTS.name,
        partition=1,
        offset=7,
        timestamp_ms=now_ms() - 60_000,
        key=rider.encode(),
        value=codec.encode(request_of(rider)),
        headers=[Header(name="ce_id", value=b"e-1"), Header(name="trace", value=None)],
        error_class="InvalidKey",
        field="rider_id",
        rule="key-equals-id",
        sentence="the key must be the rider_id",
        attempt=1,
        service="demand",
        now_ms=now_ms(),
    )
    return replace(letter, **changes)


def test_a_letter_is_edited_redriven_once_and_followed(servers, run, tmp_path):
    """Round trip: exported, mended, dry run, redriven with key, headers and time kept, audited, refused twice, told."""
    rider, file = named("rider"), tmp_path / "letters.jsonl"
    letter = letter_of(servers, rider, key=b"somebody else")
    [offset] = publish(servers, (REQUESTS_DLQ, letter, 0))
    code, _, [listed] = run("ls", "--topic", QUOTE_REQUESTS.name, "--class", "InvalidKey", "--from", "-1m", "--json")
    assert (code, listed["letter"]) == (0, f"{REQUESTS_DLQ.name}@0@{offset}")
    assert run("show", listed["letter"], "--json")[2][0]["record"]["rider_id"] == rider
    assert run("export", str(file), "--key", "somebody else")[0] == 0
    assert run("export", str(file), "--key", "somebody else")[0] == 2  # edits are not written over

    code, said, _ = run("redrive", "--file", str(file), "--yes")
    assert (code, "rider_id" in said) == (1, True)  # still the wrong key
    line = json.loads(file.read_text())
    file.write_text(json.dumps(line | {"key": rider, "record": line["record"] | {"product": "xl"}, "attempt": 9}))
    code, said, _ = run("redrive", "--file", str(file))
    assert (code, "would redrive 1 records, 1 of them edited; 0 refused" in said) == (0, True)
    assert run("history", "--key", rider, "--json")[2] == []  # a dry run leaves no trace

    code, _, [done] = run(
        "redrive", "--file", str(file), "--yes", "--author", "ann", "--reason", "key mended", "--json"
    )
    assert (code, done["published"], done["edited"]) == (0, 1, 1)
    _, _, [row] = run("history", "--redrive", done["redrive_id"], "--json")
    assert (row["author"], row["reason"], row["attempt"], row["fate"]) == ("ann", "key mended", 2, "taken")
    again = read(servers, QUOTE_REQUESTS, row["published_partition"], row["published_offset"])
    headers = dict(again.headers)
    assert again.key == rider.encode()
    assert (headers["ce_id"], headers["trace"], headers[ATTEMPT]) == (b"e-1", None, b"2")
    assert headers[REDRIVE_ID].decode() == done["redrive_id"]
    assert headers[FIRST_APPENDED] == str(letter.timestamp_ms).encode()
    record = ObjectCodec(QUOTE_REQUESTS, 0).decode(again.value)
    assert (record.product, record.at_ms) == ("xl", line["record"]["at_ms"])

    code, said, _ = run("redrive", "--file", str(file), "--yes")
    assert (code, "redriven before" in said or "nothing was redriven" in said) == (1, True)
    assert run("redrive", "--file", str(file), "--yes", "--again")[0] == 0
    assert len(run("history", "--key", rider, "--json")[2]) == 2


def test_what_cannot_be_taken_is_refused_with_its_rule_and_the_rest_goes(servers, run):
    """Too many attempts, undecodable, a service's own record: named; a plain letter beside them goes back as it was."""
    rider = named("rider")
    plain = letter_of(servers, rider, error_class="Undecodable", rule="schema-known", attempt=2)
    publish(
        servers,
        (REQUESTS_DLQ, plain, 0),
        (REQUESTS_DLQ, replace(plain, attempt=3), 0),
        (REQUESTS_DLQ, replace(plain, value=b"{}"), 0),
        (SURGE_DLQ, replace(plain, topic=SURGE.name), 0),
    )
    assert run("redrive", "--key", rider, "--limit", "3", "--yes")[0] == 1
    code, _, [done] = run("redrive", "--key", rider, "--yes", "--json")
    assert (code, done["published"], done["edited"]) == (3, 1, 0)
    assert sorted(one["rule"] for one in done["refused"]) == ["attempts-left", "outside-event", "value-decodable"]
    _, _, [row] = run("history", "--redrive", done["redrive_id"], "--json")
    again = read(servers, QUOTE_REQUESTS, 1, row["published_offset"])
    assert (again.value, again.key) == (plain.value, plain.key)


def test_the_fate_of_a_redriven_record_is_told(servers, run):
    """Answered, refused again or late: whatever the topics say of the place it was published at."""
    riders = [named("rider") for _ in range(3)]
    publish(servers, *((REQUESTS_DLQ, letter_of(servers, rider, error_class="Undecodable"), 0) for rider in riders))
    places = []
    for rider in riders:
        _, _, [done] = run("redrive", "--key", rider, "--yes", "--json")
        [row] = run("history", "--redrive", done["redrive_id"], "--json")[2]
        places.append(row["published_offset"])
    quote = QuoteAnswered(
        quote_id="q",
        request_id="r",
        rider_id=riders[0],
        outcome=QuoteOutcome.EXPIRED,
        at_ms=1,
        now_ms=now_ms(),
        product="standard",
        request_offset=places[0],
    )
    refused = letter_of(servers, riders[1], offset=places[1], attempt=2)
    late = LATE_EVENTS.record(
        topic=QUOTE_REQUESTS.name,
        partition=1,
        offset=places[2],
        id=riders[2],
        at_ms=1,
        appended_ms=2,
        late_by_ms=61_000,
        service="demand",
    )
    publish(servers, (QUOTES, quote, 1), (REQUESTS_DLQ, refused, 0), (LATE_EVENTS, late, 0))
    fates = [run("history", "--key", rider, "--json")[2][0] for rider in riders]
    assert [one["fate"] for one in fates] == ["answered", "refused-again", "late"]
    assert "expired" in fates[0]["what"]
    assert "attempt 2" in fates[1]["what"]
    assert "61000 ms" in fates[2]["what"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("show", "quote-requests.v1.dlq@0@999999"), 1, "there is no letter at"),
        (("show", "quote-requests.v1.dlq@9@1"), 1, "there is no letter at"),
        (("show", "quote-requests.v1@0@1"), 2, "a letter's place must be"),
        (("ls", "--topic", "nope"), 2, "topic must be one of"),
        (("ls", "--from", "soon"), 2, "--from must be"),
        (("redrive", "--file", "no-such.jsonl"), 2, "cannot be read"),
    ],
)
def test_bad_questions_end_in_one_sentence(run, arguments, code, said):
    """What is wrong, and a code for scripts."""
    ended, told, _ = run(*arguments)
    assert (ended, said in told) == (code, True)


def test_a_file_that_no_export_wrote_is_refused_whole(run, tmp_path):
    """Nothing of it is tried, and the line is named."""
    for number, text in enumerate(("{}", "not json", '{"letter": "driver-pings.v1@0@1", "key": null, "record": null}')):
        file = tmp_path / f"{number}.jsonl"
        file.write_text(text)
        code, told, _ = run("redrive", "--file", str(file), "--yes")
        assert code == 2
        assert "line 1 is not one of `faretide dlq export`" in told
    assert DRIVER_PINGS.name in told
