"""Every setting of Faretide, read from the environment.

A setting `log_level` is the variable FARETIDE_LOG_LEVEL. There is no configuration file. A secret may stand in a file
instead, named by its variable with `_FILE` appended (see `secret_files`). Importing reads nothing; whoever needs
settings calls `read_settings()` once and passes values on. Secrets print as stars.
"""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from infra.secret_files import FILE_SUFFIX, OF_ONE_COMMAND, SecretFileError, secrets_in_files

ENVIRONMENT_PREFIX = "FARETIDE_"
LIKE_A_SETTING = 0.85
"""Likeness (difflib) from which an unknown variable is taken for a misspelt one. Others are let through: a cluster
that runs a service named `faretide` gives every container variables such as FARETIDE_PORT_8080_TCP."""


class LogFormat(StrEnum):
    """How log lines look. AUTO: CONSOLE on a terminal, JSON otherwise."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


class LogLevel(StrEnum):
    """The least severe lines that are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class SecurityProtocol(StrEnum):
    """How a connection to the broker is encrypted and who proves who they are, in Kafka's words."""

    PLAINTEXT = "PLAINTEXT"
    SSL = "SSL"
    SASL_PLAINTEXT = "SASL_PLAINTEXT"
    SASL_SSL = "SASL_SSL"

    @property
    def asks_for_password(self) -> bool:
        """Whether a client names itself by user and password."""
        return self.startswith("SASL")

    @property
    def encrypts(self) -> bool:
        """Whether the connection is TLS."""
        return self.endswith("SSL")


class SaslMechanism(StrEnum):
    """How user and password are proven to the broker."""

    PLAIN = "PLAIN"
    SCRAM_SHA_256 = "SCRAM-SHA-256"
    SCRAM_SHA_512 = "SCRAM-SHA-512"


# A laptop's disk: four busy topics fill two gigabytes.
EMBEDDED_TOPIC_MEGABYTES = 256


class Settings(BaseSettings):
    """What differs between installations; `docs/settings.md` is this class as a table."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, env_ignore_empty=True, frozen=True, extra="ignore")

    bootstrap: str = Field(
        default="",
        description="Kafka brokers, `host:port` with commas between. Empty: the servers that `faretide up` runs here.",
    )
    registry_url: str = Field(
        default="",
        description="Schema registry with the Confluent API, such as `http://registry:8081`. Goes with `bootstrap`.",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
        description="PostgreSQL, `postgresql://user:password@host:port/name`. Empty: the one `faretide up` runs here.",
    )
    keep_days: int = Field(
        default=30,
        ge=1,
        le=3650,
        description="Days, today included, for which the recorder keeps quotes, ticks, decisions, ride events and dead "
        "letters in PostgreSQL.",
    )
    state_dir: Path = Field(
        default=Path(".faretide"),
        description="Directory of the embedded servers, their data, and the note where they can be reached.",
    )
    driver_partitions: int = Field(
        default=4, ge=1, le=1024, description="Partitions of topics keyed by driver, fixed when a topic is created."
    )
    rider_partitions: int = Field(
        default=4, ge=1, le=1024, description="Partitions of topics keyed by rider, fixed when a topic is created."
    )
    zone_partitions: int = Field(
        default=4, ge=1, le=1024, description="Partitions of topics keyed by zone, fixed when a topic is created."
    )
    replication_factor: int = Field(
        default=1,
        ge=1,
        le=9,
        description="Copies of each partition. A write needs all but one of them, or both if there are two.",
    )
    topic_megabytes: int = Field(
        default=0,
        ge=0,
        description="Bytes a topic may take on a broker besides its time, in 10^6, shared by its partitions (dead "
        "letters: an eighth); policies, markets and models are never bounded. 0: none on your brokers, 256 on the one "
        "`faretide up` runs.",
    )
    instance_id: str = Field(
        default="",
        description="Name of this worker, kept over restarts and unique per service (a static member). Empty: none.",
    )
    flush_ms: int = Field(
        default=250,
        ge=10,
        le=5000,
        description="How often SUPPLY and DEMAND publish what changed: less is fresher, and costs more records.",
    )
    metrics_port: int = Field(
        default=0,
        ge=0,
        le=65535,
        description="Port at which a worker shows `/metrics`, `/livez` and `/readyz`. 0: none.",
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Address on which it does; `0.0.0.0` in a container, since probes come from outside.",
    )
    log_format: LogFormat = Field(
        default=LogFormat.AUTO, description="`console`, `json`, or `auto`: console on a terminal, JSON lines otherwise."
    )
    log_level: LogLevel = Field(
        default=LogLevel.INFO, description="Least severe lines written: `debug`, `info`, `warning` or `error`."
    )
    kafka_security: SecurityProtocol = Field(
        default=SecurityProtocol.PLAINTEXT,
        description="`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`, for every connection to the brokers.",
    )
    kafka_sasl_mechanism: SaslMechanism = Field(
        default=SaslMechanism.SCRAM_SHA_512,
        description="`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; used by SASL only.",
    )
    kafka_user: str = Field(default="", description="User name for the brokers; used by SASL only.")
    kafka_password: SecretStr = Field(default=SecretStr(""), description="Password for the brokers; used by SASL only.")
    kafka_ca_file: Path | None = Field(
        default=None, description="Certificates of authorities trusted for brokers, PEM. Empty: those of the system."
    )
    kafka_certificate_file: Path | None = Field(
        default=None, description="Client certificate for brokers that ask for one, PEM."
    )
    kafka_key_file: Path | None = Field(default=None, description="Private key of the client certificate, PEM.")
    registry_user: str = Field(default="", description="User name for the schema registry. Empty: no sign-in.")
    registry_password: SecretStr = Field(default=SecretStr(""), description="Password for the schema registry.")
    registry_ca_file: Path | None = Field(
        default=None, description="Authorities trusted for an `https` registry, PEM. Empty: those of the system."
    )
    database_tls: bool = Field(
        default=False, description="Reach PostgreSQL by TLS only, and check its certificate and host name."
    )
    database_ca_file: Path | None = Field(
        default=None, description="Authorities trusted for PostgreSQL, PEM. Empty: those of the system."
    )
    log_key: SecretStr = Field(
        default=SecretStr(""),
        description="Key of the pseudonyms that stand for ids in logs. Empty: a new one at each start.",
    )

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        """Refuse halves of what only works as a pair.

        Raises ValueError naming the missing half.
        """
        if self.bootstrap and not self.registry_url:
            raise ValueError(
                "FARETIDE_REGISTRY_URL must be set when FARETIDE_BOOTSTRAP is: an embedded registry has other ids"
            )
        if self.registry_url and not self.bootstrap:
            raise ValueError("FARETIDE_BOOTSTRAP must be set when FARETIDE_REGISTRY_URL is")
        if self.kafka_security.asks_for_password and not (self.kafka_user and self.kafka_password.get_secret_value()):
            raise ValueError(f"FARETIDE_KAFKA_USER and FARETIDE_KAFKA_PASSWORD must be set for {self.kafka_security}")
        if self.kafka_key_file and not self.kafka_certificate_file:
            raise ValueError("FARETIDE_KAFKA_CERTIFICATE_FILE must be set when FARETIDE_KAFKA_KEY_FILE is")
        if self.database_ca_file and not self.database_tls:
            raise ValueError("FARETIDE_DATABASE_TLS must be true when FARETIDE_DATABASE_CA_FILE is set")
        if "@" in urlsplit(self.registry_url).netloc:  # an address is printed, also in errors
            raise ValueError(
                "FARETIDE_REGISTRY_URL must hold no user or password: set FARETIDE_REGISTRY_USER and "
                "FARETIDE_REGISTRY_PASSWORD"
            )
        return self

    @property
    def bytes_per_topic(self) -> int:
        """Bytes a topic may take; 0 if there is no bound."""
        megabytes = self.topic_megabytes or (0 if self.bootstrap else EMBEDDED_TOPIC_MEGABYTES)
        return megabytes * 10**6

    @property
    def in_sync_replicas(self) -> int:
        """Copies that must have a record before it counts as written: all but one, but two of two."""
        return max(self.replication_factor - 1, min(self.replication_factor, 2))


class SettingsInvalidError(Exception):
    """A setting has a value it cannot have; says which variable, and never repeats a secret."""


def read_settings() -> Settings:
    """The settings of this process's environment and of the files of secrets it names.

    Raises SettingsInvalidError naming each variable at fault, also one that is nearly the name of a setting.
    """
    if misspelt := _misspelt(os.environ):
        raise SettingsInvalidError("; ".join(misspelt))
    try:
        secrets: dict[str, Any] = {**secrets_in_files({name: variable_of(name) for name in secret_settings()})}
        return Settings(**secrets)
    except SecretFileError as error:
        raise SettingsInvalidError(str(error)) from None
    except ValidationError as error:
        sentences = [_sentence(issue["loc"], issue["msg"]) for issue in error.errors()]
        raise SettingsInvalidError("; ".join(sentences)) from None


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    """What is wrong with one variable, without its value.

    >>> _sentence(("zone_partitions",), "Input should be a valid integer")
    'FARETIDE_ZONE_PARTITIONS: input should be a valid integer'
    """
    said = message.removeprefix("Value error, ")
    if not location:
        return said
    return f"{variable_of(str(location[0]))}: {said[0].lower()}{said[1:]}"


def _misspelt(variables: Iterable[str]) -> list[str]:
    """A sentence for each variable that is no setting but nearly one.

    >>> _misspelt(["FARETIDE_BOOTSTRP", "FARETIDE_BOOTSTRAP", "FARETIDE_PORT_8080_TCP"])
    ['FARETIDE_BOOTSTRP: is no setting, did you mean FARETIDE_BOOTSTRAP?']
    """
    known = {variable_of(name) for name in Settings.model_fields}
    known |= OF_ONE_COMMAND | {
        variable + FILE_SUFFIX for variable in OF_ONE_COMMAND.union(map(variable_of, secret_settings()))
    }
    names = {name.removeprefix(ENVIRONMENT_PREFIX): name for name in known}
    said = []
    for variable in sorted(set(variables) - known):
        near = get_close_matches(variable.removeprefix(ENVIRONMENT_PREFIX), names, 1, LIKE_A_SETTING)
        if variable.startswith(ENVIRONMENT_PREFIX) and near:
            said.append(f"{variable}: is no setting, did you mean {names[near[0]]}?")
    return said


def secret_settings() -> list[str]:
    """Names of the settings that nobody is to read in a log, a table or an error."""
    return [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]


def variable_of(name: str) -> str:
    """The environment variable of the setting called `name`.

    >>> variable_of("bootstrap")
    'FARETIDE_BOOTSTRAP'
    """
    return f"{ENVIRONMENT_PREFIX}{name.upper()}"
