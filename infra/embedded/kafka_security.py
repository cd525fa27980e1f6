"""A broker that lets in whom it knows: TLS, SCRAM-SHA-512 and access control, on the loopback address.

    clients  ──SASL_SSL, SCRAM──>  broker  ──SASL_PLAINTEXT, PLAIN──>  controller (the same process)

Users are made when the storage is formatted. Only `ADMIN` may do anything; the others have no right until one is
granted. `faretide up` runs an open broker: nothing but this machine reaches it, and whoever does could read its files.
"""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from infra.embedded.ports import LOOPBACK, is_free

ADMIN = "admin"
LISTENER = "SASL_SSL"
MECHANISM = "SCRAM-SHA-512"
ANSWER_WITHIN_MS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSecurity:
    """Certificates and users of one broker.

    `key_and_chain` is a PEM file of the private key (PKCS #8) and its certificates, `authority` one of the authority's
    certificate. `passwords` by user name hold one of ADMIN; letters, digits, `-` and `_` only.
    """

    key_and_chain: Path
    authority: Path
    passwords: Mapping[str, str] = field(repr=False)

    def settings(self) -> dict[str, str]:
        """What the broker's properties say beyond those of an open one."""
        password = self.passwords[ADMIN]
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required"
        plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        return {
            "listener.security.protocol.map": f"CONTROLLER:SASL_PLAINTEXT,{LISTENER}:{LISTENER}",
            "inter.broker.listener.name": LISTENER,
            "sasl.enabled.mechanisms": MECHANISM,
            "sasl.mechanism.inter.broker.protocol": MECHANISM,
            "sasl.mechanism.controller.protocol": "PLAIN",
            f"listener.name.{LISTENER.lower()}.{MECHANISM.lower()}.sasl.jaas.config": (
                f'{scram} username="{ADMIN}" password="{password}";'
            ),
            "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.controller.plain.sasl.jaas.config": (
                f'{plain} username="{ADMIN}" password="{password}" user_{ADMIN}="{password}";'
            ),
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(self.key_and_chain),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(self.authority),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:{ADMIN}",
            "allow.everyone.if.no.acl.found": "false",
        }

    def format_options(self) -> list[str]:
        """Options of the formatter that make the users."""
        return [f"--add-scram={MECHANISM}=[name={user},password={word}]" for user, word in self.passwords.items()]

    def accepts_records(self, port: int) -> bool:
        """Whether the broker on `port` lets ADMIN in and counts itself among the live ones."""
        return not is_free(port) and asyncio.run(self._lists_itself(port))

    async def _lists_itself(self, port: int) -> bool:
        try:
            connection = await create_conn(
                LOOPBACK,
                port,
                request_timeout_ms=ANSWER_WITHIN_MS,
                security_protocol=LISTENER,
                ssl_context=ssl.create_default_context(cafile=self.authority),
                sasl_mechanism=MECHANISM,
                sasl_plain_username=ADMIN,
                sasl_plain_password=self.passwords[ADMIN],
            )
        except (OSError, KafkaError, TimeoutError):
            return False
        try:
            return bool((await connection.send(MetadataRequest([]))).brokers)
        except (KafkaError, TimeoutError):
            return False
        finally:
            connection.close()
