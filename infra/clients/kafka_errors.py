"""Errors of the Kafka library, as the few of this package."""

from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka.errors import (
    AuthenticationFailedError,
    KafkaConnectionError,
    KafkaError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    NodeNotReadyError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from infra.clients.errors import ClientError, TopicMissingError, UnreachableError

CANNOT_NOW = (KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError, OSError, TimeoutError)


@contextmanager
def kafka_errors(bootstrap: str, doing: str) -> Iterator[None]:
    """Raise what goes wrong inside as a ClientError that says what was being done and what to do next."""
    try:
        yield
    except (AuthenticationFailedError, TopicAuthorizationFailedError) as error:
        raise ClientError(
            f"the brokers at {bootstrap} refuse these credentials for {doing}: check FARETIDE_KAFKA_*"
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


def _why(error: BaseException) -> str:
    """What the library says, without its class name and its notation for addresses."""
    if isinstance(error, KafkaConnectionError):
        return "no connection"
    return ", ".join(str(part) for part in error.args) or type(error).__name__
