"""The services' consumer groups: who is in them, by which rule partitions are given out, and whether anything moves."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import GroupCoordinatorNotAvailableError

from infra.cli.doctoring.brokers import admin_client
from infra.cli.doctoring.findings import Patient, Told, fail, ok, warn
from infra.clients.connection import kafka_consumer
from infra.clients.database import find_database
from infra.clients.errors import ClientError
from infra.clients.starting import start
from topics.roles import PRICING_CHAIN, SERVICES

PREFIX = "faretide-"
ASSIGNOR = "faust"
LOOK_AGAIN_S = 2.0
MUCH_LAG = 50_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One group at two instants: `clients` are its members' names, `idle` those of them with nothing assigned."""

    service: str
    state: str
    assignor: str
    clients: tuple[str, ...]
    idle: tuple[str, ...]
    committed: Mapping[TopicPartition, int]
    committed_later: Mapping[TopicPartition, int]
    ends: Mapping[TopicPartition, int]

    @property
    def lag(self) -> int:
        """Records that were not committed at the second look."""
        return sum(max(0, self.ends.get(tp, 0) - offset) for tp, offset in self.committed_later.items())

    @property
    def stands_still(self) -> bool:
        """Whether records waited at the first look already and none was committed until the second."""
        waited = any(self.ends.get(tp, 0) > offset for tp, offset in self.committed.items())
        return waited and self.committed == self.committed_later


async def check_groups(patient: Patient) -> Sequence[Told]:
    """One line for each service."""
    services = _services(patient)
    async with admin_client(patient, "describing groups") as client:
        try:
            before = await _committed(client, services)
        except GroupCoordinatorNotAvailableError:
            return [warn("no worker ever joined: start `faretide worker` for each service, or `faretide up`")]
        ends = await _ends(patient, [tp for offsets in before.values() for tp in offsets])
        await asyncio.sleep(LOOK_AGAIN_S)
        after, described = await _committed(client, services), await _described(client, services)
    looked_at = (_group(name, described[name], before[name], after[name], ends) for name in services)
    return [group_finding(group) for group in looked_at]


def _services(patient: Patient) -> tuple[str, ...]:
    """The services that should run: the recorder only where there is a database for it."""
    try:
        find_database(patient.settings)
    except ClientError:
        return PRICING_CHAIN
    return SERVICES


def _group(
    service: str,
    described: Mapping[str, Any],
    before: Mapping[TopicPartition, int],
    after: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> Group:
    members = described["members"]
    return Group(
        service=service,
        state=described["state"],
        assignor=described["protocol"],
        clients=tuple(sorted(member["client_id"] for member in members)),
        idle=tuple(sorted(member["client_id"] for member in members if _has_nothing(member["member_assignment"]))),
        committed=before,
        committed_later=after,
        ends=ends,
    )


def _has_nothing(assignment: bytes) -> bool:
    """Whether a member's assignment names no topic: two bytes of version, four of the number of topics."""
    return int.from_bytes(assignment[2:6], "big") == 0


def group_finding(group: Group) -> Told:
    """What a group's state means, the worst first."""
    name, count = group.service, len(group.clients)
    twice = sorted({client for client in group.clients if group.clients.count(client) > 1})
    faults = (
        (not count, warn(f"no worker of {name} is there: start one with `faretide worker {name}`")),
        (
            group.state != "Stable",
            warn(f"{name} is sharing out its partitions ({group.state}): ask again in a few seconds"),
        ),
        (
            group.assignor != ASSIGNOR,
            fail(f"{name} shares partitions by {group.assignor!r}, not {ASSIGNOR!r}: end the foreign members"),
        ),
        (bool(twice), fail(f"{name} has several members called {twice[:1]}: give each its own FARETIDE_INSTANCE_ID")),
        (
            group.stands_still,
            fail(
                f"{name} has {group.lag:,} records to read and commits nothing: look at /readyz and the log of its "
                "workers; if one has just ended for good, its partitions are free after its session"
            ),
        ),
        (bool(group.idle), warn(f"{name} has more workers than partitions, {group.idle[:1]} is idle: end it")),
        (
            group.lag > MUCH_LAG,
            warn(f"{name} is {group.lag:,} records behind: start more workers, up to one for each partition"),
        ),
    )
    well = ok(f"{name}: workers {count}, records to commit {group.lag:,}")
    return next((told for is_so, told in faults if is_so), well)


async def _described(client: Any, services: Sequence[str]) -> dict[str, dict[str, Any]]:  # noqa: ANN401  aiokafka ships no types
    # One at a time: aiokafka reads the answer about several groups as that of an older protocol version, and fails.
    answers = [await client.describe_consumer_groups([PREFIX + service]) for service in services]
    groups = {group["group"]: group for (answer,) in answers for group in answer.to_object()["groups"]}
    return {service: groups[PREFIX + service] for service in services}


async def _committed(client: Any, services: Sequence[str]) -> dict[str, dict[TopicPartition, int]]:  # noqa: ANN401  as above
    found = [await client.list_consumer_group_offsets(PREFIX + service) for service in services]
    return {
        service: {tp: commit.offset for tp, commit in offsets.items()}
        for service, offsets in zip(services, found, strict=True)
    }


async def _ends(patient: Patient, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    if not tps:
        return {}
    connection = patient.connect()
    consumer = kafka_consumer(connection.kafka(), request_timeout_ms=5_000)
    try:
        await start(consumer, connection)
        return dict(await consumer.end_offsets(list(set(tps))))
    finally:
        await consumer.stop()
