"""The brokers: whether they answer, are new enough, have a controller, and copy what they are told to copy."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from infra.cli.doctoring.findings import Patient, Told, fail, ok, warn
from infra.clients.admin import Admin
from infra.clients.configs import configs_told
from infra.clients.connection import kafka_admin
from infra.clients.errors import ClientError, TopicMissingError
from infra.clients.kafka_errors import OLDEST_KAFKA, kafka_errors
from infra.clients.sessions import LEAST_SESSION, SESSION_S, remedy
from infra.clients.starting import start
from topics.catalogue import EVERY_TOPIC

TIMEOUT_MS = 5_000
REFUSES_BY_AGE = "log.message.timestamp.before.max.ms"
"""A setting that brokers have who know the one that PRICING's table is kept with."""
APPEND_TIME = "message.timestamp.type"


@asynccontextmanager
async def admin_client(patient: Patient, doing: str) -> AsyncIterator[Any]:
    """A raw administration client for what `Admin` has no question for. Raises UnreachableError, ClientError."""
    connection = patient.connect()
    client = kafka_admin(connection.kafka(), request_timeout_ms=TIMEOUT_MS)
    try:
        await start(client, connection)
        with kafka_errors(connection.endpoints.bootstrap, doing):
            yield client
    finally:
        await client.close()


async def check_brokers(patient: Patient) -> Sequence[Told]:
    """Reachable, new enough, enough of them, open to our sessions, and every partition of ours led and copied."""
    bootstrap = patient.connect().endpoints.bootstrap
    async with admin_client(patient, "describing the cluster") as client:
        cluster = await client.describe_cluster()
        described = await client.describe_topics()
        told = await broker_settings(client, [broker["node_id"] for broker in cluster["brokers"]])
    faults = [
        *too_old(told),
        *_cluster_faults(cluster, patient.settings.replication_factor),
        *session_faults(told),
        *copy_faults(described, patient.settings.replication_factor),
    ]
    size, controller = len(cluster["brokers"]), _controller(cluster)
    return faults or [ok(f"Kafka {OLDEST_KAFKA} or newer at {bootstrap}, brokers: {size}, controller: {controller}")]


def too_old(told: Mapping[int, Mapping[str, str | None]]) -> list[Told]:
    """Brokers that tell their settings and know none by which rows are refused by age."""
    old = [broker for broker, settings in told.items() if settings and REFUSES_BY_AGE not in settings]
    return [
        fail(f"broker {broker} is too old to keep PRICING's table: run Kafka {OLDEST_KAFKA} or newer") for broker in old
    ]


def _controller(cluster: dict[str, Any]) -> int:
    return int(cluster.get("controller_id", -1))


def _cluster_faults(cluster: dict[str, Any], copies: int) -> list[Told]:
    faults = []
    count = len(cluster["brokers"])
    if _controller(cluster) < 0:
        faults.append(fail("the brokers have no controller, topics cannot change: look at the controllers' logs"))
    if count < copies:
        faults.append(
            fail(f"{copies} copies need as many brokers, got {count}: start more or lower FARETIDE_REPLICATION_FACTOR")
        )
    return faults


async def broker_settings(client: Any, brokers: Iterable[int]) -> dict[int, dict[str, str | None]]:  # noqa: ANN401  aiokafka ships no types
    """By broker what we ask for and it knows, None where it hides the value; of one that tells nothing, none."""
    wanted = {LEAST_SESSION: None, REFUSES_BY_AGE: None}
    asked = [ConfigResource(ConfigResourceType.BROKER, str(broker), wanted) for broker in brokers]
    return {int(broker): settings for broker, settings in (await configs_told(client, asked)).items()}


def session_faults(told: Mapping[int, Mapping[str, str | None]]) -> list[Told]:
    """Brokers that refuse sessions as short as a worker's: no worker could join its group."""
    least_ms = {broker: int(value) for broker, settings in told.items() if (value := settings.get(LEAST_SESSION))}
    refusing = {broker: least for broker, least in least_ms.items() if least > SESSION_S * 1000}
    if refusing:
        broker, least = next(iter(refusing.items()))
        return [fail(f"no worker can join its group, broker {broker} has {LEAST_SESSION}={least}: {remedy(SESSION_S)}")]
    if len(least_ms) < len(told):
        return [
            warn(
                f"the brokers do not tell us {LEAST_SESSION}, above {SESSION_S * 1000:.0f} no worker can join its "
                "group: look at it, or grant DescribeConfigs on the cluster as `faretide topics acls` says"
            )
        ]
    return []


def copy_faults(described: Iterable[dict[str, Any]], copies: int) -> list[Told]:
    """Partitions of the catalogue's topics without leader, out of step, or copied otherwise than set."""
    ours = {topic.name for topic in EVERY_TOPIC}
    led_by_none, out_of_step, otherwise = [], [], []
    for topic in described:
        for partition in topic["partitions"] if topic["topic"] in ours else ():
            name = f"{topic['topic']}[{partition['partition']}]"
            if partition["leader"] < 0:
                led_by_none.append(name)
            elif len(partition["isr"]) < len(partition["replicas"]):
                out_of_step.append(name)
            if len(partition["replicas"]) != copies:
                otherwise.append(name)
    faults = []
    if led_by_none:
        faults.append(fail(f"{_some(led_by_none)} cannot be read or written: start the brokers that hold them"))
    if out_of_step:
        faults.append(
            warn(f"{_some(out_of_step)} have fewer copies in step than they should: start the missing broker")
        )
    if otherwise:
        faults.append(
            warn(
                f"{_some(otherwise)} have another number of copies than FARETIDE_REPLICATION_FACTOR={copies}: "
                "set it to theirs, or reassign the partitions with your broker's tools"
            )
        )
    return faults


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


async def check_topics(patient: Patient) -> Sequence[Told]:
    """Existence, partitions and settings of every topic of the catalogue."""
    faults = [fault for fault in await _topic_faults(patient) if APPEND_TIME not in fault]
    return [fail(fault) for fault in faults] or [ok(f"{len(EVERY_TOPIC)} topics are as the catalogue and settings say")]


async def check_append_time(patient: Patient) -> Sequence[Told]:
    """That the brokers stamp records with their own clock: lateness is judged by it."""
    faults = [fault for fault in await _topic_faults(patient) if APPEND_TIME in fault]
    return [fail(fault) for fault in faults] or [ok("topics carry the brokers' append time")]


async def _topic_faults(patient: Patient) -> list[str]:
    async with Admin(patient.connect(), patient.settings) as admin:
        try:
            states = await admin.states()
        except TopicMissingError as error:
            raise ClientError(str(error)) from None
    return [fault for state in states for fault in state.faults]
