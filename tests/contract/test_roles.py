"""Contracts of services and clients: they agree with the catalogue, and nothing reaches the servers around them."""

import ast
from pathlib import Path

import pytest

from infra.cli.acls import acls_page, kafka_acls
from infra.clients.rights import Operation, Resource, Right, rights_of
from topics.catalogue import DEAD_LETTERS, EVERY_TOPIC, TOPICS
from topics.roles import DRIVER_APP, OPERATOR, PRICING, QUOTING, RIDER_APP, ROLES, SUPPLY

ROOT = Path(__file__).parents[2]
PACKAGES = ("agents", "demand", "faretide", "infra", "lineage", "pricing", "replay", "simulation", "supply", "topics")
CLIENTS = {
    "AIOKafkaConsumer",
    "AIOKafkaProducer",
    "AIOKafkaAdminClient",
    "AIOKafkaClient",
    "AsyncClient",
    "Client",
    "Consumer",
    "Producer",
    "connect",
    "create_pool",
}
LIBRARIES = {"aiokafka", "aiokafka.admin", "aiokafka.client", "asyncpg", "httpx", "requests", "confluent_kafka"}
MADE_HERE = {Path("infra/clients/connection.py"), Path("infra/clients/database.py")}
SPOKEN = {
    "driver apps": {"driver-app"},
    "rider apps": {"rider-app"},
    "rider and dispatch apps": {"rider-app", "dispatch-app"},
    "operators": {"operator"},
    "training": {"training"},
    "every service": {role.name for role in ROLES if role.is_service},
}
LOOKS_AT_EVERYTHING = {"operator"}
ANNOUNCES_TOO = {"training", "operator"}
"""An operator may announce a model as training does, and training reads what it announced."""


def spoken(words: str) -> set[str]:
    """Roles that the catalogue's words mean."""
    return SPOKEN.get(words) or {name for word in words.split(", ") for name in SPOKEN.get(word, {word})}


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_the_catalogue_says_who_writes_and_reads(topic):
    """A role's contract and the words in the catalogue name the same roles."""
    readers = {role.name for role in ROLES if topic in role.reads} - LOOKS_AT_EVERYTHING
    writers = {role.name for role in ROLES if topic in role.writes}
    said = {name for words in topic.readers for name in spoken(words)} - LOOKS_AT_EVERYTHING
    assert readers - ANNOUNCES_TOO == said
    assert writers - ANNOUNCES_TOO == spoken(topic.writer) - ANNOUNCES_TOO
    assert writers & ANNOUNCES_TOO or not spoken(topic.writer) & ANNOUNCES_TOO


def test_every_topic_has_a_reader_and_what_is_refused_was_read():
    """No dead letters of a topic the role does not read; no topic nobody looks at."""
    for role in ROLES:
        assert set(role.refuses) <= set(role.reads), role.name
    assert {topic for role in ROLES for topic in role.reads} == set(EVERY_TOPIC)
    assert set(DEAD_LETTERS) <= set(OPERATOR.reads)


def test_services_share_no_group_and_nobody_else_may_read_in_it():
    """Groups are literal names of one service each; only the operator may look into all."""
    groups = [role.group for role in ROLES if role.is_service]
    assert len(set(groups)) == len(groups)
    assert [role.name for role in ROLES if role.group and not role.is_service] == [RIDER_APP.name, OPERATOR.name]


def test_a_client_may_do_its_work_and_nothing_more():
    """A driver's app writes pings, and that is all; nobody but its service may write counts, ticks and quotes."""
    assert rights_of(DRIVER_APP) == [Right(Resource.TOPIC, "driver-pings.v1", Operation.WRITE)]
    for own, topic in ((SUPPLY, "supply-cells.v1"), (PRICING, "surge.v1"), (QUOTING, "quotes.v1")):
        may = {role.name for role in ROLES if Right(Resource.TOPIC, topic, Operation.WRITE) in rights_of(role)}
        assert may == {own.name}


def test_a_table_needs_its_changelog():
    """Faust makes, writes and reads it under the group's name."""
    changelog = "faretide-pricing-panes-changelog"
    found = {right.operation for right in rights_of(PRICING) if right.name == changelog}
    assert found == {Operation.READ, Operation.WRITE, Operation.CREATE}


def test_commands_are_those_of_kafkas_own_tool():
    """Ready to run, prefixed names marked."""
    group = next(right for right in rights_of(RIDER_APP) if right.resource is Resource.GROUP)
    assert kafka_acls(RIDER_APP, group, bootstrap="k:9093", command_config="a.properties") == (
        "kafka-acls.sh --bootstrap-server k:9093 --command-config a.properties --add --allow-principal User:rider-app "
        "--operation Read --group rider-app --resource-pattern-type prefixed"
    )


def test_a_right_on_the_cluster_names_no_resource():
    """Kafka's tool takes `--cluster` without a name; the operator sees sizes and which sessions brokers accept."""
    rights = [right for right in rights_of(OPERATOR) if right.resource is Resource.CLUSTER]
    for right, operation in zip(rights, ("Describe", "DescribeConfigs"), strict=True):
        assert kafka_acls(OPERATOR, right, bootstrap="k:9093").endswith(f"--operation {operation} --cluster")


def test_the_page_of_rights_is_the_code():
    """docs/acls.md is what `python -m infra.cli.reference` writes."""
    assert (ROOT / "docs" / "acls.md").read_text() == acls_page()


def made_elsewhere(source: str) -> list[str]:
    """Clients of servers that Python code constructs, by the names it imported their classes under."""
    tree = ast.parse(source)
    modules, classes = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module in LIBRARIES:
            classes |= {alias.asname or alias.name: alias.name for alias in node.names}
    found = []
    for call in (node.func for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call, ast.Name) and classes.get(call.id) in CLIENTS:
            found.append(call.id)
        elif isinstance(call, ast.Attribute) and call.attr in CLIENTS and isinstance(call.value, ast.Name):
            found += [f"{call.value.id}.{call.attr}"] if modules.get(call.value.id) in LIBRARIES else []
    return found


def test_clients_are_made_in_one_place():
    """Whoever makes one elsewhere forgets certificates and passwords; Faust's are given theirs by the app."""
    files = [
        file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if "node_modules" not in file.parts
    ]
    found = {
        str(file.relative_to(ROOT)): made
        for file in files
        if file.relative_to(ROOT) not in MADE_HERE and (made := made_elsewhere(file.read_text(encoding="utf-8")))
    }
    assert found == {}
    assert all(made_elsewhere((ROOT / file).read_text(encoding="utf-8")) for file in MADE_HERE)


@pytest.mark.parametrize(
    "source",
    [
        "from aiokafka import AIOKafkaConsumer as C\nC(bootstrap_servers='x')",
        "import httpx\nhttpx.AsyncClient()",
        "from aiokafka.admin import AIOKafkaAdminClient\nAIOKafkaAdminClient()",
    ],
)
def test_a_client_made_in_passing_is_found(source):
    """The look above sees plain calls, renamed classes and attributes."""
    assert len(made_elsewhere(source)) == 1
