"""Which rights the brokers would allow us, asked before a service starts.

A missing right is then one sentence at the start instead of an error in the middle. Brokers without access control
answer that all are allowed.
"""

from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    GroupCoordinatorNotAvailableError,
    TopicAuthorizationFailedError,
)
from aiokafka.protocol.admin import DescribeGroupsRequest_v3, DescribeGroupsResponse_v3
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int16, Int32, Schema, String

from infra.clients.rights import Operation, Resource, Right


async def missing_rights(client: AIOKafkaAdminClient, rights: Iterable[Right]) -> list[Right]:
    """Those of `rights` that the brokers would not allow this client; ones on topics that do not exist count as had.

    Prefixed rights are not looked at: a broker tells of names only.

    Raises KafkaError, NotImplementedError if the brokers are too old to say.
    """
    asked = [right for right in rights if not right.prefixed]
    topics = sorted({right.name for right in asked if right.resource is Resource.TOPIC})
    allowed = await _allowed_on_topics(client, topics)
    for group in {right.name for right in asked if right.resource is Resource.GROUP}:
        allowed[group] = await _allowed_on_group(client, group)
    return [right for right in asked if not allowed.get(right.name, ~0) & right.operation.bit]


async def _allowed_on_topics(client: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """Operations allowed on each topic as bits; without those that do not exist.

    A topic we may not even describe is one we may neither read nor write; of other rights the brokers do not tell then.
    """
    answer = await client._send_request(_TopicsAllowed(names))
    denied = TopicAuthorizationFailedError.errno
    return {
        name: ~(Operation.READ.bit | Operation.WRITE.bit) if code == denied else bits
        for code, name, _internal, _partitions, bits in answer.topics
        if code in {0, denied}
    }


async def _allowed_on_group(client: AIOKafkaAdminClient, group: str) -> int:
    """Operations allowed on a group as bits; everything while its coordinator cannot tell: joining will."""
    try:
        coordinator = await client.find_coordinator(group)
        answer = await client._send_request(_GroupAllowed(group), coordinator)
    except GroupAuthorizationFailedError:
        return 0
    except GroupCoordinatorNotAvailableError:  # no group was ever made
        return ~0
    code, *_, bits = answer.groups[0]
    if code == GroupAuthorizationFailedError.errno:
        return 0
    return int(bits) if code == 0 else ~0  # such as a coordinator that still loads


class _TopicsAllowedResponse(Response):  # type: ignore[misc]  # aiokafka ships no types
    API_KEY = 3
    API_VERSION = 8
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("brokers", Array(("node_id", Int32), ("host", String("utf-8")), ("port", Int32), ("rack", String("utf-8")))),
        ("cluster_id", String("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            Array(
                ("error_code", Int16),
                ("topic", String("utf-8")),
                ("is_internal", Boolean),
                (
                    "partitions",
                    Array(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", Array(Int32)),
                        ("isr", Array(Int32)),
                        ("offline_replicas", Array(Int32)),
                    ),
                ),
                ("authorized_operations", Int32),
            ),
        ),
        ("cluster_authorized_operations", Int32),
    )


class _TopicsAllowedRequestV8(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 3
    API_VERSION = 8
    RESPONSE_TYPE = _TopicsAllowedResponse
    SCHEMA = Schema(
        ("topics", Array(String("utf-8"))),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
    )


class _TopicsAllowed(Request[_TopicsAllowedRequestV8]):  # type: ignore[misc]  # as above
    """Metadata with what the asker may do, which aiokafka does not have (protocol version 8, Kafka 2.3)."""

    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[_TopicsAllowedRequestV8]) -> _TopicsAllowedRequestV8:
        return request_struct_class(self._names, False, False, True)


class _GroupAllowedRequestV3(RequestStruct):  # type: ignore[misc]  # as above
    API_KEY = 15
    API_VERSION = 3
    RESPONSE_TYPE = DescribeGroupsResponse_v3
    SCHEMA = DescribeGroupsRequest_v3.SCHEMA


class _GroupAllowed(Request[_GroupAllowedRequestV3]):  # type: ignore[misc]  # as above
    """A group with what the asker may do; aiokafka 0.14 reads the answer by the schema of version 2."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._group = group

    def build(self, request_struct_class: type[_GroupAllowedRequestV3]) -> _GroupAllowedRequestV3:
        return request_struct_class([self._group], True)
