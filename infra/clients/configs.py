"""What brokers say of their settings, and of those of topics."""

from collections.abc import Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource


async def configs_told(
    client: AIOKafkaAdminClient, asked: Sequence[ConfigResource]
) -> dict[str, dict[str, str | None]]:
    """Values by name of each resource that was asked for, as far as they are told. Raises KafkaError."""
    return {
        resource["resource_name"]: {
            entry["config_names"]: entry["config_value"] for entry in resource["config_entries"]
        }
        for answer in (await client.describe_configs(asked) if asked else [])
        for resource in answer.to_object()["resources"]
    }
