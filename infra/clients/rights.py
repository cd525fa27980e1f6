"""The rights a role needs on brokers with access control: derived from its contract in `topics.roles`.

topics read      Read            (includes Describe)
topics written   Write           (includes Describe, and idempotence since Kafka 3.0)
own topics       DescribeConfigs of a service: it refuses to start on topics that differ from the catalogue
changelogs       Read, Write, Create: Faust makes them
consumer group   Read
operator         Create, DescribeConfigs on every topic of the catalogue, Read on every service's group
                 DescribeConfigs on the cluster: it sees which sessions the brokers accept
                 Describe on the cluster: it sees how large partitions are
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from topics.roles import Role


class Operation(StrEnum):
    """What can be allowed, in Kafka's words."""

    READ = "Read"
    WRITE = "Write"
    CREATE = "Create"
    DESCRIBE = "Describe"
    DESCRIBE_CONFIGS = "DescribeConfigs"

    @property
    def bit(self) -> int:
        """Its place in what a broker answers."""
        return 1 << {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}[self]


class Resource(StrEnum):
    """What a right is about."""

    TOPIC = "topic"
    GROUP = "group"
    CLUSTER = "cluster"


CLUSTER_NAME = "kafka-cluster"
"""What Kafka calls the cluster among the names of what rights are about."""


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One thing that is allowed; `prefixed` means every name that begins with `name`."""

    resource: Resource
    name: str
    operation: Operation
    prefixed: bool = False

    def __str__(self) -> str:
        """As a sentence names it.

        >>> str(Right(Resource.TOPIC, "quotes.v1", Operation.WRITE))
        'Write on topic quotes.v1'
        """
        return f"{self.operation} on {self.resource} {self.name}{'*' if self.prefixed else ''}"


def rights_of(role: Role) -> list[Right]:
    """The least rights with which the role does its work, in order."""
    return sorted(set(_rights(role)))


def _rights(role: Role) -> Iterator[Right]:
    named = {Operation.READ: role.reads, Operation.WRITE: role.publishes}
    named[Operation.CREATE] = role.topics if role.creates else ()
    named[Operation.DESCRIBE_CONFIGS] = role.topics if role.creates or role.is_service else ()
    for operation, topics in named.items():
        yield from (Right(Resource.TOPIC, topic.name, operation) for topic in topics)
    if role.creates:
        for operation in (Operation.DESCRIBE, Operation.DESCRIBE_CONFIGS):
            yield Right(Resource.CLUSTER, CLUSTER_NAME, operation)
    for changelog in role.changelogs:
        for operation in (Operation.READ, Operation.WRITE, Operation.CREATE):
            yield Right(Resource.TOPIC, changelog, operation)
    if role.group:
        yield Right(Resource.GROUP, role.group, Operation.READ, prefixed=not role.is_service)
