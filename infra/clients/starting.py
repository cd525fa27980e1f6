"""Starting a client of the brokers, and finding out why it does not start.

The Kafka library writes the reason of a failed connection to its log and raises that there is none. So after a failure
the first broker is asked once more, over a single connection, whose error is the reason itself.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from infra.clients.connection import Connection
from infra.clients.errors import UnreachableError
from infra.clients.kafka_errors import kafka_errors

ASK_AGAIN_MS = 5_000


class Client(Protocol):
    """A consumer, producer or admin client."""

    async def start(self) -> None:
        """Connect."""


async def start(client: Client, connection: Connection) -> None:
    """Start `client`; who made it closes it, also after a failure.

    Raises UnreachableError, AccessDeniedError, ClientError, each saying why and what to do.
    """
    with kafka_errors(connection.endpoints.bootstrap, "connecting"):
        try:
            await client.start()
        except KafkaConnectionError as error:
            raise await _reason(connection) or error from error


async def _reason(connection: Connection) -> Exception | None:
    """What a connection of its own to the first broker fails with; None if it does not fail."""
    options: Mapping[str, Any] = connection.kafka()
    own = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    host, port, _ = collect_hosts(connection.endpoints.bootstrap)[0]
    try:
        probe = await create_conn(host, port, **own, request_timeout_ms=ASK_AGAIN_MS)
    except KafkaConnectionError:
        return UnreachableError(
            f"the broker at {host}:{port} ends the connection at once: does FARETIDE_KAFKA_SECURITY="
            f"{connection.security.protocol} fit what it expects on this port?"
        )
    except (KafkaError, OSError, TimeoutError, NotImplementedError) as error:
        return error
    probe.close()
    return None
