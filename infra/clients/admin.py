"""Create the catalogue's topics and tell where existing ones differ from it. Nothing that exists is ever changed.

Partition counts decide which worker gets which key and timestamps decide what is late, so a topic that differs is
a fault to report, not to repair in passing.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka import TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError

from infra.clients.allowed import missing_rights
from infra.clients.configs import configs_told
from infra.clients.connection import Connection, kafka_admin, kafka_consumer
from infra.clients.errors import ClientError, UnreachableError
from infra.clients.kafka_errors import kafka_errors
from infra.clients.keeping import Keeping, keeping_of
from infra.clients.rights import Right
from infra.clients.starting import start
from infra.clients.topic_settings import TopicSettings, settings_of
from infra.settings import Settings
from topics.catalogue import EVERY_TOPIC, FOR_EVER, Topic

REQUEST_TIMEOUT_MS = 15_000
LEADERS_WITHIN_S = 15.0
LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """What the broker has of one topic: `partitions` 0 if it does not exist, `records` from first to last offset."""

    topic: Topic
    partitions: int
    records: int
    faults: tuple[str, ...]


class Admin:
    """The broker's topics; use it as an async context."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        """Look after the topics of `connection`'s brokers, which are to look as `settings` say."""
        self._connection, self._settings = connection, settings
        self._bootstrap = connection.endpoints.bootstrap
        self._client = kafka_admin(connection.kafka(), request_timeout_ms=REQUEST_TIMEOUT_MS)

    async def __aenter__(self) -> Self:
        try:
            await start(self._client, self._connection)
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()

    async def create_missing(self, topics: Iterable[Topic] = EVERY_TOPIC) -> list[Topic]:
        """Create those of `topics` that do not exist and return them once each partition has a leader.

        Existing ones stay as they are, also if another process created them meanwhile.

        Raises ClientError naming the topic the broker refused, UnreachableError.
        """
        with kafka_errors(self._bootstrap, "creating topics"):
            existing = await self._partition_counts()
            missing = [topic for topic in topics if topic.name not in existing]
            if missing:
                answer = await self._client.create_topics([self._new(topic) for topic in missing])
                _refuse_errors(answer.topic_errors)
                await self._wait_for_leaders({topic.name for topic in missing})
        return missing

    async def states(self, topics: Iterable[Topic] = EVERY_TOPIC) -> list[TopicState]:
        """What the broker has of each of `topics`, in their order, and how it differs from the catalogue.

        Raises UnreachableError, ClientError.
        """
        chosen = list(topics)
        with kafka_errors(self._bootstrap, "describing topics"):
            counts = await self._partition_counts()
            there = [topic for topic in chosen if topic.name in counts]
            configs = await self._configs(there)
            records = await self._record_counts({topic.name: counts[topic.name] for topic in there})
        return [
            TopicState(
                topic=topic,
                partitions=counts.get(topic.name, 0),
                records=records.get(topic.name, 0),
                faults=differences(
                    topic, settings_of(topic, self._settings), counts.get(topic.name, 0), configs.get(topic.name, {})
                ),
            )
            for topic in chosen
        ]

    async def missing_rights(self, rights: Iterable[Right]) -> list[Right]:
        """Those of `rights` the brokers would not allow us, as far as they tell.

        Raises UnreachableError, ClientError.
        """
        with kafka_errors(self._bootstrap, "asking for rights"):
            return await missing_rights(self._client, rights)

    async def keeping(self, partitions: Mapping[str, Iterable[int]]) -> dict[str, Keeping]:
        """How the brokers keep these topics, as far as they tell.

        Raises UnreachableError, ClientError.
        """
        with kafka_errors(self._bootstrap, "describing topics"):
            return await keeping_of(self._client, partitions)

    def _new(self, topic: Topic) -> NewTopic:
        wanted = settings_of(topic, self._settings)
        return NewTopic(topic.name, wanted.partitions, wanted.replication_factor, topic_configs=wanted.configs)

    async def _partition_counts(self, *, with_leader: bool = False) -> dict[str, int]:
        """Partitions of every topic the broker has. Asking by name could create a topic on a lenient broker."""
        described = await self._client.describe_topics()
        return {
            topic["topic"]: sum(1 for partition in topic["partitions"] if partition["leader"] >= 0 or not with_leader)
            for topic in described
            if topic["error_code"] == 0
        }

    async def _wait_for_leaders(self, names: set[str]) -> None:
        """Return when every partition of the new topics can be written.

        Raises UnreachableError if that takes too long.
        """
        deadline = time.monotonic() + LEADERS_WITHIN_S
        while True:
            whole, led = await self._partition_counts(), await self._partition_counts(with_leader=True)
            waiting = {name for name in names if whole.get(name, 0) == 0 or led.get(name) != whole[name]}
            if not waiting:
                return
            if time.monotonic() > deadline:
                raise UnreachableError(f"no leader after {LEADERS_WITHIN_S:.0f} s for new topics {sorted(waiting)}")
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _configs(self, topics: Iterable[Topic]) -> dict[str, dict[str, str | None]]:
        """Values on the broker of the configs we care for, by topic name."""
        asked = [
            ConfigResource(
                ConfigResourceType.TOPIC, topic.name, dict.fromkeys(settings_of(topic, self._settings).configs)
            )
            for topic in topics
        ]
        return await configs_told(self._client, asked)

    async def _record_counts(self, partitions: Mapping[str, int]) -> dict[str, int]:
        """Offsets between first and last, summed over the partitions of each topic."""
        places = [TopicPartition(name, number) for name, count in partitions.items() for number in range(count)]
        if not places:
            return {}
        consumer = kafka_consumer(self._connection.kafka(), request_timeout_ms=REQUEST_TIMEOUT_MS)
        try:
            await consumer.start()
            consumer.assign(places)  # has it learn all partitions in one question
            first, after_last = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        finally:
            await consumer.stop()
        counts = dict.fromkeys(partitions, 0)
        for place in places:
            counts[place.topic] += after_last[place] - first[place]
        return counts


def differences(
    topic: Topic, wanted: TopicSettings, partitions: int, configs: Mapping[str, str | None]
) -> tuple[str, ...]:
    """How a topic on the broker differs from what it must be, one sentence each; empty if it does not.

    `partitions` is 0 for a topic that does not exist, `configs` are the broker's values by Kafka's names.
    """
    if not partitions:
        return (f"{topic.name} does not exist: create it with `faretide topics create`",)
    found = []
    if partitions != wanted.partitions:
        found.append(
            f"{topic.name} must have {wanted.partitions} partitions, got {partitions}: "
            f"set FARETIDE_{topic.group.upper()}_PARTITIONS={partitions} or make a new version of the topic"
            if topic.group != "one"
            else f"{topic.name} must have one partition, got {partitions}: make a new version of the topic"
        )
    found += [
        f"{topic.name} must have {name}={value}, got {configs.get(name, 'nothing')}: set it with your broker's tools"
        for name, value in wanted.configs.items()
        if configs.get(name) != value and not _is_operators_choice(topic, name)
    ]
    return tuple(found)


def _is_operators_choice(topic: Topic, config: str) -> bool:
    """Whether the broker may have another value: how many bytes are kept, of what is not kept for ever."""
    return config == "retention.bytes" and topic.retention_ms != FOR_EVER


def _refuse_errors(errors: Iterable[Any]) -> None:
    """Raise ClientError for the first topic that was refused; that it exists already is no refusal."""
    for name, code, message in errors:
        if code not in {0, TopicAlreadyExistsError.errno}:
            raise ClientError(f"the broker refused to create {name}: {message} (code {code})")
