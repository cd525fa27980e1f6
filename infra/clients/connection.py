"""How to reach the servers and prove who we are, as one value that all clients take, and the one place they are made.

Every client of brokers and registry is constructed here, and a test fails where one is constructed elsewhere: a client
made in passing would work on an open installation and not on a secured one.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypedDict

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient

from infra.clients.endpoints import Endpoints, find_endpoints
from infra.clients.tls import tls_context
from infra.settings import SaslMechanism, SecurityProtocol, Settings

CLIENT_ID = "faretide"


class KafkaOptions(TypedDict, total=False):
    """Keyword arguments that every aiokafka client takes."""

    bootstrap_servers: str
    client_id: str
    security_protocol: str
    ssl_context: ssl.SSLContext
    sasl_mechanism: str
    sasl_plain_username: str
    sasl_plain_password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How connections are secured; by default they are not. `protocol` and `mechanism` may be their names as text.

    >>> Security(protocol="SASL_SSL").protocol
    <SecurityProtocol.SASL_SSL: 'SASL_SSL'>
    """

    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    tls: ssl.SSLContext | None = None
    mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    user: str = ""
    password: str = field(default="", repr=False)
    registry_tls: ssl.SSLContext | None = None
    registry_user: str = ""
    registry_password: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError naming the field whose text is none of its values."""
        object.__setattr__(self, "protocol", _named(SecurityProtocol, "protocol", self.protocol))
        object.__setattr__(self, "mechanism", _named(SaslMechanism, "mechanism", self.mechanism))


def _named(kind: type[StrEnum], field_name: str, text: str) -> StrEnum:
    if text not in set(kind):
        raise ValueError(f"{field_name} must be one of {', '.join(kind)}, got {text!r}")
    return kind(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The servers of one installation."""

    endpoints: Endpoints
    security: Security = field(default_factory=Security)
    client_id: str = CLIENT_ID

    def kafka(self) -> KafkaOptions:
        """What an aiokafka client needs to know to connect."""
        options = KafkaOptions(
            bootstrap_servers=self.endpoints.bootstrap,
            client_id=self.client_id,
            security_protocol=str(self.security.protocol),
        )
        if self.security.tls is not None:
            options["ssl_context"] = self.security.tls
        if self.security.protocol.asks_for_password:
            options["sasl_mechanism"] = str(self.security.mechanism)
            options["sasl_plain_username"] = self.security.user
            options["sasl_plain_password"] = self.security.password
        return options


def connect(settings: Settings, *, client_id: str = CLIENT_ID) -> Connection:
    """The servers and the credentials that the settings name, or those of the `faretide up` running here.

    Raises NothingRunsError if there are none, ValueError if a certificate file cannot be used.
    """
    return Connection(endpoints=find_endpoints(settings), security=_security(settings), client_id=client_id)


def kafka_consumer(options: Mapping[str, Any], **reading: Any) -> AIOKafkaConsumer:  # noqa: ANN401  aiokafka's options
    """A consumer, not started. `options` are those of `Connection.kafka`, `reading` says how it reads."""
    return AIOKafkaConsumer(**options, **reading)


def kafka_producer(options: Mapping[str, Any], **writing: Any) -> AIOKafkaProducer:  # noqa: ANN401  as above
    """A producer, not started. `options` are those of `Connection.kafka`, `writing` says how it writes."""
    return AIOKafkaProducer(**options, **writing)


def kafka_admin(options: Mapping[str, Any], **asking: Any) -> AIOKafkaAdminClient:  # noqa: ANN401  as above
    """An admin client, not started. `options` are those of `Connection.kafka`."""
    return AIOKafkaAdminClient(**options, **asking)


def kafka_client(options: Mapping[str, Any]) -> AIOKafkaClient:
    """A bare client, not connected. `options` are those of `Connection.kafka`."""
    return AIOKafkaClient(**options)


def registry_client(
    connection: Connection,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    **asking: Any,  # noqa: ANN401  httpx's
) -> httpx.AsyncClient:
    """A client of the schema registry that signs in; `transport` stands for the network in tests."""
    security = connection.security
    return httpx.AsyncClient(
        transport=transport,
        verify=security.registry_tls or True,
        auth=(security.registry_user, security.registry_password) if security.registry_user else None,
        **asking,
    )


def _security(settings: Settings) -> Security:
    return Security(
        protocol=settings.kafka_security,
        tls=_kafka_tls(settings) if settings.kafka_security.encrypts else None,
        mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
        registry_tls=tls_context(ca_file=settings.registry_ca_file) if settings.registry_ca_file else None,
        registry_user=settings.registry_user,
        registry_password=settings.registry_password.get_secret_value(),
    )


def _kafka_tls(settings: Settings) -> ssl.SSLContext:
    return tls_context(
        ca_file=settings.kafka_ca_file,
        certificate_file=settings.kafka_certificate_file,
        key_file=settings.kafka_key_file,
    )
