"""What can go wrong between a client and the servers. Each message is one sentence for a person."""


class ClientError(Exception):
    """Something asked of a server was not done."""


class UnreachableError(ClientError):
    """A server does not answer or answers that it cannot now. Trying again later may work."""


class AccessDeniedError(ClientError):
    """A server refused who we are or what we asked for, or we its certificate. Trying again changes nothing."""


class RegistryUnavailable(UnreachableError):  # noqa: N818  a state of the world that callers wait out
    """The schema registry gave no usable answer in time."""


class NothingRunsError(ClientError):
    """No server is configured and none runs on this machine."""


class SchemaIncompatibleError(ClientError):
    """The registry holds versions of a schema that the new one cannot live beside."""


class SchemaMissingError(ClientError):
    """The registry has no schema for a topic."""


class TopicMissingError(ClientError):
    """The broker has no such topic."""


class UnreadableError(ClientError):
    """A record's value cannot be decoded; says where it stands and why."""


class NoAnswerError(ClientError):
    """A quote request was published but nobody answered in time."""
