"""How to reach the servers and prove who we are, as one value that all clients take."""

import ssl
from dataclasses import dataclass, field
from typing import TypedDict

from infra.clients.endpoints import Endpoints, find_endpoints
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
    """How connections are secured; by default they are not."""

    protocol: SecurityProtocol = SecurityProtocol.PLAINTEXT
    tls: ssl.SSLContext | None = None
    mechanism: SaslMechanism = SaslMechanism.SCRAM_SHA_512
    user: str = ""
    password: str = field(default="", repr=False)
    registry_user: str = ""
    registry_password: str = field(default="", repr=False)


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


def _security(settings: Settings) -> Security:
    return Security(
        protocol=settings.kafka_security,
        tls=_tls(settings) if settings.kafka_security.encrypts else None,
        mechanism=settings.kafka_sasl_mechanism,
        user=settings.kafka_user,
        password=settings.kafka_password.get_secret_value(),
        registry_user=settings.registry_user,
        registry_password=settings.registry_password.get_secret_value(),
    )


def _tls(settings: Settings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.kafka_ca_file)
        if settings.kafka_certificate_file:
            context.load_cert_chain(settings.kafka_certificate_file, settings.kafka_key_file)
    except (OSError, ssl.SSLError) as error:
        files = (settings.kafka_ca_file, settings.kafka_certificate_file, settings.kafka_key_file)
        named = ", ".join(str(file) for file in files if file)
        raise ValueError(f"certificate files must be readable PEM, got {named}: {error}") from None
    return context
