"""A broker with TLS, SCRAM and access control, its certificates, and rights granted by the official client."""

from collections.abc import Iterable
from pathlib import Path

import trustme
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from infra.clients.connection import Connection, connect
from infra.clients.rights import Resource, Right
from infra.embedded.kafka import EmbeddedKafka
from infra.embedded.kafka_security import ADMIN, KafkaSecurity
from infra.settings import Settings
from topics.roles import ROLES

OPERATIONS = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Create": AclOperation.CREATE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
RESOURCES = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.CLUSTER: ResourceType.BROKER,
}


def password_of(user: str) -> str:
    """Return the password of a user; recognisable wherever it should not stand."""
    return f"hunter2-{user}-secret"


class Authority:
    """A certificate authority, its certificate and a broker's key as files."""

    def __init__(self, directory: Path) -> None:
        """Issue a certificate for 127.0.0.1, and for no host name."""
        self._authority = trustme.CA()
        self.certificate = directory / "authority.pem"
        self._authority.cert_pem.write_to_path(self.certificate)
        issued = self._authority.issue_cert("127.0.0.1")
        self.key_and_chain = directory / "broker.pem"
        key = load_pem_private_key(issued.private_key_pem.bytes(), None)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.key_and_chain.write_bytes(pem + b"".join(part.bytes() for part in issued.cert_chain_pems))


class SecuredKafka:
    """A broker that runs, on which each role is a user without any right."""

    def __init__(self, directory: Path, cache: Path) -> None:
        """Prepare certificates and users; `start` starts it."""
        directory.mkdir(parents=True)
        self.authority = Authority(directory)
        users = (ADMIN, *(role.name for role in ROLES))
        security = KafkaSecurity(
            key_and_chain=self.authority.key_and_chain,
            authority=self.authority.certificate,
            passwords={user: password_of(user) for user in users},
        )
        self.kafka = EmbeddedKafka(directory / "kafka", cache, security=security)

    @property
    def bootstrap(self) -> str:
        """Address of the broker."""
        return self.kafka.bootstrap

    def variables(self, user: str, registry_url: str) -> dict[str, str]:
        """Return the settings of a process that signs in as `user`."""
        return {
            "FARETIDE_BOOTSTRAP": self.bootstrap,
            "FARETIDE_REGISTRY_URL": registry_url,
            "FARETIDE_KAFKA_SECURITY": "SASL_SSL",
            "FARETIDE_KAFKA_USER": user,
            "FARETIDE_KAFKA_PASSWORD": password_of(user),
            "FARETIDE_KAFKA_CA_FILE": str(self.authority.certificate),
        }

    def settings(self, user: str, registry_url: str) -> Settings:
        """Return the same settings for a client in this process."""
        named = self.variables(user, registry_url).items()
        return Settings(**{name.removeprefix("FARETIDE_").lower(): value for name, value in named})

    def connection(self, user: str, registry_url: str) -> Connection:
        """Return the connection of `user`."""
        return connect(self.settings(user, registry_url))

    def grant(self, user: str, rights: Iterable[Right]) -> None:
        """Allow `user` these."""
        admin = self._admin()  # its answers end with it
        for future in admin.create_acls([_binding(user, right) for right in rights]).values():
            future.result(10)

    def revoke(self, user: str, right: Right) -> None:
        """Take one right away."""
        bound = _binding(user, right)
        filtered = AclBindingFilter(
            bound.restype,
            bound.name,
            bound.resource_pattern_type,
            bound.principal,
            bound.host,
            bound.operation,
            bound.permission_type,
        )
        admin = self._admin()
        for future in admin.delete_acls([filtered]).values():
            assert len(future.result(10)) == 1

    def _admin(self) -> AdminClient:
        return AdminClient(
            {
                "bootstrap.servers": self.bootstrap,
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": ADMIN,
                "sasl.password": password_of(ADMIN),
                "ssl.ca.location": str(self.authority.certificate),
            }
        )


def _binding(user: str, right: Right) -> AclBinding:
    return AclBinding(
        RESOURCES[right.resource],
        right.name,
        ResourcePatternType.PREFIXED if right.prefixed else ResourcePatternType.LITERAL,
        f"User:{user}",
        "*",
        OPERATIONS[right.operation],
        AclPermissionType.ALLOW,
    )
