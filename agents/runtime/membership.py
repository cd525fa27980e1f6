"""Taking static members out of their consumer group.

A static member never leaves by itself: when a service is scaled down, its partitions would wait a whole session for a
new owner, and when its subscription changes, the group would silently keep the old assignment.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from infra.clients.connection import kafka_admin

_UNKNOWN_MEMBER = 25


class _LeaveGroupResponse(Response):
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")), ("error_code", Int16)),
        ),
    )


class _LeaveGroupRequestV3(RequestStruct):
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _LeaveGroupResponse
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class _LeaveGroup(Request[_LeaveGroupRequestV3]):
    """LeaveGroup by instance id, which aiokafka does not have (protocol version 3, Kafka 2.4)."""

    API_KEY = 13

    def __init__(self, group: str, instance_ids: Iterable[str]) -> None:
        self._group, self._members = group, [("", instance_id) for instance_id in instance_ids]

    def build(self, request_struct_class: type[_LeaveGroupRequestV3]) -> _LeaveGroupRequestV3:
        return request_struct_class(self._group, self._members)


async def take_out(admin: AIOKafkaAdminClient, group: str, instance_ids: Iterable[str]) -> set[str]:
    """Take those members out of `group` by a client that has started, and return those that were in it.

    Raises KafkaError if the broker refuses or does not answer.
    """
    try:
        coordinator = await admin.find_coordinator(group)
        answer = await admin._send_request(_LeaveGroup(group, instance_ids), coordinator)
    except GroupAuthorizationFailedError as error:
        raise GroupAuthorizationFailedError(group) from error  # in place of the library's sentence
    codes = {instance_id: code for _, instance_id, code in answer.members}
    failures = [code for code in (answer.error_code, *codes.values()) if code not in (0, _UNKNOWN_MEMBER)]
    if failures:
        error_class = for_code(failures[0])
        denied = error_class is GroupAuthorizationFailedError
        raise error_class(group if denied else f"group {group} refused to remove {sorted(codes)}")
    return {instance_id for instance_id, code in codes.items() if code == 0}


async def is_member(bootstrap: str, group: str, client_id: str, *, security: Mapping[str, Any] | None = None) -> bool:
    """Whether the group has a member of that client id, which is a worker's name; if no broker can say, it may be."""
    admin = kafka_admin({"bootstrap_servers": bootstrap, **(security or {})})
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([group])
    except KafkaError:
        return True
    finally:
        await admin.close()
    members = [member for found in answer.to_object()["groups"] for member in found["members"]]
    return any(member["client_id"] == client_id for member in members)
