"""Errors of the Kafka library, as the few of this package."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    IncompatibleBrokerVersion,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    RequestTimedOutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    UnsupportedSaslMechanismError,
    UnsupportedVersionError,
)

from infra.clients.errors import AccessDeniedError, ClientError, TopicMissingError, UnreachableError
from infra.clients.tls import Server, handshake_failed

WRONG_CREDENTIALS = (AuthenticationFailedError, SaslAuthenticationFailed)
WRONG_SIGN_IN = (UnsupportedSaslMechanismError, IllegalSaslStateError)
RIGHT_MISSING = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)
TOO_OLD = (IncompatibleBrokerVersion, UnsupportedVersionError, NotImplementedError)
CANNOT_NOW = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError, OSError, TimeoutError)
OLDEST_KAFKA = "3.6"
"""The first that refuses rows of a process that no longer has its place by their age (KIP-937, ADR 15)."""


@contextmanager
def kafka_errors(bootstrap: str, doing: str) -> Iterator[None]:
    """Raise what goes wrong inside as a ClientError that says what was being done and what to do next."""
    try:
        yield
    except ssl.SSLError as error:  # an OSError, too
        raise handshake_failed(error, broker(bootstrap)) from error
    except (*WRONG_CREDENTIALS, *WRONG_SIGN_IN, *RIGHT_MISSING) as error:
        raise AccessDeniedError(_denied(error, bootstrap, doing)) from error
    except TOO_OLD as error:
        raise ClientError(
            f"the brokers at {bootstrap} are too old for {doing} ({_why(error)}): use Kafka {OLDEST_KAFKA} or newer"
        ) from error
    except CANNOT_NOW as error:
        raise UnreachableError(f"the brokers at {bootstrap} do not answer while {doing}: {_why(error)}") from error
    except UnknownTopicOrPartitionError as error:
        raise TopicMissingError(
            f"{doing} needs a topic that the brokers at {bootstrap} lack: create it with `faretide topics create`"
        ) from error
    except MessageSizeTooLargeError as error:
        raise ClientError(f"a record is too large while {doing}: {_why(error)}") from error
    except KafkaError as error:
        raise ClientError(f"the brokers at {bootstrap} refused {doing}: {_why(error)}") from error


def broker(bootstrap: str) -> Server:
    """The brokers, as sentences about a handshake name them."""
    return Server(
        name=f"the broker at {bootstrap}",
        address_variable="FARETIDE_BOOTSTRAP",
        ca_variable="FARETIDE_KAFKA_CA_FILE",
        plain_advice="use its TLS port or a FARETIDE_KAFKA_SECURITY without SSL",
    )


def _denied(error: BaseException, bootstrap: str, doing: str) -> str:
    if isinstance(error, WRONG_SIGN_IN):
        return (
            f"the brokers at {bootstrap} take another kind of sign-in: set FARETIDE_KAFKA_SASL_MECHANISM to one "
            "they offer"
        )
    if isinstance(error, WRONG_CREDENTIALS):
        return f"the brokers at {bootstrap} refuse this user or password: check FARETIDE_KAFKA_USER and _PASSWORD"
    return (
        f"the brokers at {bootstrap} refuse this user the right for {doing} ({lacking(error)}): "
        "grant it as `faretide topics acls` says"
    )


def lacking(error: BaseException) -> str:
    """What an authorization error was about: topics or a group, as far as the library says."""
    kind = {TopicAuthorizationFailedError: "topic", GroupAuthorizationFailedError: "group"}.get(type(error), "cluster")
    names = [str(part) for arg in error.args for part in ([arg] if isinstance(arg, str) else arg)]
    return " ".join((kind, ", ".join(sorted(names)))).strip()


def _why(error: BaseException) -> str:
    """What the library says, without its class name and its notation for addresses."""
    if isinstance(error, KafkaConnectionError):
        return "no connection"
    return ", ".join(str(part) for part in error.args) or type(error).__name__
