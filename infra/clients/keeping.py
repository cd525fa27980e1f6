"""How the brokers keep a topic, as they say themselves: at what age and size its oldest files go, and what it takes.

A file goes for its age once its newest record has passed `retention.ms`, for size only while `retention.bytes` stay. So
the last file that a smaller partition lost went for its age, and what stood before it is older still.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Int64, Schema, String

from infra.clients.configs import configs_told
from infra.clients.kafka_errors import RIGHT_MISSING, TOO_OLD

POLICY, AGE, SIZE, TIERED = "cleanup.policy", "retention.ms", "retention.bytes", "remote.storage.enable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeping:
    """At what age and size a topic's oldest files go, -1 for never; `sizes` are bytes by partition where they are told.

    Of a topic whose settings are not told, or whose records also go otherwise, nothing follows from an age: None.
    """

    retention_ms: int | None = None
    retention_bytes: int = -1
    sizes: dict[int, int] = field(default_factory=dict)

    def age_of_lost_ms(self, size: int | None) -> int | None:
        """The age that all has passed that went from the beginning of a partition; None if that cannot be told.

        `size` are the bytes left, None if they are not known. By the settings of now: whoever deletes records by hand,
        or sets another age for a while, is not seen here.

        >>> [Keeping(retention_ms=9, retention_bytes=most).age_of_lost_ms(5) for most in (-1, 5, 6)]
        [9, None, 9]
        """
        if self.retention_ms is None or self.retention_ms < 0:
            return None
        is_small = size is not None and size < self.retention_bytes
        return self.retention_ms if self.retention_bytes < 0 or is_small else None


async def keeping_of(client: AIOKafkaAdminClient, partitions: Mapping[str, Iterable[int]]) -> dict[str, Keeping]:
    """How each topic is kept, as far as the brokers tell us: settings take a right on the topic, sizes on the cluster.

    Raises KafkaError.
    """
    asked = [
        ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys((POLICY, AGE, SIZE, TIERED)))
        for name in partitions
    ]
    told = await configs_told(client, asked)
    sizes = await _sizes(client, partitions)
    return {name: kept(told.get(name, {}), sizes.get(name, {})) for name in partitions}


def kept(settings: Mapping[str, str | None], sizes: dict[int, int]) -> Keeping:
    """What follows from a topic's settings by Kafka's names; sizes on local disks are not those of a tiered topic."""
    age, size = settings.get(AGE), settings.get(SIZE)
    if settings.get(POLICY) != "delete" or age is None or size is None:
        return Keeping(sizes=sizes)
    is_tiered = settings.get(TIERED) == "true"
    return Keeping(retention_ms=int(age), retention_bytes=int(size), sizes={} if is_tiered else sizes)


async def _sizes(client: AIOKafkaAdminClient, partitions: Mapping[str, Iterable[int]]) -> dict[str, dict[int, int]]:
    """Bytes of each partition's largest copy; none where no broker tells."""
    found: dict[str, dict[int, int]] = {}
    asked = [(name, list(numbers)) for name, numbers in partitions.items()]
    for broker in (await client.describe_cluster())["brokers"]:
        try:
            answer = await client._send_request_to_node(broker["node_id"], _LogDirs(asked))
        except (*RIGHT_MISSING, *TOO_OLD):
            return {}
        for _code, _directory, topics in answer.directories:
            for name, held in topics:
                of_topic = found.setdefault(name, {})
                for number, size, _lag, _is_future in held:
                    of_topic[number] = max(size, of_topic.get(number, 0))
    return found


class _LogDirsResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 35
    API_VERSION = 1
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "directories",
            Array(
                ("error_code", Int16),
                ("directory", String("utf-8")),
                (
                    "topics",
                    Array(
                        ("name", String("utf-8")),
                        (
                            "partitions",
                            Array(("partition", Int32), ("size", Int64), ("lag", Int64), ("is_future", Boolean)),
                        ),
                    ),
                ),
            ),
        ),
    )


class _LogDirsRequestV1(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 35
    API_VERSION = 1
    RESPONSE_TYPE = _LogDirsResponse
    SCHEMA = Schema(("topics", Array(("name", String("utf-8")), ("partitions", Array(Int32)))))


class _LogDirs(Request[_LogDirsRequestV1]):  # type: ignore[misc]  # as above
    """Sizes of partitions on disk, which aiokafka does not have (protocol version 1, Kafka 2.0)."""

    API_KEY = 35

    def __init__(self, topics: list[tuple[str, list[int]]]) -> None:
        self._topics = topics

    def build(self, request_struct_class: type[_LogDirsRequestV1]) -> _LogDirsRequestV1:
        return request_struct_class(self._topics)
